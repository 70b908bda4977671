"""Which stretches a span of time is read in, and how they are cut, begun and mended."""

from bisect import bisect_right

from cdp_client import UnexpectedAnswerError
from intilery_source.claims import Edge
from intilery_source.instants import Millis
from intilery_source.paging import Paging
from intilery_source.pieces import Pieces
from intilery_source.stretches import Stretch, Window
from intilery_source.types import EventPage

_MAX_CONTRADICTIONS = 8
_CHAINS = 8
"""Stretches that are begun at a guess at one time."""
_SERIAL_PAGES = 16
"""Pages of a stretch where `from` is of no use, and each page is asked for after the one before it."""


class Layout:
    """The stretches of `[first, last)` that are not read yet, in the order of time."""

    def __init__(self, pieces: Pieces, paging: Paging, first: Stretch) -> None:
        """Begin with one stretch."""
        self._pieces = pieces
        self._paging = paging
        self._contradictions = 0
        self._guesses: set[Millis] = set()
        """Where stretches have been begun; one that came to nothing would again."""
        self.stretches = [first]
        self.windows = [first.window]
        """Spans for the ledger."""

    def window_at(self, instant: Millis) -> Window:
        """The span for the ledger that an instant belongs to; those before it are forgotten."""
        index = bisect_right(self.windows, instant, key=_start) - 1
        del self.windows[: max(0, index)]
        return self.windows[0]

    def remaining(self) -> float:
        """About how many events are still to be read."""
        return sum(stretch.remaining() for stretch in self.stretches)

    def divide(self) -> Stretch | None:
        """Begin another stretch inside one that is long, where nothing is known yet; None where none is long."""
        paging = self._paging
        if not self.stretches or sum(stretch.floating for stretch in self.stretches) >= _CHAINS:
            return None
        if not paging.by_rank:  # one page after the other: better many short stretches, near to what is read
            length = _SERIAL_PAGES * paging.full_size
            for stretch in self.stretches:
                if stretch.opened and stretch.remaining() > 1.25 * length:
                    known = stretch.known()
                    return self._begin_within(stretch, stretch.time_at((known[0] if known else 0) + length))
        longest = max(self.stretches, key=Stretch.remaining)
        if longest.remaining() < 4.0 * (paging.cap if paging.by_rank else paging.full_size):
            return None
        if not (longest.opened or longest.floating):
            return None
        known = longest.known()
        return self._begin_within(longest, ((known[1] if known else longest.start) + longest.end) // 2)

    def settle(self, stretch: Stretch, page: EventPage) -> None:
        """Let a stretch that was begun at a guess begin at its first event, and the one before it end there."""
        stretch.floating = False
        index = self.stretches.index(stretch)
        previous = self.stretches[index - 1] if index else None
        if previous is None or previous.end != stretch.start or stretch.window.start != stretch.start:
            return  # the one before it is done: what lies between is a hole of this one's
        if stretch.window not in self.windows or previous.window not in self.windows:
            return
        start = stretch.end if page.earliest is None else page.earliest + 1
        if start < stretch.end:
            previous.end = previous.window.end = stretch.start = stretch.window.start = start
            return
        previous.end, previous.window.end = stretch.end, stretch.window.end
        previous.window.requests += stretch.window.requests
        self.windows.remove(stretch.window)
        self.stretches.remove(stretch)

    def cut(self, stretch: Stretch, rank: int) -> None:
        """End a stretch where a page far ahead begins, and begin another one where that page ends."""
        if rank not in stretch.pages or stretch.end_rank is not None or stretch not in self.stretches:
            return
        earliest, latest, _ = stretch.pages[rank]
        anchor = self._pieces.event_before(latest)
        if anchor is None or not stretch.start < earliest + 1 < latest < stretch.end:
            return
        density = rank / max(1, earliest - stretch.start)
        new = Stretch(latest, stretch.end, anchor, density, stretch.window)
        stretch.end, stretch.end_rank = earliest + 1, rank
        self._insert(stretch, new)

    def end_at_newest(self, page: EventPage) -> None:
        """Let the last stretch end where the page of the newest events begins."""
        if page.earliest is None or not self.stretches:
            return
        last = self.stretches[-1]
        if last.start < page.earliest + 1 < last.end:
            last.end = page.earliest + 1

    def begin_tail(self, page: EventPage, rank: int) -> None:
        """Begin a stretch behind a page that `rank` events follow: so where everything ends is known beforehand."""
        last = self.stretches[-1] if self.stretches else None
        anchor = None if page.latest is None else self._pieces.event_before(page.latest)
        if last is None or anchor is None or page.earliest is None or page.latest is None:
            return
        if last.end_rank is None and last.start < page.earliest + 1 < page.latest < last.end:
            new = Stretch(page.latest, last.end, anchor, last.rate(), last.window)
            new.end_rank = rank
            last.end = page.earliest + 1
            self._insert(last, new)

    def tidy(self) -> None:
        """Drop the stretches that are done; where one cannot go on, begin another one at each of its holes.

        Raises:
            UnexpectedAnswerError: answers keep contradicting each other.
        """
        for index in range(len(self.stretches) - 1, -1, -1):
            stretch = self.stretches[index]
            if stretch.outstanding:
                continue
            holes = self._pieces.missing(stretch.start, stretch.end)
            claims = stretch.edge is not None and not stretch.edge.accepted
            if not holes:
                del self.stretches[index]
            elif stretch.opened and not claims and not self._paging.goes_on(stretch):
                self.stretches[index : index + 1] = [self._mend(stretch, *hole) for hole in holes]

    def read_rest(self, first: Millis, last: Millis) -> None:
        """Begin stretches where nothing has been read and no stretch is left: new events, at the end."""
        for start, end in self._pieces.missing(first, last):
            self.stretches.append(Stretch(start, end, start, 0.0, self.windows[-1], edge=Edge(-1)))

    def _begin_within(self, stretch: Stretch, start: Millis) -> Stretch | None:
        if not stretch.start < start < stretch.end or start in self._guesses:
            return None
        self._guesses.add(start)
        new = Stretch(start, stretch.end, start, stretch.rate(), stretch.window, floating=True)
        stretch.end = start
        self._insert(stretch, new)
        return new

    def _insert(self, stretch: Stretch, new: Stretch) -> None:
        """Put a stretch behind another one, and divide the window that it begins in there."""
        self.stretches.insert(self.stretches.index(stretch) + 1, new)
        index = bisect_right(self.windows, new.start, key=_start) - 1
        if index < 0 or self.windows[index].start == new.start:  # the ledger is past it, or divided there already
            new.window = self.windows[max(0, index)]
            return
        old = self.windows[index]
        new.window = Window(new.start, old.end)
        old.end = new.start
        self.windows.insert(index + 1, new.window)
        for other in self.stretches:  # holes that share a window
            if other.window is old and other.start >= new.start:
                other.window = new.window

    def _mend(self, stretch: Stretch, start: Millis, end: Millis) -> Stretch:
        """The next attempt at a hole that a stretch has left: from an event before it, or from where it begins.

        Where that has brought nothing, the instant is larger than a page and must be read by itself.
        """
        stuck = start == stretch.start
        depth = stretch.depth + (stuck or stretch.crowded)
        stretch.window.depth = max(stretch.window.depth, depth)
        empty = stretch.edge is not None and stretch.edge.empty
        if empty:
            self._contradictions += 1
            if self._contradictions > _MAX_CONTRADICTIONS:
                raise UnexpectedAnswerError("The events route shows events at one time and none at another.")
        child = Stretch(start, end, start, stretch.rate(), stretch.window, depth=depth)
        anchor = None if stuck else self._pieces.event_before(start)
        if stuck and stretch.edge is not None and not empty:
            child.crowded = True
        elif anchor is not None:
            child.asked_from = anchor
        else:
            child.edge = Edge(-1)
        return child


def _start(window: Window) -> Millis:
    return window.start
