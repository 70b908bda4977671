"""Rows on their way: held back until everything before them has been read, then given out in the order of time."""

import heapq
import itertools
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

import pyarrow as pa

from intilery_source.coverage import Coverage, Span
from intilery_source.instants import Millis
from intilery_source.types import EventPage, Key


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of some instants, whole instants only, from `start` on; a key is there once."""

    start: Millis
    rows: pa.RecordBatch
    keys: list[Key]


class Pieces:
    """Takes pages in any order; what is given out is in the order of time and has each instant once."""

    def __init__(self, start: Millis) -> None:
        """Begin at `start`, before which nothing is asked for."""
        self._start = start
        self._covered = Coverage()
        self._waiting: list[tuple[Millis, int, Piece]] = []
        self._ready: deque[Piece] = deque()
        self._numbers = itertools.count()
        self._before: dict[Millis, Millis] = {}
        self._rows = self._bytes = 0
        self.reached = start
        """The instant before which everything has been read."""
        self.held = 0
        """Rows that nobody has taken."""
        self.ready = 0
        """Of these, the rows that can be taken."""

    def cover(self, page: EventPage, start: Millis, end: Millis) -> bool:
        """Take the rows of `[start, end)` from a page that holds all of them; whether any instant was new."""
        spans = self._covered.add(max(start, self._start), end)
        if not spans:
            return False
        times = [micros // 1000 for micros in page.micros]
        for first, last in spans:
            low, high = bisect_left(times, first), bisect_left(times, last)
            if low < high:
                self._hold(piece_of(page, low, high))
        self._advance()
        return True

    def anchor(self, page: EventPage) -> None:
        """Remember an event before the instant at which a page ends."""
        if page.micros and page.micros[-1] // 1000 == page.latest:
            behind = bisect_left(page.micros, page.latest * 1000)
            if behind:
                self._before[page.latest] = page.micros[behind - 1] // 1000

    def cover_instant(self, instant: Millis, pieces: list[Piece]) -> None:
        """Take an instant that was read by itself."""
        if self._covered.add(instant, instant + 1):
            for piece in pieces:
                self._hold(piece)
        self._advance()

    def missing(self, start: Millis, end: Millis) -> list[Span]:
        """What of `[start, end)` has not been read."""
        return self._covered.missing(start, end)

    def event_before(self, instant: Millis) -> Millis | None:
        """The instant of an event shortly before `instant`, where a page ended that shows one."""
        return self._before.get(instant)

    def take(self) -> Piece | None:
        """The next piece, None while what comes next has not been read."""
        if not self._ready:
            return None
        piece = self._ready.popleft()
        self.held -= len(piece.keys)
        self.ready -= len(piece.keys)
        return piece

    @property
    def bytes_of_row(self) -> int:
        """The bytes of a row in memory, on average."""
        return self._bytes // self._rows + 1 if self._rows else 1

    @property
    def position(self) -> Millis:
        """The instant before which everything has been read and taken."""
        return self._ready[0].start if self._ready else self.reached

    def _hold(self, piece: Piece) -> None:
        self.held += len(piece.keys)
        self._rows += len(piece.keys)
        self._bytes += piece.rows.nbytes
        heapq.heappush(self._waiting, (piece.start, next(self._numbers), piece))

    def _advance(self) -> None:
        self.reached = self._covered.reach(self._start)
        while self._waiting and self._waiting[0][0] < self.reached:
            piece = heapq.heappop(self._waiting)[2]
            self.ready += len(piece.keys)
            self._ready.append(piece)
        if len(self._before) > 2_000:
            self._before = {end: time for end, time in self._before.items() if end >= self.reached}


def piece_of(page: EventPage, low: int, high: int) -> Piece:
    """The rows `low` to `high` of a page; of several copies of one event, the one received first."""
    keys = page.keys[low:high]
    rows = page.rows.slice(low, high - low)
    if len(set(keys)) < len(keys):
        first: dict[Key, int] = {}
        for index, key in enumerate(keys):
            if page.received[low + index] < page.received[low + first.setdefault(key, index)]:
                first[key] = index
        kept = sorted(first.values())
        keys = [keys[index] for index in kept]
        rows = rows.take(pa.array(kept, type=pa.int32()))
    return Piece(page.micros[low] // 1000, rows, keys)


def instant_pieces(pages: list[EventPage], instant: Millis) -> list[Piece]:
    """The rows of one instant from pages that may show them in any order and more than once."""
    first: dict[Key, tuple[int, int, int]] = {}
    for number, page in enumerate(pages):
        low, high = bisect_left(page.micros, instant * 1000), bisect_left(page.micros, (instant + 1) * 1000)
        for index in range(low, high):
            seen = page.received[index], number, index
            if seen < first.setdefault(page.keys[index], seen):
                first[page.keys[index]] = seen
    chosen: list[list[int]] = [[] for _ in pages]
    for _, number, index in first.values():
        chosen[number].append(index)
    return [
        Piece(instant, page.rows.take(pa.array(kept, type=pa.int32())), [page.keys[index] for index in kept])
        for page, kept in zip(pages, chosen, strict=True)
        if kept
    ]
