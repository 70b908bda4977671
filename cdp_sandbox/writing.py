"""`identify`, `track` and `page` (Event API): what they require, and what they change."""

import json
import re
from typing import Any

from cdp_sandbox.answers import ApiError, to_json
from cdp_sandbox.history import History, WrittenEvent
from cdp_sandbox.instants import format_millis, parse_millis
from cdp_sandbox.world import Json, Millis, ProfileKey

ACTIONS = ("identify", "track", "page")
MAX_REQUEST_BYTES = 6 * 1024 * 1024
"""Event API, "Limits": the maximum size of any request is 6mb."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def snake_case(event: str) -> str:
    """Turn an event's name into its action: `Email Opened` into `email_opened`."""
    words = _WORD.findall(event)
    return "_".join(word.lower() for word in words) or event


def write(history: History, action: str, content: bytes, clock: Millis, new_ids: tuple[str, str]) -> str:
    """Take one posted event, received now; returns its `eventId`.

    `new_ids` are the identifiers for the event and for a profile that an identify creates. Raises ApiError 400 when a
    required field is missing or cannot be read ("Identify Action", "Track Action", "Page Action").
    """
    event = _read(content)
    name = _text(event, "event")
    if action != "track" and name != action:
        raise ApiError(400, "validation_error", f"event must be {action}")
    user_id = event.get("userId")
    if user_id is not None or action != "page":
        user_id = _text(event, "userId")
    anonymous_id = event.get("anonymousId")
    if user_id is None or anonymous_id is not None:
        anonymous_id = _text(event, "anonymousId")
    try:
        happened = parse_millis(_text(event, "timestamp"))
    except ValueError as error:
        raise ApiError(400, "validation_error", "timestamp must be an ISO-8601 UTC timestamp") from error
    for part in ("traits", "properties", "context"):
        if (part in event or (part == "traits" and action == "identify")) and not isinstance(event.get(part), dict):
            raise ApiError(400, "validation_error", f"{part} must be an object")

    event_id, profile_id = new_ids
    profile = -1
    if user_id is not None:
        found = history.lookup("userId", user_id, clock)
        profile = found[0] if found else -1
        if action == "identify":
            if profile < 0:
                profile = history.add_profile(ProfileKey(profile_id, user_id, None, clock))
            history.add_traits(profile, clock, event["traits"])
    event_action = snake_case(name)
    world = history.world
    shown: dict[str, Any] = {
        "eventId": event_id,
        "eventTime": format_millis(happened),
        "receivedTime": format_millis(clock),
        "eventAction": event_action,
        "clientId": world.client_id,
        "accountId": world.account_id,
        "brandId": world.brand_id,
        "customerId": history.key_of(profile).id if profile >= 0 else None,
        "userId": user_id,
        "anonymousId": anonymous_id,
        "source": "API",
    }
    body = {key: value for key, value in shown.items() if value is not None}
    body["rawData"] = {**event, "action": action}
    history.add_event(WrittenEvent(event_id, happened, clock, event_action, profile, to_json(body)))
    return event_id


def _read(content: bytes) -> Json:
    try:
        event = json.loads(content, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid_request_error", "the body must be JSON") from error
    if not isinstance(event, dict):
        raise ApiError(400, "invalid_request_error", "the body must be a JSON object")
    return event


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _text(event: Json, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(400, "validation_error", f"{name} is required")
    return value
