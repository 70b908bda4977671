"""Loads of events: what a pass reads, cut into loads of some rows, as Arrow tables with one row an event."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from intilery_source import event_pages, event_rows, watermark
from intilery_source.asking import PAGE_SIZE
from intilery_source.forgotten import Forgotten
from intilery_source.instants import FIRST, LAST, Millis
from intilery_source.ledger import Ledger
from intilery_source.pieces import Piece
from intilery_source.planner import Planner
from intilery_source.reader import Reader
from intilery_source.rejects import Rejects
from intilery_source.report import RunReport
from intilery_source.types import AskEvents, EventPage, Key, Query

BATCH_ROWS = 10_000
"""Rows of an Arrow table; smaller ones cost dlt three times as much a row."""

_LOAD_BYTES = 100 * 1024 * 1024
"""A load ends after so much, too: what the destination merges at once must fit into its memory."""


class EventLoads:
    """Reads a pass in several loads; between them it reads ahead."""

    def __init__(
        self,
        current: watermark.Pass,
        ask: AskEvents,
        permit: Callable[[], Any],
        report: RunReport,
        table: str,
        *,
        max_in_flight: int,
        of_profiles: bool = False,
        page_size: int = PAGE_SIZE,
        cap: int = 10_000,
        ahead: int = 200_000,
        released: set[Key] | None = None,
        forgotten: Forgotten | None = None,
    ) -> None:
        """Go on with a pass at its position; `permit` waits for the rate limit's permission.

        `released` holds the keys of what has been given out to the same load already; rows of `forgotten` people
        are left out.
        """
        self.current = current
        self._begun_at = current.position
        planner = Planner(
            current.position, current.end, page_size=page_size, cap=cap, ahead=ahead, eager=current.backfill
        )
        self.reader = Reader(planner, ask, permit, max_in_flight=max_in_flight, cap=cap)
        self.rejects = Rejects(report, table)
        self.ledger = Ledger(report.run_id)
        self._report = report
        self._table = table
        self._of_profiles = of_profiles
        self._released = released
        self._forgotten = forgotten
        self._failed: list[Millis] = []
        self._left: list[Piece] = []
        self._left_position: Millis = FIRST
        self.finished = False
        """Whether the pass has been read to its end."""

    def open(self) -> None:
        """Learn the platform's clock and where the events begin; neither, where the pass has no span to read."""
        self.reader.opened()
        if self.current.now is None:
            self.current.now = self.reader.now
        planner = self.reader.planner
        first = planner.newest if planner.earliest is None else planner.earliest
        if self.current.start is None:
            self.current.start = first

    def close(self) -> None:
        """Stop reading ahead."""
        self.reader.close()

    def read(self, max_rows: int) -> Iterator[pa.Table]:
        """Read the next load of the pass and move its position; a load ends at an instant's edge."""
        released: set[Key] = set() if self._released is None else self._released
        batch: list[pa.RecordBatch] = []
        waiting = rows = size = 0
        for pieces, position in self._pieces():
            self._drain()
            for index, piece in enumerate(pieces):
                if (rows >= max_rows or size >= _LOAD_BYTES) and piece.start > pieces[max(0, index - 1)].start:
                    self._left, self._left_position = pieces[index:], position
                    self._move(piece.start)
                    break
                self._write_ledger(piece.start)
                new = _new_rows(piece, released)
                if self._forgotten:
                    new = self._forgotten.without(new)
                self.ledger.count(new.num_rows)
                rows += new.num_rows
                size += new.nbytes
                waiting += new.num_rows
                batch.append(new)
                if waiting >= BATCH_ROWS:
                    yield self._batch(batch)
                    batch, waiting = [], 0
            else:
                self._move(position)
                if rows < max_rows and size < _LOAD_BYTES:
                    continue
            break
        self.finished = not self._left and self.reader.finished
        self._end_ledger()
        if waiting:
            yield self._batch(batch)

    def _pieces(self) -> Iterator[tuple[list[Piece], Millis]]:
        if self._left:
            pieces, self._left = self._left, []
            yield pieces, self._left_position
        yield from self.reader.pieces()

    def _move(self, position: Millis) -> None:
        """Everything before `position` has been given out."""
        if FIRST < position <= LAST:
            self.current.position = position

    def _drain(self) -> None:
        """Take what the reader could not read."""
        failures, unreadable, divided = self.reader.drain()
        for failure in failures:
            self._report.failures.append(str(failure))
            self._failed = sorted([*self._failed, failure.instant])
            self.current.blocked = min(self.current.blocked or failure.instant, failure.instant)
        for raw, reason in unreadable:
            self.rejects.add(raw, reason)
        for instant, actions in divided.items():
            self.ledger.divided(instant, actions, self.current.now or 0)

    def _write_ledger(self, instant: Millis) -> None:
        """End the windows that are over at `instant`, and those around an instant that could not be read."""
        now = self.current.now or 0
        if not self.ledger.covers(instant):
            self.ledger.close(instant, now)
            self.ledger.enter(self._begun_at or self.current.start or instant, self.reader.window_at(instant))
        while self._failed and self._failed[0] <= instant:
            self.ledger.close(self._failed[0], now)
            if self._failed[0] == instant:
                break
            self.ledger.close(self._failed.pop(0) + 1, now, complete=False)

    def _end_ledger(self) -> None:
        current, now = self.current, self.current.now or 0
        end = current.position or now
        if self.finished:
            end = current.end or max(now, (self.reader.planner.newest or now) + 1)
        self._write_ledger(end)
        self.ledger.close(end, now)

    def _batch(self, batches: list[pa.RecordBatch]) -> pa.Table:
        now = int(datetime.now(UTC).timestamp() * 1_000_000)
        table = event_pages.table(batches, now, of_profiles=self._of_profiles)
        self._report.count_rows(self._table, table.num_rows)
        self._report.expect_rows(self._table, self.reader.remaining())
        if not self._of_profiles:
            self._report.lateness.add(table)
        self._report.count_readable(self._table, table.num_rows)
        return table


def empty_table(*, of_profiles: bool) -> pa.Table:
    """No rows, but the columns."""
    return event_rows.schema(of_profiles=of_profiles).empty_table()


def _new_rows(piece: Piece, released: set[Key]) -> pa.RecordBatch:
    """The rows whose keys this load has not given out yet: an event may be there again at another time."""
    if released.isdisjoint(piece.keys):
        released.update(piece.keys)
        return piece.rows
    kept = [index for index, key in enumerate(piece.keys) if key not in released]
    released.update(piece.keys)
    return piece.rows.take(pa.array(kept, type=pa.int32()))


def bind(ask: Callable[..., EventPage], *arguments: Any) -> AskEvents:
    """A profile's event route as a question to ask."""

    def asked(query: Query, *, permitted: bool = False) -> EventPage:
        return ask(*arguments, query, permitted=permitted)

    return asked
