"""Profiles as rows: dlt normalises them, so they stay objects here."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from dlt.common.normalizers.naming.snake_case import NamingConvention

from cdp_client import lenient_json
from intilery_source import instants

Object = dict[str, Any]

_naming = NamingConvention()
_DLT_COLUMNS = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx")
_LARGEST = 2**63 - 1
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
    row: Object | None = columns(profile)
    return row


def storable(value: Any) -> Any:
    """The value as columns can hold it: integers of more than 64 bits as text, blank keys with a name.

    Half of a surrogate pair, which no destination takes, becomes U+FFFD.
    """
    if isinstance(value, dict):
        named: Object = {storable(key): storable(inner) for key, inner in value.items() if key.strip()}
        for key in [key for key in value if not key.strip()]:
            name = f"key_{len(key)}"
            while name in named:
                name += "_"
            named[name] = storable(value[key])
        return named
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST:
        return str(value)
    return value


def columns(value: Any) -> Any:
    """The value as `storable` has it, with keys that dlt makes different columns of.

    Of two keys that would be one column (`firstName` and `first_name`, `ID` and `id`), the one that is spelled like
    the column keeps it and the other gets a number behind it; so does a key that dlt uses itself.
    """
    return _columns(storable(value))


def _columns(value: Any) -> Any:
    if isinstance(value, list):
        return [_columns(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    taken = set(_DLT_COLUMNS)
    names: dict[str, str] = {}
    for key in sorted(value, key=lambda key: _column(key) != key):
        name = plain = re.sub("__+", "_", key)  # two underscores are dlt's way into an object
        number = 1
        while _column(name) in taken:
            number += 1
            name = f"{plain} {number}"
        taken.add(_column(name))
        names[key] = name
    return {names[key]: _columns(inner) for key, inner in value.items()}


@lru_cache(maxsize=10_000)
def _column(key: str) -> str:
    return _naming.normalize_identifier(key)


def traits_row(profile_id: str, traits: Object) -> Object:
    """A profile's traits under its identifier."""
    row: Object = columns(traits | {"id": profile_id})
    return row


def meta_row(profile_id: str, meta: Object) -> Object:
    """Metadata without the two maps of events, which become rows of their own."""
    row: Object = columns(_without_bounds(meta) | {"id": profile_id})
    return row


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
