"""Reading spans of event time again, and holding what the API shows against what the ledger says was read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from intilery_source import instants, watermark
from intilery_source.coverage import Coverage, Span
from intilery_source.event_loads import EventLoads
from intilery_source.extraction import Extraction
from intilery_source.forgotten import Forgotten
from intilery_source.instants import Micros, Millis
from intilery_source.tables import EVENTS

_ALL = 2**62


class LedgerRow(NamedTuple):
    """A window of the ledger; `of_range` says that a run read it that was given a range of its own (`since`)."""

    start: Millis
    end: Millis
    rows: int
    complete: bool
    known_at: Millis
    read_at: Millis
    of_range: bool


class Part(NamedTuple):
    """Of a window of the ledger, what no later pass has read again: `[start, end)`."""

    start: Millis
    end: Millis
    window: LedgerRow

    @property
    def whole(self) -> bool:
        """Whether that is all of the window."""
        return (self.start, self.end) == (self.window.start, self.window.end)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of all time: the parts of its windows that count, and what is wrong with it."""

    parts: list[Part]
    """What was read last, in the order of time."""
    gaps: list[Span]
    """What lies between the first event read and the watermark, and was not read."""
    incomplete: list[Span]
    """What was read before the watermark, but not completely."""


def standing(rows: Iterable[LedgerRow], reached: Millis | None) -> Standing:
    """What the ledger says; `reached` is the watermark."""
    covered = Coverage()
    parts: list[Part] = []
    first: Millis | None = None
    for row in sorted(rows, key=lambda row: (row.known_at, row.read_at), reverse=True):
        if not row.of_range:
            first = row.start if first is None else min(first, row.start)
        parts += [Part(start, end, row) for start, end in covered.add(row.start, row.end)]
    parts.sort(key=lambda part: part.start)
    gaps: list[Span] = []
    incomplete: list[Span] = []
    if first is not None and reached is not None:
        gaps = covered.missing(first, reached)
        incomplete = [
            (part.start, min(part.end, reached))
            for part in parts
            if not part.window.complete and first <= part.start < reached
        ]
    return Standing([part for part in parts if part.window.complete], gaps, incomplete)


class Shown(NamedTuple):
    """An event that the API shows; `received` is None where it does not say when it got it."""

    event_id: str
    received: Micros | None


def read_again(
    extraction: Extraction, start: Millis, end: Millis, forgotten: Forgotten | None = None
) -> Iterator[list[Shown]]:
    """The events of `[start, end)` as the API shows them now, some thousand at a time, each once.

    Those of `forgotten` people are left out, as loads do.

    Raises:
        ExtractorError: they cannot be read.
    """
    current = watermark.Pass(start, end, None, start, None, None, backfill=False)
    loads = EventLoads(
        current,
        extraction.client.events,
        extraction.client.permit,
        extraction.report,
        EVENTS.name,
        max_in_flight=extraction.settings.max_in_flight,
        forgotten=forgotten,
    )
    try:
        for rows in loads.read(_ALL):
            received = rows.column("received_time").cast(pa.int64()).to_pylist()
            yield [Shown(*pair) for pair in zip(rows.column("event_id").to_pylist(), received, strict=True)]
    finally:
        loads.close()


def was_known(event: Shown, known_at: Millis) -> bool:
    """Whether the platform had an event when a pass began; one that does not say when it came counts as known."""
    return event.received is None or event.received <= known_at * 1000


def written(span: Span) -> str:
    """A span as the command's options take it."""
    return f"{instants.write(span[0])} to {instants.write(span[1])}"
