"""An event as a row and back: the columns of DATA_MODEL's `events`, and not a bit of the original lost.

Whatever a column cannot give back exactly stays as JSON in `extra`: keys without a column, an explicit null, a number
where a column holds text, a time written another way. Its keys are sorted. `rebuild` undoes `read`.

`read` takes one event apart, whatever it is like; `event_pages` makes the same rows of a whole page, faster.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from intilery_source import instants

TEXT = {
    "eventAction": "event_action",
    "customerId": "customer_id",
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "clientId": "client_id",
    "accountId": "account_id",
    "brandId": "brand_id",
    "source": "source",
}
RAW_TEXT = {"event": "event_name", "action": "call_type", "sendType": "send_type"}
RAW_JSON = ("properties", "context", "traits")
TIMES = {"eventTime": "event_time", "receivedTime": "received_time"}
PROFILE_TEXT = {"id": "profile_id", "externalId": "external_id", "email": "email"}

WHOLE = "$original"
"""Key in `extra` of an event that has no `rawData` object: its value is all of the event."""

_LENGTH = len("2020-11-19T13:39:17.380Z")
TIMESTAMP = pa.timestamp("us", tz="UTC")
_FIELDS = (
    ("event_id", pa.string()),
    ("event_time", TIMESTAMP),
    ("received_time", TIMESTAMP),
    ("event_action", pa.string()),
    ("event_name", pa.string()),
    ("customer_id", pa.string()),
    ("user_id", pa.string()),
    ("anonymous_id", pa.string()),
    ("client_id", pa.string()),
    ("account_id", pa.string()),
    ("brand_id", pa.string()),
    ("source", pa.string()),
    ("call_type", pa.string()),
    ("send_type", pa.string()),
    ("properties", pa.string()),
    ("context", pa.string()),
    ("traits", pa.string()),
    ("extra", pa.string()),
    ("extracted_at", TIMESTAMP),
)
JSON_COLUMNS = ("properties", "context", "traits", "extra")

Row = dict[str, Any]


@cache
def schema(*, of_profiles: bool) -> pa.Schema:
    """The columns of `events`, or of `profile_events`, in their order."""
    fields = [pa.field(name, kind, nullable=name not in ("event_id", "event_time")) for name, kind in _FIELDS]
    if of_profiles:
        fields[:0] = [
            pa.field("profile_id", pa.string(), nullable=False),
            pa.field("external_id", pa.string()),
            pa.field("email", pa.string()),
        ]
    return pa.schema(fields)


class _Decoder:
    """Decoders that are made once; the slices of an event stay as they came."""

    slices = msgspec.json.Decoder(dict[str, msgspec.Raw])
    text = msgspec.json.Decoder(str)


def read(raw: bytes | msgspec.Raw, extracted_at: int, *, of_profiles: bool) -> Row:
    """An event's JSON as a row; times are microseconds since 1970.

    Raises:
        ValueError: it is no object, is not UTF-8, or has no identifier or time that can be read; the text says which.
    """
    try:
        return _read(_Decoder.slices.decode(raw), raw, extracted_at, of_profiles=of_profiles)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("not a JSON object") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def _read(event: dict[str, msgspec.Raw], raw: bytes | msgspec.Raw, extracted_at: int, *, of_profiles: bool) -> Row:
    row: Row = {"extracted_at": extracted_at}
    extra: dict[str, Any] = {}

    event_id = event.pop("eventId", None)
    row["event_id"] = string_of(event_id)
    if not row["event_id"]:
        raise ValueError("eventId is missing or no text")
    for key in TIMES:
        _take_time(event, key, row, extra)
    if row.get("event_time") is None:
        raise ValueError("eventTime is missing or no instant")
    _take_text(event, TEXT, row, extra)
    if of_profiles:
        _take_text(event, PROFILE_TEXT, row, extra)
        if not row.get("profile_id") or "id" in extra:
            raise ValueError("id is missing or no text")

    inner = event.pop("rawData", None)
    try:
        data = _Decoder.slices.decode(inner) if inner is not None and WHOLE not in event else None
    except msgspec.MsgspecError:
        data = None
    if data is None:
        row["extra"] = _encode({WHOLE: msgspec.Raw(bytes(raw))})
        return row
    leftover: dict[str, Any] = {}
    _take_text(data, RAW_TEXT, row, leftover)
    for key in RAW_JSON:
        if key in data:
            value = data.pop(key)
            if bytes(value) == b"null":
                leftover[key] = value
            else:
                row[key] = str(value, "utf-8")
    leftover.update(data)
    extra.update(event)
    if leftover:
        extra["rawData"] = leftover
    row["extra"] = _encode(extra) if extra else None
    return row


def table(rows: Iterable[Row], *, of_profiles: bool) -> pa.Table:
    """Rows of `read` as an Arrow table."""
    listed = list(rows)
    columns = schema(of_profiles=of_profiles)
    return pa.Table.from_arrays(
        [pa.array([row.get(field.name) for row in listed], type=field.type) for field in columns], schema=columns
    )


def rebuild(row: Mapping[str, Any]) -> dict[str, Any]:
    """The event's JSON object from a row of `events` or `profile_events` (times as datetimes with a zone).

    Equal to the original but for the order of keys and white space, and for what the setting `pii` took away.
    """
    extra = json.loads(row["extra"]) if row.get("extra") else {}
    if not isinstance(extra, dict):  # masked or hashed as a whole
        extra = {}
    if isinstance(extra.get(WHOLE), dict):
        return dict(extra[WHOLE])
    event: dict[str, Any] = {"eventId": row["event_id"]}
    for key, column in {**TIMES, **TEXT, **PROFILE_TEXT}.items():
        value = row.get(column)
        if value is not None:
            event[key] = instants.write(instants.of_datetime(value)) if isinstance(value, datetime) else value
    data: dict[str, Any] = {key: row[column] for key, column in RAW_TEXT.items() if row.get(column) is not None}
    data |= {key: json.loads(row[key]) for key in RAW_JSON if row.get(key) is not None}
    leftover = extra.pop("rawData", {})
    return event | extra | {"rawData": data | leftover if isinstance(leftover, dict) else leftover}


def text_of(value: msgspec.Raw) -> tuple[str | None, bool]:
    """What a text column holds for a JSON value, and whether `extra` keeps the value as well: all but a string."""
    text = string_of(value)
    if text is not None:
        return text, False
    return (None if bytes(value) == b"null" else str(value, "utf-8")), True


def time_of(text: str) -> tuple[int | None, bool]:
    """What a time column holds for a text, and whether `extra` keeps the text: one that would come back otherwise."""
    try:
        micros = instants.parse(text)
    except (ValueError, OverflowError):
        return None, True
    return micros, len(text) != _LENGTH or instants.write(micros // 1000) != text


def members_of(event: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """A JSON object's members, each as it came; raises msgspec's errors and UnicodeDecodeError."""
    return _Decoder.slices.decode(event)


def string_of(value: msgspec.Raw | None) -> str | None:
    """A JSON string's text, None for anything else."""
    if value is None:
        return None
    try:
        return _Decoder.text.decode(value)
    except msgspec.MsgspecError:
        return None


def _take_time(event: dict[str, msgspec.Raw], key: str, row: Row, extra: dict[str, Any]) -> None:
    """Move a time out of `event`; `extra` keeps it, too, where the column would give back another spelling."""
    if key not in event:
        return
    value = event.pop(key)
    text = string_of(value)
    row[TIMES[key]], kept = (None, True) if text is None else time_of(text)
    if kept:
        extra[key] = value if text is None else text


def _take_text(values: dict[str, msgspec.Raw], columns: Mapping[str, str], row: Row, extra: dict[str, Any]) -> None:
    """Move the keys that have a text column out of `values`."""
    for key, column in columns.items():
        if key in values:
            value = values.pop(key)
            row[column], kept = text_of(value)
            if kept:
                extra[key] = value


def _encode(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
