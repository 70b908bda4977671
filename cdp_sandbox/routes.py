"""Which route a request's path means."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from cdp_sandbox.switches import Switches
from cdp_sandbox.writing import ACTIONS

LISTINGS = ("events", "profiles")
"""The routes that list the whole account."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route's name, the account in its path, and the raw `{idType}:{id}` of a profile route."""

    name: str
    account: tuple[bytes, ...] = ()
    profile: bytes = b""


UNKNOWN = Route("unknown")


def match(method: str, raw_path: bytes, switches: Switches) -> Route:
    """Find the route of a path as it was sent, nothing decoded: an encoded slash separates nothing."""
    parts = raw_path.split(b"/")
    if len(parts) < 7 or parts[1] != b"track" or parts[5] != b"v1":
        return UNKNOWN
    account, rest = tuple(parts[2:5]), parts[6:]
    if method == "POST":
        action = rest[0].decode("latin-1")
        return Route(action, account) if len(rest) == 1 and action in ACTIONS else UNKNOWN
    if method != "GET":
        return UNKNOWN
    if rest == [b"events"] or (rest == [b"events", b""] and switches.events_slash == "both"):
        return Route("events", account)
    if rest == [b"profiles"]:
        return Route("profiles", account)
    if len(rest) == 3 and rest[0] == b"profiles":
        if rest[2] == b"traits":
            return Route("traits", account, rest[1])
        if rest[2] == b"events":
            return Route("profile_events", account, rest[1])
        if rest[2] in (b"meta", b"metadata") and switches.meta_route in ("both", rest[2].decode()):
            return Route(rest[2].decode(), account, rest[1])
    return UNKNOWN


def profile_identifier(raw: bytes) -> tuple[str, str] | None:
    """Decode `{idType}:{id}` once; None when it is none (Profiles API, "Search by Any ID")."""
    try:
        id_type, colon, value = unquote_to_bytes(raw).decode().partition(":")
    except UnicodeDecodeError:
        return None
    return (id_type, value) if colon and value and id_type in ("userId", "email", "id") else None
