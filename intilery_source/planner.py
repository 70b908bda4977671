"""Deciding what to ask next, so that a span of time is read completely, quickly and with few requests.

Nothing here waits or sends: `next` says what to ask, `answered` takes what came, in whatever order answers come in.

What is believed of an answer is what it shows: a page in the order of time holds every event between its first and
its last instant, both excluded, whatever question it answers. Pages that overlap therefore prove that nothing lies
between them; `from` only says where to look, and a proxy that repeats another answer can do no harm. Only where
nothing vouches for an answer (before the first event, behind the last one, behind an instant that is larger than a
page) does it take two answers that say the same.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum, auto

from cdp_client import UnexpectedAnswerError
from intilery_source.instants import FIRST, LAST, Millis
from intilery_source.pieces import Piece, Pieces
from intilery_source.stretches import Edge, Stretch, Window
from intilery_source.types import EventPage, Query

OVERLAP: Millis = 1
"""How far a question reaches beyond its span: whether `start` and `end` are inclusive is unsaid."""

_SERIAL_PAGES = 16
"""Pages of a stretch where `from` is of no use, and each page is asked for after the one before it."""
_SCOUT = 6
"""Pages that must remain for a look ahead to be worth its request."""
_EAGER = 6
"""Pages asked for before the first one has come, where there is much to read."""
_HEDGE = 3
"""How often the pages at both ends are asked for then: the first answer counts, a second one bears it out."""
_CHAINS = 8
"""Places at which a long span is looked at at once, each place after the one before it a cap's length on."""
_PREPARED = 100
_CAUTION = 0.1
_READY = 50_000
_MAX_CLAIMS = 8
_TRUST = 3
"""How many pages that do not overlap as their ranks do it takes to give up on ranks."""
_SPECULATION = 0.005
"""The share of requests that may have been of no use before guesses are left alone."""
_INFINITY = float("inf")


class Kind(Enum):
    """What is asked for."""

    NEWEST = auto()
    PAGE = auto()
    INSTANT = auto()


@dataclass(slots=True, eq=False)
class Ask:
    """A question; or an instant that is to be read by itself (`query.start`)."""

    kind: Kind
    query: Query
    stretch: Stretch | None = None
    rank: int = 0
    guess: bool = False
    """Whether it may well be of no use."""


