"""An event as a row and back: the columns of DATA_MODEL's `events`, and not a bit of the original lost.

Whatever a column cannot give back exactly stays as JSON in `extra`: keys without a column, an explicit null, a number
where a column holds text, a time written another way. `rebuild` undoes `read`.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from intilery_source import instants

_TEXT = {
    "eventAction": "event_action",
    "customerId": "customer_id",
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "clientId": "client_id",
    "accountId": "account_id",
    "brandId": "brand_id",
    "source": "source",
}
_RAW_TEXT = {"event": "event_name", "action": "call_type", "sendType": "send_type"}
_RAW_JSON = ("properties", "context", "traits")
_TIMES = {"eventTime": "event_time", "receivedTime": "received_time"}
_PROFILE_TEXT = {"id": "profile_id", "externalId": "external_id", "email": "email"}

_WHOLE = "$original"
"""Key in `extra` of an event that has no `rawData` object: its value is all of the event."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_FIELDS = (
    ("event_id", pa.string()),
    ("event_time", _TIMESTAMP),
    ("received_time", _TIMESTAMP),
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
    ("extracted_at", _TIMESTAMP),
)
JSON_COLUMNS = ("properties", "context", "traits", "extra")

Row = dict[str, Any]


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
    row["event_id"] = _text(event_id)
    if not row["event_id"]:
        raise ValueError("eventId is missing or no text")
    for key, column in _TIMES.items():
        if key in event:
            row[column] = _time(key, event.pop(key), extra)
    if row.get("event_time") is None:
        raise ValueError("eventTime is missing or no instant")
    _take_text(event, _TEXT, row, extra)
    if of_profiles:
        _take_text(event, _PROFILE_TEXT, row, extra)
        if not row.get("profile_id") or "id" in extra:
            raise ValueError("id is missing or no text")

    inner = event.pop("rawData", None)
    try:
        data = _Decoder.slices.decode(inner) if inner is not None and _WHOLE not in event else None
    except msgspec.MsgspecError:
        data = None
    if data is None:
        row["extra"] = _encode({_WHOLE: msgspec.Raw(bytes(raw))})
        return row
    leftover: dict[str, Any] = {}
    _take_text(data, _RAW_TEXT, row, leftover)
    for key in _RAW_JSON:
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

    Equal to the original but for the order of keys and white space.
    """
    extra = json.loads(row["extra"]) if row.get("extra") else {}
    if _WHOLE in extra:
        return dict(extra[_WHOLE])
    event: dict[str, Any] = {"eventId": row["event_id"]}
    for key, column in {**_TIMES, **_TEXT, **_PROFILE_TEXT}.items():
        value = row.get(column)
        if value is not None:
            event[key] = instants.write(instants.of_datetime(value)) if isinstance(value, datetime) else value
    data: dict[str, Any] = {key: row[column] for key, column in _RAW_TEXT.items() if row.get(column) is not None}
    data |= {key: json.loads(row[key]) for key in _RAW_JSON if row.get(key) is not None}
    data |= extra.pop("rawData", {})
    return event | extra | {"rawData": data}


def _text(value: msgspec.Raw | None) -> str | None:
    """A JSON string's text, None for anything else."""
    if value is None:
        return None
    try:
        return _Decoder.text.decode(value)
    except msgspec.MsgspecError:
        return None


def _time(key: str, value: msgspec.Raw, extra: dict[str, Any]) -> int | None:
    """An instant in microseconds; kept in `extra`, too, where the column would give back another spelling."""
    text = _text(value)
    try:
        micros = instants.parse(text) if text is not None else None
    except (ValueError, OverflowError):
        micros = None
    if micros is None or instants.write(micros // 1000) != text:
        extra[key] = value
    return micros


def _take_text(values: dict[str, msgspec.Raw], columns: Mapping[str, str], row: Row, extra: dict[str, Any]) -> None:
    """Move the keys that have a text column out of `values`."""
    for key, column in columns.items():
        if key not in values:
            continue
        value = values.pop(key)
        text = _text(value)
        if text is None:
            extra[key] = value
            if bytes(value) != b"null":
                text = str(value, "utf-8")
        row[column] = text


def _encode(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
