"""Profiles as rows: dlt normalises them, so they stay objects here."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cdp_client import lenient_json
from intilery_source import instants

Object = dict[str, Any]

_DLT_MARKS = re.compile("[\uf026-\uf02e].", re.DOTALL)
_LARGEST = 2**63 - 1
_DEEPEST = 100
"""Levels of objects and lists; dlt's JSON writer fails at 255."""
_BOUNDS = {"first": "firstEvent", "last": "lastEvent"}


def read_listed(raw: msgspec.Raw, passed: Callable[[Object], Object | None] | None = None) -> Object | None:
    """A listed profile; only `id` is required ("Use what is there", API contract).

    `passed` makes of it, under the API's own keys, what rows may hold; None where it is to be left out.

    Raises:
        ValueError: it is no object or has no identifier; the text says which.
    """
    try:
        profile = lenient_json.loads(bytes(raw))
    except ValueError:
        raise ValueError("not a JSON object") from None
    if not isinstance(profile, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong value of the data, as the line above
    if not isinstance(profile.get("id"), str) or not profile["id"]:
        raise ValueError("id is missing or no text")
    if passed is not None:
        profile = passed(profile)
    row: Object | None = storable(profile)
    return row


def storable(value: Any, level: int = 0) -> Any:
    """The value as columns can hold it: integers of more than 64 bits as text, blank keys with a name.

    What lies more than 100 levels deep becomes JSON text.

    Half of a surrogate pair, which no destination takes, becomes U+FFFD; so does a character of private use at the
    beginning of a text by which dlt would mark it as a date, say.
    """
    if level == _DEEPEST and isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, dict):
        named: Object = {key: storable(value[key], level + 1) for key in value if _is_name(key)}
        for key in [key for key in value if not _is_name(key)]:
            name = storable(key) if key.strip() else f"key_{len(key)}"
            while name in named:
                name += "_"
            named[name] = storable(value[key], level + 1)
        return named
    if isinstance(value, list):
        return [storable(inner, level + 1) for inner in value]
    if isinstance(value, str) and not value.isascii():
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return "\ufffd" + text[1:] if _DLT_MARKS.match(text) else text
    if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST:
        return str(value)
    return value


def _is_name(key: str) -> bool:
    return bool(key.strip()) and storable(key) == key


def traits_row(profile_id: str, traits: Object) -> Object:
    """A profile's traits under its identifier."""
    return traits | {"id": profile_id}


def meta_row(profile_id: str, meta: Object) -> Object:
    """Metadata without the two maps of events, which become rows of their own."""
    return _without_bounds(meta) | {"id": profile_id}


def _without_bounds(meta: Object) -> Object:
    return {key: value for key, value in meta.items() if key not in _BOUNDS.values() or not isinstance(value, dict)}


def bound_rows(profile_id: str, meta: Object) -> Iterator[Object]:
    """One row an event of the profile: when it happened first and last."""
    maps = {end: meta[key] for end, key in _BOUNDS.items() if isinstance(meta.get(key), dict)}
    for event_key in sorted({key for events in maps.values() for key in events}):
        row: Object = {"profile_id": profile_id, "event_key": event_key}
        for end, events in maps.items():
            event = events.get(event_key)
            if isinstance(event, dict):
                row[f"{end}_event_id"] = event.get("eventId")
                row[f"{end}_event_time"] = _instant(event.get("eventTime"))
                row[f"{end}_received_time"] = _instant(event.get("receivedTime"))
            if event is not None:
                row[f"{end}_event"] = storable(event)
        yield row


def _instant(text: Any) -> datetime | None:
    """An event's time; the whole event is in the row beside it, so one that cannot be read is NULL here."""
    if not isinstance(text, str):
        return None
    try:
        return instants.to_datetime(0) + timedelta(microseconds=instants.parse(text))
    except (ValueError, OverflowError):
        return None
