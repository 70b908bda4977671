"""What the documents leave open, as switches: the sandbox can behave either way."""

from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, cast, get_args, get_type_hints

_MEANING = "meaning"


def _switch(default: str, meaning: str) -> Any:
    return field(default=default, metadata={_MEANING: meaning})


@dataclass(frozen=True, slots=True)
class Switches:
    """One field a switch: its type lists the values, its metadata says what it decides."""

    scroll_parameter: Literal["scrollId", "scrollid", "both"] = _switch(
        "scrollId", "the spelling of the scroll parameter; the other one is ignored, so the first page comes again"
    )
    scroll_end: Literal["empty", "empty_without_id", "not_found"] = _switch(
        "empty", "the answer after the last page of a scroll: no data with or without a scrollId, or 404 not_found"
    )
    scroll_ids: Literal["rotate", "rotate_strict", "keep"] = _switch(
        "rotate",
        "a new scroll id with each page, where an older one is good until a newer one is used (rotate) or until its "
        "answer was delivered whole (rotate_strict), or one id for the whole scroll (keep)",
    )
    listing: Literal["id", "traits"] = _switch("id", "what a listed profile holds: its id, or all its traits")
    listing_expired: Literal["invalid_request_error", "scroll_expired"] = _switch(
        "invalid_request_error", "the code of the 404 for a scroll that is gone"
    )
    from_means: Literal["hits", "page"] = _switch("hits", "`from` counts hits to skip, or pages of `size`")
    over_cap: Literal["error", "empty", "repeat"] = _switch(
        "error", "the answer when from + size passes the cap: 400, no data, or the last allowed page again"
    )
    tie_order: Literal["stable", "shuffled"] = _switch(
        "stable", "events of one instant come in one order, or in another at each request"
    )
    include: Literal["one", "list"] = _switch("one", "`include` names one event action, or several between commas")
    start_bound: Literal["inclusive", "exclusive"] = _switch("inclusive", "whether an event at `start` is returned")
    end_bound: Literal["exclusive", "inclusive"] = _switch("exclusive", "whether an event at `end` is returned")
    window_time: Literal["eventTime", "receivedTime"] = _switch(
        "eventTime", "the time that `start`, `end` and `sort` compare"
    )
    events_slash: Literal["both", "without"] = _switch(
        "both", "`/v1/events/` is the same as `/v1/events`, or an unknown route"
    )
    meta_route: Literal["meta", "metadata", "both"] = _switch("meta", "the name of the metadata route")
    computed_traits: Literal["nested", "absent"] = _switch(
        "nested", "computed traits stand under `computed` in `/traits`, or nowhere"
    )
    email_missing: Literal["not_found", "empty"] = _switch(
        "not_found", "the answer for an e-mail that nobody has: 404, or no data"
    )
    content_type: Literal["ignored", "required"] = _switch(
        "ignored", "a request without `content-type: application/json` is served, or answered 400 (GET too)"
    )
    auth_status: Literal["401", "403"] = _switch(
        "401", "the status of a GET with a missing or wrong token (a POST answers 403, as its document says)"
    )
    retry_after: Literal["none", "seconds", "date"] = _switch("none", "the form of `Retry-After` on a 429")
    response_limit: Literal["none", "1mb"] = _switch(
        "none", "answers have no limit of size, or a longer one than `limits.response_bytes` is a 413"
    )
    error_body: Literal["object", "message"] = _switch(
        "object", "an error's body: `{error: {code, message}}`, or a plain `{message}`"
    )
    unknown_route: Literal["message", "object"] = _switch(
        "message", "the 404 of an unknown route: `{message: Not Found}`, or an error with code invalid_request_error"
    )


@cache
def _values() -> dict[str, tuple[str, ...]]:
    return {name: cast(tuple[str, ...], get_args(kind)) for name, kind in get_type_hints(Switches).items()}


def changed(switches: Switches, changes: dict[str, Any]) -> Switches:
    """Set some switches by name; an unknown name or value is a ValueError that lists what is allowed."""
    for name, value in changes.items():
        values = _values().get(name)
        if values is None:
            raise ValueError(f"no switch {name!r}; there are {', '.join(_values())}")
        if value not in values:
            raise ValueError(f"switch {name} is one of {', '.join(values)}, not {value!r}")
    return replace(switches, **changes)


def described(switches: Switches) -> dict[str, dict[str, Any]]:
    """Describe every switch: `{name: {values, default, value, meaning}}`."""
    return {
        switch.name: {
            "values": list(_values()[switch.name]),
            "default": switch.default,
            "value": getattr(switches, switch.name),
            "meaning": switch.metadata[_MEANING],
        }
        for switch in fields(Switches)
    }
