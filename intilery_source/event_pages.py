"""From an answer's body to the rows of its events, as an Arrow record batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from cdp_client import Answer
from cdp_client.transport import now_of
from intilery_source import event_columns, event_rows, event_shapes, event_times, instants
from intilery_source.event_shapes import Shape
from intilery_source.instants import Micros
from intilery_source.types import EventPage

UNREADABLE = "eventId or eventTime is missing, or the JSON cannot be read"
NEVER: Micros = 2**63 - 1


class _Time(msgspec.Struct):
    eventTime: str
    eventId: Any = None


class _Split(msgspec.Struct):
    data: list[msgspec.Raw]


_split = msgspec.json.Decoder(_Split)


class Decoded(NamedTuple):
    """An answer's events as a shape's decoder gives them or, where it refuses one, the elements as they came."""

    shape: Shape
    events: list[Any] | None
    raws: list[msgspec.Raw] | None


@dataclass(slots=True)
class _Elements:
    """What the elements of an answer are."""

    events: list[Any]
    """Those that a shape's decoder took."""
    rows: list[tuple[int, event_rows.Row, str | None]] = field(default_factory=list)
    """Those that were read on their own, each with its place among all that are readable, and its action."""
    unreadable: list[tuple[msgspec.Raw, str]] = field(default_factory=list)
    times: list[Micros] = field(default_factory=list)
    """The times of unreadable ones."""


def decode(body: bytes, *, of_profiles: bool) -> Decoded:
    """An answer's body for `read_page`, in one look at all of it.

    Raises:
        ValueError, RecursionError: it is no JSON, holds half of a surrogate pair, or no list of events.
    """
    shape = event_shapes.shape(of_profiles=of_profiles)
    try:
        return Decoded(shape, shape.page.decode(body).data, None)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return Decoded(shape, None, _split.decode(body).data)


def read_page(answer: Answer, *, of_profiles: bool) -> EventPage:
    """An answer's events as rows, the same as `event_rows.read` makes of each.

    Raises:
        UnexpectedAnswerError: the body holds no list of events.
    """
    try:
        decoded = answer.decoded
        if not isinstance(decoded, Decoded):
            decoded = decode(answer.body, of_profiles=of_profiles)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        decoded = Decoded(event_shapes.shape(of_profiles=of_profiles), None, None)
    shape = decoded.shape
    if decoded.events is not None:
        try:
            return _page(answer, shape, _Elements(decoded.events), of_profiles=of_profiles)
        except ValueError:  # an identifier is empty, a time is none, or (Arrow says) a slice is not UTF-8
            pass
    raws = answer.elements("data") if decoded.raws is None else decoded.raws
    return _page(answer, shape, _one_by_one(shape, raws, of_profiles=of_profiles), of_profiles=of_profiles)


def _page(answer: Answer, shape: Shape, elements: _Elements, *, of_profiles: bool) -> EventPage:
    columns, actions = event_columns.read(shape, elements.events, of_profiles=of_profiles)
    for place, row, action in elements.rows:
        for name, values in columns.items():
            values.insert(place, row.get(name))
        actions.insert(place, action)
    micros, ids = columns["event_time"], columns["event_id"]
    times = micros + elements.times
    return EventPage(
        micros=micros,
        keys=list(zip(columns["profile_id"], ids, strict=True)) if of_profiles else ids,
        actions=actions,
        received=[NEVER if time is None else time for time in columns["received_time"]],
        rows=_batch(columns, of_profiles=of_profiles),
        unreadable=elements.unreadable,
        length=len(micros) + len(elements.unreadable),
        earliest=min(times) // 1000 if times else None,
        latest=max(times) // 1000 if times else None,
        now=now_of(answer),
        request_id=answer.request_id,
    )


def table(batches: Sequence[pa.RecordBatch], extracted_at: Micros, *, of_profiles: bool) -> pa.Table:
    """Pages' rows as one table, with the time at which they were read."""
    rows = pa.Table.from_batches(batches, _schema(of_profiles=of_profiles)[0]).combine_chunks()
    extracted = event_rows.schema(of_profiles=of_profiles).field(-1)
    return rows.append_column(extracted, pa.repeat(pa.scalar(extracted_at, extracted.type), rows.num_rows))


def _one_by_one(shape: Shape, raws: list[msgspec.Raw], *, of_profiles: bool) -> _Elements:
    """Decode what the shape knows, read the rest on its own, and learn from it."""
    elements = _Elements([])
    unknown: list[msgspec.Raw] = []
    for raw in raws:
        event = _decoded(shape, raw, of_profiles=of_profiles)
        if event is not None:
            elements.events.append(event)
            continue
        try:
            row = event_rows.read(raw, 0, of_profiles=of_profiles)
        except ValueError as error:
            micros, reason = _refused(raw, str(error))
            elements.unreadable.append((raw.copy(), reason))  # a slice keeps all of the body in memory
            elements.times += [] if micros is None else [micros]
        else:
            action = event_rows.string_of(event_rows.members_of(raw).get("eventAction"))
            elements.rows.append((len(elements.events) + len(elements.rows), row, action))
            unknown.append(raw)
    event_shapes.learn(unknown, of_profiles=of_profiles)
    return elements


def _decoded(shape: Shape, raw: msgspec.Raw, *, of_profiles: bool) -> Any:
    """An event that can be a row as the shape decodes it, None where it does not."""
    try:
        str(raw, "utf-8")
        event = shape.one.decode(raw)
    except (ValueError, RecursionError):
        return None
    readable = event.eventId and (not of_profiles or event.id) and event_times.time_of(event.eventTime)[0] is not None
    return event if readable else None


def _batch(columns: event_columns.Columns, *, of_profiles: bool) -> pa.RecordBatch:
    schema, texts = _schema(of_profiles=of_profiles)
    length = len(columns["event_id"])
    # one array for all columns of text, and slices of it: each call costs as much as fifty values
    joined = pa.array(list(chain.from_iterable(columns[name] for name in texts)), pa.string())
    arrays = {name: joined.slice(place * length, length) for place, name in enumerate(texts)}
    for name in event_rows.TIMES.values():
        arrays[name] = pa.array(columns[name], event_rows.TIMESTAMP)
    return pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)


@cache
def _schema(*, of_profiles: bool) -> tuple[pa.Schema, list[str]]:
    """The columns of a page's rows, and the names of those of text."""
    schema = event_rows.schema(of_profiles=of_profiles)
    schema = schema.remove(schema.get_field_index("extracted_at"))
    return schema, [column.name for column in schema if column.type == pa.string()]


def _refused(raw: msgspec.Raw, reason: str) -> tuple[Micros | None, str]:
    """An element's time, where it has one, and why it is no row."""
    try:
        head = msgspec.json.decode(raw, type=_Time)
        micros = instants.parse(head.eventTime)
    except (ValueError, OverflowError, RecursionError):  # msgspec's errors are ValueErrors
        return None, UNREADABLE
    return micros, reason if isinstance(head.eventId, str) and head.eventId else UNREADABLE