class Planner:
    """Plans the reading of `[start, end)`; None stands for "from the first event on" and "to the last one".

    Not safe to use from several threads at once.
    """

    def __init__(
        self,
        start: Millis | None,
        end: Millis | None,
        *,
        page_size: int = 100,
        cap: int = 10_000,
        ahead: int = 200_000,
        eager: bool = False,
    ) -> None:
        """Plan for pages of `page_size`; about `ahead` rows at most wait to be taken.

        `eager` says that there is much to read: several pages are asked for before the first one has come.
        """
        self._first = FIRST if start is None else start
        self._last = LAST + 1 if end is None else end
        self._open_end = end is None
        self.pieces = Pieces(self._first)
        self.size = self._full_size = page_size
        self._cap = cap
        self._ahead = ahead
        self._eager = eager
        self._window = 16 if eager else 2
        """How many questions may be under way at once; each page that proves useful lets it grow."""
        self.capacity = 2**31
        """The same, as far as the machine and the limit are concerned."""
        self.start_is_inclusive: bool | None = None
        """Whether an event at `start` is in the answer, once a crowded instant has shown it."""
        self.windows = [Window(self._first, None)]
        """Spans for the ledger, in the order of time."""
        self._newest = Edge(1)
        self._earliest = Edge(-1)
        self._stretches = [
            Stretch(self._first, self._last, start, 0.0, self.windows[0], edge=self._earliest),
        ]
        self._outstanding = 0
        self.requests = 0
        self._guesses = 0
        self.wasted = 0
        """Answers that brought nothing new."""
        self._votes = 0
        """For and against `from` counting hits, as pages show it."""
        self._successes = 0
        self._contradictions = 0
        self.failed: list[Millis] = []
        """Instants that could not be read completely."""

    # What has been read

    @property
    def finished(self) -> bool:
        """Whether everything has been read; the last pieces may still wait to be taken."""
        return self.pieces.reached >= self._last

    @property
    def opened(self) -> bool:
        """Whether the first answers from both ends are here."""
        return self._earliest.answers > 0 and self._newest.answers > 0

    @property
    def earliest(self) -> Millis | None:
        """The instant of the first event, None where there is none (or none is known yet)."""
        best = self._earliest.best
        return None if best is None or best == _INFINITY else int(best)

    @property
    def newest(self) -> Millis | None:
        """The instant of the last event, None where there is none (or none is known yet)."""
        best = self._newest.best
        return None if best is None or best == -_INFINITY else int(best)

    def remaining(self) -> float:
        """About how many events are still to be read."""
        return sum(stretch.remaining() for stretch in self._stretches)

    def window_at(self, instant: Millis) -> Window:
        """The span for the ledger that an instant belongs to; those before it are forgotten."""
        index = bisect_right(self.windows, instant, key=lambda window: window.start) - 1
        del self.windows[: max(0, index)]
        return self.windows[0]

    # What to ask

    def next(self) -> Ask | None:
        """What to ask now; None where an answer, or room for its rows, must come first."""
        ask = self._choose()
        if ask is None:
            return None
        self._outstanding += 1
        self.requests += 1
        if ask.stretch is None:
            self._newest.outstanding += 1
            self.windows[-1].requests += 1
        else:
            ask.stretch.outstanding += 1
            ask.stretch.window.requests += 1
            if ask.stretch.edge is not None and not ask.rank:
                ask.stretch.edge.outstanding += 1
        return ask

    def _choose(self) -> Ask | None:
        if self.finished or self._outstanding >= self.capacity:
            return None
        if not self._newest.answers and self._newest.outstanding < (_HEDGE if self._eager else 1):
            return self._ask_newest()
        full = self.pieces.held - self.pieces.ready + self._full_size * self._outstanding >= self._ahead
        if self.pieces.ready >= _READY:
            return None
        stretches = self._stretches[:1] if full else self._stretches
        for stretch in stretches:
            if ask := self._needed(stretch):
                return ask
        edge = self._newest
        if not edge.accepted and not edge.outstanding and self._earliest.answers:
            return self._ask_newest()
        if self._outstanding >= self._window:
            return None
        first = self._stretches[0] if self._stretches else None
        if first is not None and first.edge is self._earliest and not first.opened and first.end_rank is None:
            if self._eager and self._earliest.outstanding < _HEDGE:
                return self._page(first, 0)
            if not self._eager or not self._goes_on(first):
                return None
            if first.next_rank < _EAGER * self.size:
                return self._page(first, first.next_rank)
            return None if self._earliest.answers or len(first.pages) else self._peek(first, self._cap - self.size)
        if not self._newest.answers:
            return None
        for stretch in () if full else self._stretches[:_PREPARED]:
            if ask := self._scout(stretch):
                return ask
        for stretch in stretches:
            if ask := self._wanted(stretch):
                return ask
        return None if full else self._divide() or self._speculate()

    def _ask_newest(self) -> Ask:
        if self._newest.answers >= _MAX_CLAIMS:
            raise UnexpectedAnswerError("The events route keeps giving different answers to one question.")
        start = None if self._first == FIRST else self._first - OVERLAP
        return Ask(Kind.NEWEST, self._query(start, ascending=False))

    def _needed(self, stretch: Stretch) -> Ask | None:
        """The question without which nothing goes on in a stretch."""
        if stretch.crowded:
            return (
                None if stretch.outstanding else Ask(Kind.INSTANT, Query(start=stretch.start, size=self.size), stretch)
            )
        if not stretch.next_rank:
            return self._page(stretch, 0)
        edge = stretch.edge
        if edge is not None and edge.answers and not edge.accepted and not edge.outstanding:
            if edge is self._earliest and not self.opened:
                return None  # the newest events may be all events, and bear it out
            if edge.answers >= _MAX_CLAIMS:
                raise UnexpectedAnswerError("The events route keeps giving different answers to one question.")
            return self._page(stretch, 0)
        if stretch.opened and not stretch.outstanding and self._goes_on(stretch):
            return self._page(stretch, stretch.next_rank)
        return None

    def _wanted(self, stretch: Stretch) -> Ask | None:
        """A question about a stretch that is likely to be of use."""
        if stretch.crowded or not self._goes_on(stretch):
            return None
        vouched = stretch.edge is None and not stretch.floating and stretch.expected() > 1.5 * self._cap
        if (stretch.opened or vouched or stretch.end_rank is not None) and stretch.next_rank < min(
            stretch.sure() + stretch.lead, stretch.scout or self._cap
        ):
            return self._page(stretch, stretch.next_rank)
        return None

    def _scout(self, stretch: Stretch) -> Ask | None:
        """A page near the end of a stretch: it is cut there, and all ranks before it are needed for sure."""
        if stretch.scout is not None or stretch.end_rank is not None or self._votes <= 0:
            return None
        remaining, expected = stretch.remaining(), stretch.expected()
        if remaining < _SCOUT * self._full_size or not stretch.next_rank or not self._goes_on(stretch):
            return None
        if not stretch.opened and expected < (2 if stretch.floating else 1) * self._cap:
            return None
        rank = self._cap - self.size
        if expected < self._cap or stretch.bracketed:
            known = stretch.known()
            middle = ((known[0] if known else 0) + stretch.bound) // 2
            rank = min(rank, int(expected - self._full_size - _CAUTION * remaining))
            rank = rank if stretch.bound > self._cap else min(rank, middle)
        return self._peek(stretch, rank)

    def _peek(self, stretch: Stretch, rank: int) -> Ask | None:
        """The page at about `rank`, far ahead."""
        step = self._step(stretch)
        rank = stretch.next_rank + (rank - stretch.next_rank) // step * step  # so that pages fit in between
        if stretch.scout is not None or rank < stretch.next_rank + step:
            return None
        stretch.scout = rank
        return Ask(Kind.PAGE, self._query(self._asked_from(stretch), skip=rank), stretch, rank)

    def _goes_on(self, stretch: Stretch) -> bool:
        """Whether there may be a rank to ask for."""
        while stretch.next_rank in stretch.pages:  # looked at ahead
            stretch.next_rank += self._step(stretch)
        if stretch.next_rank + self.size > self._cap:
            stretch.exhausted = True
        return self._ranks and not stretch.exhausted and not stretch.passed

    @property
    def _ranks(self) -> bool:
        """Whether `from` is of use: it must count hits, and overlapping pages must have room for some more."""
        return self._votes > -_TRUST and self.size >= 4

    def _page(self, stretch: Stretch, rank: int) -> Ask:
        stretch.next_rank = max(stretch.next_rank, rank + self._step(stretch))
        return Ask(Kind.PAGE, self._query(self._asked_from(stretch), skip=rank), stretch, rank)

    def _step(self, stretch: Stretch) -> int:
        """How many ranks on the next page begins: the two must share an instant and an event before it."""
        return max(1, self.size - min(1 + stretch.ties, self.size // 2))

    def _asked_from(self, stretch: Stretch) -> Millis | None:
        if stretch.asked_from is None:
            return None
        # what comes behind a crowded instant must be asked for without the instant itself
        exact = stretch.edge is not None and stretch.edge is not self._earliest and self.start_is_inclusive
        return stretch.asked_from - (0 if exact else OVERLAP)

    def _query(self, start: Millis | None, *, skip: int = 0, ascending: bool = True) -> Query:
        end = None if self._open_end else self._last - 1 + OVERLAP
        return Query(start=start, end=end, skip=skip, size=self.size, ascending=ascending)

    def _divide(self) -> Ask | None:
        """Begin another stretch in the middle of the largest remainder."""
        if sum(stretch.floating for stretch in self._stretches) >= _CHAINS or not self._stretches:
            return None
        least = 4.0 * self._cap if self._ranks else 4.0 * self._full_size
        longest = max(self._stretches, key=Stretch.remaining)
        if longest.remaining() < least or not (longest.opened or longest.floating):
            return None
        if self._ranks:
            known = longest.known()
            return self._float(longest, ((known[1] if known else longest.start) + longest.end) // 2)
        for stretch in self._stretches:  # one page after the other: better many short stretches near to what is read
            if stretch.opened and stretch.remaining() > 1.25 * _SERIAL_PAGES * self._full_size:
                known = stretch.known()
                return self._float(
                    stretch, stretch.time_at((known[0] if known else 0) + _SERIAL_PAGES * self._full_size)
                )
        known = longest.known()
        return self._float(longest, ((known[1] if known else longest.start) + longest.end) // 2)

    def _float(self, stretch: Stretch, start: Millis) -> Ask | None:
        """Begin a stretch where nothing is known yet; its first page will say where it begins."""
        if not stretch.start < start < stretch.end:
            return None
        window = Window(start, stretch.window.end)
        new = Stretch(start, stretch.end, start, stretch.rate(), window, floating=True)
        stretch.end = stretch.window.end = start
        self.windows.insert(self.windows.index(stretch.window) + 1, window)
        self._stretches.insert(self._stretches.index(stretch) + 1, new)
        return self._page(new, 0)

    def _speculate(self) -> Ask | None:
        """Where nothing else is to be done, a page that may lie behind the end of its stretch."""
        if self.wasted + self._guesses > 2 + self.requests * _SPECULATION:
            return None
        for stretch in self._stretches:
            if not stretch.opened or stretch.crowded or not self._goes_on(stretch):
                continue
            if stretch.next_rank < stretch.expected() + 0.05 * stretch.remaining():
                self._guesses += 1
                ask = self._page(stretch, stretch.next_rank)
                ask.guess = True
                return ask
        return None

    # What came

    def answered(self, ask: Ask, page: EventPage) -> None:
        """Take the answer to a question."""
        self._returned(ask)
        self._grow()
        if not ask.query.ascending:
            page = page.reversed()
        self._note_claims(ask, page)
        new = False
        if page.earliest is not None and page.latest is not None:
            new = self.pieces.cover(page, page.earliest + 1, page.latest)
        if ask.stretch is None:
            self._bound_by_newest(page)
        else:
            self._learn(ask.stretch, ask, page)
        new = self._believe_claims(ask.stretch) or new
        if not new:
            self.wasted += 1
        elif page.length == ask.query.size:
            self._window += 2
        self._move_on()

    def too_large(self, ask: Ask) -> bool:
        """Ask for less, since an answer was too large (413); False where it cannot be less."""
        self._returned(ask)
        if ask.query.size == 1:
            return False
        self.size, self._successes = max(1, min(self.size, ask.query.size // 2)), 0
        if ask.stretch is not None and ask.rank == ask.stretch.scout:
            ask.stretch.scout = None
        elif ask.stretch is not None and not (ask.rank == 0 and ask.stretch.opened):
            ask.stretch.next_rank = min(ask.stretch.next_rank, ask.rank)
        self._move_on()
        return True

    def refused(self, ask: Ask) -> bool:
        """Do without a rank that was refused; False where a refusal has nothing to do with ranks."""
        if not ask.rank or ask.stretch is None:
            return False
        self._returned(ask)
        self._vote(False)
        ask.stretch.exhausted = True
        ask.stretch.scout = None
        self._move_on()
        return True

    def read_instant(self, ask: Ask, pieces: list[Piece], *, failed: bool) -> None:
        """Take the events of an instant that was read by itself; `failed` says that there are more of them."""
        self._returned(ask)
        instant = ask.query.start or 0
        self.pieces.cover_instant(instant, pieces)
        if failed:
            self.failed.append(instant)
        self._move_on()

    def _returned(self, ask: Ask) -> None:
        self._outstanding -= 1
        self._guesses -= ask.guess
        edge = self._newest
        if ask.stretch is not None:
            ask.stretch.outstanding -= 1
            if ask.stretch.edge is None or ask.rank:
                return
            edge = ask.stretch.edge
        edge.outstanding -= 1

    def _grow(self) -> None:
        """Ask for more again, some time after an answer that was too large."""
        self._successes += 1
        if self.size < self._full_size and self._successes >= 20:
            self.size, self._successes = min(self._full_size, self.size * 2), 0

    def _vote(self, hits: bool) -> None:
        self._votes = max(-_TRUST, min(_TRUST, self._votes + (1 if hits else -1)))

    def _note_claims(self, ask: Ask, page: EventPage) -> None:
        """What an answer claims about where there is nothing."""
        whole = page.length < ask.query.size
        early = _INFINITY if page.earliest is None else page.earliest
        late = -_INFINITY if page.latest is None else page.latest
        if ask.stretch is None:
            self._newest.note(late, page, whole=whole)
            if whole:
                self._earliest.note(early, page, whole=True)
            return
        edge = ask.stretch.edge
        if edge is not None and not ask.rank:
            edge.note(early, page, whole=whole)
        if whole and ((edge is self._earliest and not ask.rank) or page.latest is not None):
            self._newest.note(late, page, whole=edge is self._earliest and not ask.rank)

    def _believe_claims(self, stretch: Stretch | None) -> bool:
        """Take what two answers have claimed; whether it was new."""
        new = False
        early, late = self._earliest, self._newest
        if early.accepted and early.page is not None:
            if early.page.latest is not None:
                new |= self.pieces.cover(early.page, self._first, early.page.latest)
            elif late.accepted and late.page is not None and late.page.latest is None:
                new |= self.pieces.cover(early.page, self._first, self._last)
        if late.accepted and late.page is not None and late.page.earliest is not None:
            everything = late.whole and early.accepted and early.best == late.page.earliest
            new |= self.pieces.cover(late.page, late.page.earliest + (0 if everything else 1), self._last)
        edge = stretch.edge if stretch is not None else None
        if stretch is not None and edge is not None and edge is not early and edge.accepted and edge.page is not None:
            end = stretch.end if edge.page.latest is None else edge.page.latest
            new |= self.pieces.cover(edge.page, stretch.start, end)
        return new

    def _bound_by_newest(self, page: EventPage) -> None:
        """The last stretch ends where the newest events begin."""
        if page.earliest is None or page.latest is None or page.earliest == page.latest or not self._stretches:
            return
        last = self._stretches[-1]
        if last.start < page.earliest + 1 < last.end:
            last.end = page.earliest + 1
        self._widen(page)

    def _widen(self, newest: EventPage | None) -> None:
        """Ask for much at once where the first pages from both ends say that there is much."""
        first = self._stretches[0] if self._stretches else None
        if first is None or not first.opened or first.edge is not self._earliest or newest is None:
            return
        if newest.earliest is None or newest.latest is None or self.earliest is None:
            return
        density = min(first.density, newest.length / max(1, newest.latest - newest.earliest))
        pages = density * (newest.latest - self.earliest) / self._full_size
        self._window = max(self._window, int(pages / 2))

    def _learn(self, stretch: Stretch, ask: Ask, page: EventPage) -> None:
        """What a page says of ranks, density and the end of its stretch."""
        overlaps = stretch.overlaps(ask.rank, page)
        if overlaps is not None:
            self._vote(overlaps)
        if page.length < ask.query.size:
            stretch.bound = min(stretch.bound, ask.rank + page.length)
            stretch.exhausted = stretch.exhausted or ask.rank != stretch.scout
        if ask.rank == stretch.scout:
            stretch.scout = None
            stretch.peeks.append(ask.rank)
        if self._votes > 0 or overlaps or not ask.rank:
            before = stretch.expected()
            stretch.sample(ask.rank, page)
            low = ask.rank and not stretch.bracketed and stretch.expected() > before + page.length / 4
            stretch.lead = stretch.lead + self.size if low else max(0, stretch.lead - self.size)
        if self._votes > 0:
            while stretch.peeks:
                self._cut(stretch, stretch.peeks.pop())
        if ask.rank or stretch.opened:
            return
        stretch.opened = True
        if page.earliest is not None and page.latest is not None and page.latest > page.earliest:
            stretch.density = page.length / (page.latest - page.earliest)
        if stretch.floating:
            self._settle_down(stretch, page)
        elif stretch.edge is self._earliest:
            self._widen(self._newest.page)

    def _cut(self, stretch: Stretch, rank: int) -> None:
        """End a stretch where a page far ahead begins, and begin another one where that page ends."""
        if rank not in stretch.pages or stretch.end_rank is not None:
            return
        earliest, latest, _ = stretch.pages[rank]
        anchor = self.pieces.event_before(latest)
        if anchor is None or not stretch.start < earliest + 1 < latest < stretch.end:
            return
        window = Window(latest, stretch.window.end)
        density = rank / max(1, earliest - stretch.start)
        new = Stretch(latest, stretch.end, anchor, density, window)
        stretch.end, stretch.end_rank, stretch.window.end = earliest + 1, rank, latest
        self.windows.insert(self.windows.index(stretch.window) + 1, window)
        self._stretches.insert(self._stretches.index(stretch) + 1, new)

    def _settle_down(self, stretch: Stretch, page: EventPage) -> None:
        """Let a stretch that was begun at a guess begin at its first event, and the one before it end there."""
        stretch.floating = False
        index = self._stretches.index(stretch)
        previous = self._stretches[index - 1] if index else None
        if previous is None or previous.end != stretch.start:
            return  # the one before it is done: what lies between is a hole of this one's
        start = stretch.end if page.earliest is None else page.earliest + 1
        if start < stretch.end:
            previous.end = previous.window.end = stretch.start = stretch.window.start = start
            return
        previous.end, previous.window.end = stretch.end, stretch.window.end
        previous.window.requests += stretch.window.requests
        self.windows.remove(stretch.window)
        self._stretches.remove(stretch)

    def _move_on(self) -> None:
        """Drop the stretches that are done; where one cannot go on, begin another one at each of its holes."""
        for index in range(len(self._stretches) - 1, -1, -1):
            stretch = self._stretches[index]
            if stretch.outstanding:
                continue
            holes = self.pieces.missing(stretch.start, stretch.end)
            claims = stretch.edge is not None and not stretch.edge.accepted
            if not holes:
                del self._stretches[index]
            elif stretch.opened and not claims and not self._goes_on(stretch):
                self._stretches[index : index + 1] = [self._mend(stretch, *hole) for hole in holes]
        if not self._stretches and self._newest.accepted:
            window = self.windows[-1]
            for start, end in self.pieces.missing(self._first, self._last):
                self._stretches.append(Stretch(start, end, start, 0.0, window, edge=Edge(-1)))

    def _mend(self, stretch: Stretch, start: Millis, end: Millis) -> Stretch:
        """The next attempt at a hole that a stretch has left: from another place, or by itself."""
        stuck = start == stretch.start
        depth = stretch.depth + (stuck or stretch.crowded)
        stretch.window.depth = max(stretch.window.depth, depth)
        empty = stretch.edge is not None and stretch.edge.best == _INFINITY
        if empty:
            self._contradictions += 1
            if self._contradictions > _MAX_CLAIMS:
                raise UnexpectedAnswerError("The events route shows events at one time and none at another.")
        child = Stretch(start, end, start, stretch.rate(), stretch.window, depth=depth)
        anchor = None if stuck else self.pieces.event_before(start)
        if stuck and stretch.edge is not None and not empty:
            child.crowded = True
        elif anchor is not None:
            child.asked_from = anchor
        else:
            child.edge = Edge(-1)
        return child
