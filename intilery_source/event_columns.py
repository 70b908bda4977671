"""Decoded events as the columns of their rows: what `event_rows.read` does with one event, done with many at once."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec
from msgspec import UNSET

from intilery_source import event_rows, event_times
from intilery_source.event_shapes import NULLABLE, Kinds, Shape, Values

_NULL = b"null"
_Json = bytes | msgspec.Raw
_Kept = dict[str, Sequence[_Json | None]]
"""For each key in `extra` the events' values, None for an event that keeps none."""
Columns = dict[str, list[Any]]
"""The values of the rows' columns by name; JSON is bytes, times are microseconds since 1970."""


def read(shape: Shape, events: Sequence[Any], *, of_profiles: bool) -> tuple[Columns, list[str | None]]:
    """The columns of the events' rows, without `extracted_at`, and the events' actions where they are text.

    Raises:
        ValueError: an event has an empty identifier, or a time that is none.
    """
    event, data = shape.values(events)
    columns: Columns = {"event_id": list(event.pop("eventId"))}
    extra: _Kept = {}
    _take_times(event, shape.event, columns, extra)
    _take_texts(event, shape.event, event_rows.TEXT, columns, extra)
    if of_profiles:
        _take_texts(event, shape.event, event_rows.PROFILE_TEXT, columns, extra)
    if not all(columns["event_id"]) or not all(columns.get("profile_id", ())) or None in columns["event_time"]:
        raise ValueError("no identifier, or no time")
    leftover: _Kept = {}
    _take_texts(data, shape.data, event_rows.RAW_TEXT, columns, leftover)
    for key in event_rows.RAW_JSON:
        columns[key], leftover[key] = _jsons(data.pop(key))
    extra["rawData"] = _objects(leftover | data, len(events))
    columns["extra"] = _objects(extra | event, len(events))
    actions = columns["event_action"]
    if any(extra["eventAction"]):
        actions = [text if value is None else None for text, value in zip(actions, extra["eventAction"], strict=True)]
    return columns, list(actions)


def _take_times(values: Values, kinds: Kinds, columns: Columns, extra: _Kept) -> None:
    """Move the times out of `values`; `extra` keeps what is no text, and texts that would come back otherwise."""
    for key, name in event_rows.TIMES.items():
        texts, kept = _texts(values.pop(key), kinds[key])
        if any(kept):
            texts = [text if value is None else None for text, value in zip(texts, kept, strict=True)]
        columns[name], spellings = event_times.column(texts)
        extra[key] = [
            value if text is None else msgspec.json.encode(text)
            for text, value in zip(spellings, kept or repeat(None), strict=False)
        ]


def _take_texts(values: Values, kinds: Kinds, names: Mapping[str, str], columns: Columns, extra: _Kept) -> None:
    """Move the keys that have a text column out of `values`."""
    for key, name in names.items():
        columns[name], extra[key] = _texts(values.pop(key), kinds[key])


def _texts(values: Sequence[Any], kind: Any) -> tuple[list[str | None], Sequence[_Json | None]]:
    """A column of text, and what `extra` keeps: what is none."""
    if kind is str:
        return list(values), ()
    if kind is NULLABLE:
        return [None if text is UNSET else text for text in values], [
            _NULL if text is None else None for text in values
        ]
    read = [(None, False) if value is None else event_rows.text_of(value) for value in values]
    return [text for text, _ in read], [value if kept else None for value, (_, kept) in zip(values, read, strict=True)]


def _jsons(values: Sequence[msgspec.Raw | None]) -> tuple[list[bytes | None], Sequence[_Json | None]]:
    """A column of JSON, and what `extra` keeps: nulls, since a column's null says that there was nothing."""
    column = [None if value is None else bytes(value) for value in values]
    if _NULL not in column:
        return column, ()
    return (
        [None if text == _NULL else text for text in column],
        [text if text == _NULL else None for text in column],
    )


def _objects(members: Mapping[str, Sequence[_Json | None]], length: int) -> list[bytes | None]:
    """JSON objects of the members that are there, None without any; keys are sorted, as in `event_rows`."""
    written = []
    for key in sorted(members):
        if any(members[key]):
            head = b"," + msgspec.json.encode(key) + b":"
            written.append([b"" if value is None else head + value for value in members[key]])
    if not written:
        return [None] * length
    return [b"{" + text[1:] + b"}" if text else None for text in map(b"".join, zip(*written, strict=True))]
