"""From an answer's body to the rows of its events, as an Arrow record batch."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from cdp_client import Answer
from cdp_client.transport import now_of
from intilery_source import event_rows, instants
from intilery_source.instants import Micros, Millis

UNREADABLE = "eventId or eventTime is missing, or the JSON cannot be read"
NEVER: Micros = 2**63 - 1


@dataclass(frozen=True, slots=True)
class EventPage:
    """An answer of an event endpoint.

    `micros`, `keys`, `actions` and `received` have one entry for each row of `rows`, in the answer's order; a row has
    every column of `event_rows.schema` but `extracted_at`. `unreadable` has the other elements, each with its reason;
    `length` counts all. `earliest` and `latest` are the first and last time of any element, None where none has one.
    `now` is the platform's clock. Times are microseconds in lists, milliseconds elsewhere.
    """

    micros: list[Micros]
    keys: list[Any]
    """What makes a row one: the eventId, or the profile's id and the eventId for events read through a profile."""
    actions: list[str | None]
    """`eventAction` where it is text."""
    received: list[Micros]
    """`receivedTime`, after all others where it is missing: of two copies the first received counts."""
    rows: pa.RecordBatch
    unreadable: list[tuple[msgspec.Raw, str]]
    length: int
    earliest: Millis | None
    latest: Millis | None
    now: Millis
    request_id: str


class _Time(msgspec.Struct):
    eventTime: str
    eventId: Any = None


class _Action(msgspec.Struct):
    eventAction: str | None = None


def read_page(answer: Answer, *, of_profiles: bool) -> EventPage:
    """An answer's events as rows.

    Raises:
        UnexpectedAnswerError: the body holds no list of events.
    """
    elements = answer.elements("data")
    rows: list[event_rows.Row] = []
    actions: list[str | None] = []
    unreadable: list[tuple[msgspec.Raw, str]] = []
    times: list[Micros] = []
    for raw in elements:
        try:
            row = event_rows.read(raw, 0, of_profiles=of_profiles)
        except ValueError as error:
            micros, reason = _refused(raw, str(error))
            unreadable.append((raw, reason))
            if micros is not None:
                times.append(micros)
            continue
        rows.append(row)
        actions.append(_action(raw))
    micros_of = [row["event_time"] for row in rows]
    times += micros_of
    received = [row.get("received_time") for row in rows]
    names = event_rows.schema(of_profiles=of_profiles).names[:-1]
    batch = event_rows.table(rows, of_profiles=of_profiles).select(names).combine_chunks().to_batches()
    schema = event_rows.schema(of_profiles=of_profiles).remove(len(names))
    return EventPage(
        micros_of,
        [(row["profile_id"], row["event_id"]) if of_profiles else row["event_id"] for row in rows],
        actions,
        [NEVER if time is None else time for time in received],
        batch[0] if batch else pa.RecordBatch.from_pylist([], schema=schema),
        unreadable,
        len(elements),
        min(times) // 1000 if times else None,
        max(times) // 1000 if times else None,
        now_of(answer),
        answer.request_id,
    )


def table(batches: list[pa.RecordBatch], extracted_at: Micros, *, of_profiles: bool) -> pa.Table:
    """Pages' rows as one table, with the time at which they were read."""
    schema = event_rows.schema(of_profiles=of_profiles)
    rows = pa.Table.from_batches(batches, schema=schema.remove(len(schema) - 1)).combine_chunks()
    read_at = pa.repeat(pa.scalar(extracted_at, type=schema.field(-1).type), rows.num_rows)
    return rows.append_column(schema.field(-1), read_at)


def _refused(raw: msgspec.Raw, reason: str) -> tuple[Micros | None, str]:
    """An element's time, where it has one, and why it is no row."""
    try:
        head = msgspec.json.decode(raw, type=_Time)
        micros = instants.parse(head.eventTime)
    except (ValueError, OverflowError, RecursionError):  # msgspec's errors are ValueErrors
        return None, UNREADABLE
    return micros, reason if isinstance(head.eventId, str) and head.eventId else UNREADABLE


def _action(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_Action).eventAction
    except msgspec.MsgspecError:
        return None
