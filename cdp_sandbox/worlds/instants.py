"""Instants: whole milliseconds since 1970 in UTC, and the text the API writes for them."""

from datetime import UTC, datetime, timedelta

from cdp_sandbox.world import Millis

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def millis(text: str) -> Millis:
    """The instant an ISO 8601 text with an offset or a `Z` names; a text without either is a ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"no offset in {text!r}")
    return (instant - _EPOCH) // _MILLISECOND


def iso(instant: Millis) -> str:
    """The instant as the API writes it: `2020-11-19T13:39:17.380Z` (Profiles API, "Get a Customer's Events")."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
