"""The API itself: a request's whole answer, before any fault."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from cdp_sandbox import events_query, profiles_view, writing
from cdp_sandbox.answers import Answer, ApiError, to_json
from cdp_sandbox.routes import Route, profile_identifier
from cdp_sandbox.sandbox import Sandbox

MAX_GET_BYTES = 1024 * 1024
"""Events API and Profiles API, "Limits": the maximum size of any request is 1mb."""


@dataclass(slots=True)
class Request:
    """One request on a known route; header names in lower case."""

    route: Route
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)
    scroll_id: str | None = None
    """The scroll it goes on with; None for the first page."""

    def read_query(self, sandbox: Sandbox) -> None:
        """Decode the query, and find the scroll id under the spelling that the switch knows."""
        self.parameters = dict(parse_qsl(self.query.decode("latin-1"), keep_blank_values=True))
        if self.route.name == "profiles":
            spelling = sandbox.switches.scroll_parameter
            for name in ("scrollId", "scrollid") if spelling == "both" else (spelling,):
                self.scroll_id = self.parameters.get(name, self.scroll_id)


def respond(sandbox: Sandbox, request: Request, token: bytes) -> Answer:
    """Answer one request, with all its effects."""
    try:
        _authorise(sandbox, request, token)
        _check_form(sandbox, request)
        answer = _answer(sandbox, request)
        if sandbox.switches.response_limit == "1mb" and len(answer.body) > sandbox.limits.response_bytes:
            raise ApiError(413, "invalid_request_error", "The response is too large.")
    except ApiError as error:
        return error.answer(sandbox.switches)
    return answer


def scroll_gone(sandbox: Sandbox) -> ApiError:
    """The 404 of a scroll that is unknown or has expired."""
    return ApiError(404, sandbox.switches.listing_expired, "The scroll was not found; it may have expired.")


def _authorise(sandbox: Sandbox, request: Request, token: bytes) -> None:
    world = sandbox.world
    given = request.headers.get(b"auth-token")
    if request.route.account != tuple(part.encode() for part in (world.client_id, world.account_id, world.brand_id)):
        raise ApiError(403, "authentication_error", "Token Not Authorised")
    if given != token:
        status = 403 if request.route.name in writing.ACTIONS else int(sandbox.switches.auth_status)
        raise ApiError(status, "authentication_error", "Token Not Authorised" if given else "No Token Supplied")


def _check_form(sandbox: Sandbox, request: Request) -> None:
    limit = writing.MAX_REQUEST_BYTES if request.route.name in writing.ACTIONS else MAX_GET_BYTES
    if max(len(request.body), len(request.query)) > limit:
        raise ApiError(413, "invalid_request_error", "Request too large")
    if sandbox.switches.content_type == "required":
        media_type = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise ApiError(400, "invalid_request_error", "content-type must be application/json")


def _answer(sandbox: Sandbox, request: Request) -> Answer:
    name = request.route.name
    if name == "events":
        return _events(sandbox, request)
    if name == "profiles":
        return _listing(sandbox, request)
    if name in writing.ACTIONS:
        new_ids = (sandbox.new_id(), sandbox.new_id())
        event_id = writing.write(sandbox.history, name, request.body, sandbox.clock, new_ids)
        return Answer(200, to_json({"success": True, "eventId": event_id}))
    return _profile(sandbox, request)


def _events(sandbox: Sandbox, request: Request) -> Answer:
    query = events_query.parse(request.parameters, sandbox.switches, sandbox.limits)
    if query is None:
        return Answer(200, b'{"data":[]}')
    page = events_query.account_page(sandbox.history, query, sandbox.clock, sandbox.switches, sandbox.tie_rng)
    return Answer(200, b'{"data":[' + b",".join(map(sandbox.history.event_body, page)) + b"]}")


def _listing(sandbox: Sandbox, request: Request) -> Answer:
    switches, history = sandbox.switches, sandbox.history
    if request.scroll_id is None:
        existing = history.existing(sandbox.clock)
        listed = [number for number in existing if not sandbox.faults.leaves_out(history.key_of(number).id)]
        scroll = sandbox.scrolls.start(listed, sandbox.clock, sandbox.limits.scroll_seconds)
    else:
        found = sandbox.scrolls.find(request.scroll_id, sandbox.limits.scroll_seconds)
        if found is None:
            raise scroll_gone(sandbox)
        scroll = found
    rotate = switches.scroll_ids != "keep"
    page, next_id = sandbox.scrolls.next_page(scroll, sandbox.limits.list_page, rotate=rotate)
    if not page and switches.scroll_end == "not_found":
        raise ApiError(404, "not_found", "Profile was not found.")
    if not page and switches.scroll_end == "empty_without_id":
        return Answer(200, b'{"data":[]}')
    if switches.listing == "id":
        data = [{"id": history.key_of(profile).id} for profile in page]
    else:
        data = [profiles_view.traits(history, profile, scroll.clock, switches) for profile in page]
    return Answer(200, to_json({"scrollId": next_id, "data": data}), scroll_id=next_id)


def _profile(sandbox: Sandbox, request: Request) -> Answer:
    name, history, clock, switches = request.route.name, sandbox.history, sandbox.clock, sandbox.switches
    identifier = profile_identifier(request.route.profile)
    if identifier is None:
        raise ApiError(400, "validation_error", "ProfileID must be in format of id_type:id")
    id_type, value = identifier
    profiles = history.lookup(id_type, value, clock)
    if not profiles and not (id_type == "email" and switches.email_missing == "empty"):
        # The document spells the first message so.
        raise ApiError(404, "not_found", "Custmer not found." if name == "traits" else "Profile was not found.")
    if name == "profile_events":
        return _profile_events(sandbox, request, profiles if id_type == "email" else profiles[:1])
    if name == "traits":
        shown = [profiles_view.traits(history, profile, clock, switches) for profile in profiles]
    else:
        shown = [profiles_view.metadata(history, profile, clock) for profile in profiles]
    return Answer(200, to_json({"data": shown} if id_type == "email" else shown[0]))


def _profile_events(sandbox: Sandbox, request: Request, profiles: list[int]) -> Answer:
    history, clock = sandbox.history, sandbox.clock
    query = events_query.parse(request.parameters, sandbox.switches, sandbox.limits)
    page: list[tuple[int, int]] = []
    if query is not None:
        page = events_query.profile_page(history, profiles, query, clock, sandbox.switches, sandbox.tie_rng)
    added = {profile: to_json(history.identifiers(profile, clock))[:-1] + b"," for profile in profiles}
    bodies = b",".join(added[profile] + history.event_body(position)[1:] for profile, position in page)
    # The example answer carries a scrollId; no parameter takes it.
    scroll_id = sandbox.new_id().encode()
    return Answer(200, b'{"scrollId":"' + scroll_id + b'","data":[' + bodies + b"]}")
