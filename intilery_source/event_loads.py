"""One load of events: the oldest that are not read yet, as Arrow tables, one row an event."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source import event_rows, watermark
from intilery_source.asking import PAGE_SIZE, Asker
from intilery_source.instants import Millis
from intilery_source.rejects import Rejects
from intilery_source.report import RunReport
from intilery_source.types import AskEvents, Hit, Query
from intilery_source.windows import WindowReader

BATCH_ROWS = 10_000
"""Rows of an Arrow table; smaller ones cost dlt three times as much a row."""

_UNREADABLE = "eventId or eventTime is missing, or the JSON cannot be read"

Key = tuple[str, str]
"""What is one row: the profile that an event was read through (empty for the account's) and its identifier."""


class RowBuffer:
    """Hits on their way to rows: one for each event, held back until its instant has been read completely.

    The feed is at-least-once: of two copies the one received first is kept, whichever came first.
    """

    def __init__(self, released: set[Key] | None = None) -> None:
        """Begin empty; `released` holds what other buffers of the same load have given out."""
        self._held: dict[Key, Hit] = {}
        self._released: set[Key] = set() if released is None else released

    def add(self, hit: Hit) -> None:
        key = (hit.profile, hit.id)
        if key in self._released:
            return
        other = self._held.get(key)
        if other is None or (hit.received, bytes(hit.raw)) < (other.received, bytes(other.raw)):
            self._held[key] = hit

    def release(self, before: Millis | None) -> list[Hit]:
        """The hits of instants before `before` (all, where it is None), each once in this buffer's life."""
        ready = [hit for hit in self._held.values() if before is None or hit.time < before]
        for hit in ready:
            key = (hit.profile, hit.id)
            del self._held[key]
            self._released.add(key)
        return ready


class EventLoad:
    """Reads one window into Arrow tables, and stops at an instant's edge after `max_rows` rows."""

    def __init__(
        self,
        ask: AskEvents,
        report: RunReport,
        table: str,
        *,
        of_profiles: bool = False,
        page_size: int = PAGE_SIZE,
        released: set[Key] | None = None,
    ) -> None:
        self.asker = Asker(ask, page_size)
        self.rejects = Rejects(report, table)
        self._report = report
        self._table = table
        self._of_profiles = of_profiles
        self._released = released
        self.finished = False
        """Whether the window has been read to its end."""
        self._now = int(datetime.now(UTC).timestamp() * 1_000_000)

    def empty(self) -> pa.Table:
        """No rows, but the columns."""
        return event_rows.table([], of_profiles=self._of_profiles)

    def now(self) -> Millis | None:
        """The platform's clock, None where there is no event at all.

        This asks for the newest event. A run's first answer may be another run's last: nothing else hangs on this one.
        """
        page = self.asker.page(Query(size=1, ascending=False))
        return page.now if page.length else None

    def earliest(self) -> Millis | None:
        """The time of the earliest event of the account, None where there is none."""
        earliest: Millis | None = None
        while True:
            size = self.asker.size
            try:
                page = self.asker.page(Query(end=earliest, size=size))
            except TooLargeError:
                if size == 1:
                    raise
                continue
            for raw in page.unreadable:
                self.rejects.add(raw, _UNREADABLE)
            if page.earliest is None and page.length >= size:
                raise UnexpectedAnswerError(
                    f"None of the first events has a time that can be read (request id {page.request_id}): "
                    "set start_date."
                )
            if page.earliest is None or (earliest is not None and page.earliest >= earliest):
                return earliest
            earliest = page.earliest

    def read(self, current: watermark.Pass, max_rows: int, cap: int = 10_000) -> Iterator[pa.Table]:
        """Read on from the pass's position and move it; the position is the end, or None for "all", when finished."""
        buffer = RowBuffer(self._released)
        batch: list[event_rows.Row] = []
        rows = 0
        start = current.position
        for step in WindowReader(self.asker, cap=cap).read(start, current.end):
            for hit in step.hits:
                if start <= hit.time and (current.end is None or hit.time < current.end):
                    buffer.add(hit)
            for raw in step.unreadable:
                self.rejects.add(raw, _UNREADABLE)
            if step.failed is not None:
                self._report.failures.append(str(step.failed))
                current.blocked = min(current.blocked or step.failed.instant, step.failed.instant)
            for hit in buffer.release(step.position):
                row = self._row(hit.raw)
                if row is not None:
                    self._report.count_readable(self._table, 1)
                    batch.append(row)
                    rows += 1
            if step.position is not None:
                current.position = step.position
                self._report.position = step.position
            if len(batch) >= BATCH_ROWS or step.position is None:
                if batch:
                    self._report.count_rows(self._table, len(batch))
                    yield event_rows.table(batch, of_profiles=self._of_profiles)
                batch = []
            if step.position is None:
                self.finished = True
                return
            if rows >= max_rows and step.position > start:
                break
        if batch:
            self._report.count_rows(self._table, len(batch))
            yield event_rows.table(batch, of_profiles=self._of_profiles)

    def _row(self, raw: msgspec.Raw) -> event_rows.Row | None:
        try:
            return event_rows.read(raw, self._now, of_profiles=self._of_profiles)
        except ValueError as error:
            self.rejects.add(raw, str(error))
            return None


def bind(ask: Callable[..., Any], *arguments: Any) -> AskEvents:
    """A profile's event route as a question to ask."""
    return lambda query: ask(*arguments, query)
