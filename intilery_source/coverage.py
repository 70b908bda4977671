"""Which instants have been read completely."""

from bisect import bisect_left, bisect_right

from intilery_source.instants import Millis

Span = tuple[Millis, Millis]
"""Whole milliseconds, the first one included, the last one not."""


class Coverage:
    """A set of milliseconds, kept as spans that neither touch nor overlap."""

    def __init__(self) -> None:
        self._starts: list[Millis] = []
        self._ends: list[Millis] = []

    def add(self, start: Millis, end: Millis) -> list[Span]:
        """Add `[start, end)`; the parts of it that were not there before are returned, in order."""
        if start >= end:
            return []
        new = self.missing(start, end)
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        return new

    def missing(self, start: Millis, end: Millis) -> list[Span]:
        """The parts of `[start, end)` that are not covered, in order."""
        found = []
        index = bisect_right(self._ends, start)
        while start < end:
            if index == len(self._starts) or self._starts[index] >= end:
                found.append((start, end))
                break
            if start < self._starts[index]:
                found.append((start, self._starts[index]))
            start = self._ends[index]
            index += 1
        return found

    def reach(self, start: Millis) -> Millis:
        """The instant up to which everything from `start` on is covered; `start` where it is not covered itself."""
        index = bisect_right(self._starts, start) - 1
        return max(start, self._ends[index]) if index >= 0 else start
