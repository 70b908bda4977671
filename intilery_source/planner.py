"""Deciding what to ask next, so that a span of time is read completely, quickly and with few requests.

Nothing here waits or sends: `next` says what to ask, `answered` takes what came, in whatever order answers come in.

What is believed of an answer is what it shows: a page in the order of time holds every event between its first and
its last instant, both excluded, whatever question it answers. Pages that overlap therefore prove that nothing lies
between them; `from` only says where to look, and a proxy that repeats another answer can do no harm. Where nothing
vouches for an answer it takes two (`intilery_source.claims`).

A stretch of time is read by rank, all its pages at once. How many there are is learnt by looking ahead: one page far
behind the others shows where its rank lies, and the stretch is cut there.
"""

from dataclasses import replace

from cdp_client import UnexpectedAnswerError
from intilery_source.asks import Ask, Kind
from intilery_source.claims import Ends
from intilery_source.freshness import Freshness
from intilery_source.instants import FIRST, LAST, Millis
from intilery_source.layout import Layout
from intilery_source.paging import Paging
from intilery_source.pieces import Piece, Pieces
from intilery_source.stretches import Stretch, Window
from intilery_source.types import EventPage, Query

OVERLAP: Millis = 1
"""How far a question reaches beyond its span: whether `start` and `end` are inclusive is unsaid."""

_READY = 0.15
"""How much may wait to be taken before no more is asked for, as a share of what may wait altogether."""
_AHEAD_BYTES = 160 * 1024 * 1024
_EAGER = 6
"""Pages asked for before the first one has come, where there is much to read."""
_HEDGE = 5
"""How often the pages at both ends are asked for then: the first answer counts, a second one bears it out."""
_SCOUT = 6
"""Pages that must remain for a look ahead to be worth its request."""
_CAUTION = 0.1
"""The share of what remains by which a look ahead stays before the expected end."""
_OPENING = 18
"""Answers of no use that the begin takes: what is asked for there twice and more often."""
_HEAD = 4
"""Pages behind the expected end of the first stretch that are asked for where everything else waits for it."""
_SPECULATION = 0.005
"""The share of requests that may have been of no use before guesses are left alone."""


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
        """Plan for pages of `page_size`; about `ahead` rows at most wait for others that come before them.

        `eager` says that there is much to read: several pages are asked for before the first one has come.
        """
        self._first = FIRST if start is None else start
        self._last = LAST + 1 if end is None else end
        self._open_end = end is None
        self._ahead = ahead
        self._eager = eager
        self._tail_asked = False
        self._window = 30 if eager else 2
        """How many questions may be under way at once; each page that proves useful lets it grow."""
        self.capacity = 2**31
        """The same, as far as the machine and the limit are concerned."""
        self.start_is_inclusive: bool | None = None
        """Whether an event at `start` is in the answer, once a crowded instant has shown it."""
        self.pieces = Pieces(self._first)
        self._paging = Paging(page_size, cap)
        self.ends = Ends(self.pieces, self._first, self._last)
        window = Window(self._first, None)
        self._layout = Layout(
            self.pieces,
            self._paging,
            Stretch(self._first, self._last, start, 0.0, window, edge=self.ends.earliest),
        )
        self._freshness = Freshness()
        self._again: list[Ask] = []
        """Questions to be asked a second time, since the answers may be old ones."""
        self.outstanding = 0
        self.requests = 0
        self._guesses = 0
        self.wasted = 0
        """Answers that brought nothing new."""

    # What has been read

    @property
    def finished(self) -> bool:
        """Whether everything has been read; the last pieces may still wait to be taken."""
        return self.pieces.reached >= self._last

    @property
    def earliest(self) -> Millis | None:
        """The instant of the first event, None where there is none (or none is known yet)."""
        return self.ends.earliest.instant

    @property
    def newest(self) -> Millis | None:
        """The instant of the last event, None where there is none (or none is known yet)."""
        return self.ends.newest.instant

    def remaining(self) -> float:
        """About how many events are still to be read."""
        return self._layout.remaining()

    def window_at(self, instant: Millis) -> Window:
        """The span for the ledger that an instant belongs to; those before it are forgotten."""
        return self._layout.window_at(instant)

    # What to ask

    def next(self) -> Ask | None:
        """What to ask now; None where an answer, or room for its rows, must come first.

        Raises:
            UnexpectedAnswerError: answers keep contradicting each other.
        """
        ask = self._choose()
        if ask is None:
            return None
        self.outstanding += 1
        self.requests += 1
        self._guesses += ask.guess
        ask.opening = self._freshness.doubtful
        if ask.opening and ask.rank and not ask.again:
            self._again.append(replace(ask, again=True))
        ask.count(1, self.ends.newest)
        window = self._layout.windows[-1] if ask.stretch is None else ask.stretch.window
        window.requests += 1
        return ask

    def _choose(self) -> Ask | None:
        ahead = min(self._ahead, _AHEAD_BYTES // self.pieces.bytes_of_row)
        if self.finished or self.outstanding >= self.capacity or self.pieces.ready >= _READY * ahead:
            return None
        newest = self.ends.newest
        if not newest.answers and newest.outstanding < (_HEDGE if self._eager else 1):
            return self._ask_newest()
        if self._again:
            return self._again.pop()
        full = self.pieces.held - self.pieces.ready + self._paging.full_size * self.outstanding >= ahead
        stretches = self._layout.stretches[:1] if full else self._layout.stretches
        for stretch in stretches:
            if ask := self._needed(stretch):
                return ask
        earliest = self.ends.earliest  # whose answer bears out the newest events, where these are all events
        if earliest.answers and newest.unsettled and not (newest.whole and earliest.outstanding):
            return self._ask_newest()
        if self.outstanding >= self._window:
            return None
        if not newest.answers or not self.ends.earliest.answers:
            exact = [stretch for stretch in stretches if stretch.end_rank is not None]
            return self._ask_eagerly() or next(filter(None, map(self._wanted, exact)), None)
        if full:
            return next(filter(None, map(self._wanted, stretches)), None) or self._speculate(_HEAD)
        for choice in (self._scout, self._wanted):
            for stretch in stretches:
                if ask := choice(stretch):
                    return ask
        new = self._layout.divide()
        return self._speculate() if new is None else self._page(new, 0)

    def _ask_newest(self, rank: int = 0) -> Ask:
        start = None if self._first == FIRST else self._first - OVERLAP
        return Ask(Kind.NEWEST, self._query(start, skip=rank, ascending=False), rank=rank)

    def _ask_eagerly(self) -> Ask | None:
        """Before anything is known: the first pages, the first one more than once, and one as far ahead as can be."""
        first, edge = self._layout.stretches[0], self.ends.earliest
        if not self._eager or not self._paging.goes_on(first):
            return None
        if not edge.answers and edge.outstanding < _HEDGE:
            return self._page(first, 0)
        if first.next_rank < _EAGER * self._paging.size:
            return self._page(first, first.next_rank)
        far = self._paging.cap - self._paging.size
        if not self._tail_asked:
            self._tail_asked = True
            return self._ask_newest(far)
        return None if first.pages else self._peek(first, far)

    def _needed(self, stretch: Stretch) -> Ask | None:
        """The question without which nothing goes on in a stretch."""
        if stretch.crowded:
            instant = Query(start=stretch.start, size=self._paging.size)
            return None if stretch.outstanding else Ask(Kind.INSTANT, instant, stretch)
        if not stretch.next_rank:
            return self._page(stretch, 0)
        edge = stretch.edge
        # until both ends are known, the newest events may be all events, and bear out the first
        if edge is not None and (self.ends.opened or edge is not self.ends.earliest) and edge.unsettled:
            return self._page(stretch, 0)
        if stretch.opened and not stretch.outstanding and self._paging.goes_on(stretch):
            return self._page(stretch, stretch.next_rank)
        return None

    def _wanted(self, stretch: Stretch) -> Ask | None:
        """A page of a stretch that is likely to be of use."""
        if stretch.crowded or not self._paging.goes_on(stretch):
            return None
        vouched = stretch.edge is None and not stretch.floating and stretch.expected() > 1.5 * self._paging.cap
        if not (stretch.opened or vouched or stretch.end_rank is not None):
            return None
        sure = min(stretch.sure() + stretch.lead, stretch.scout or self._paging.cap)
        return self._page(stretch, stretch.next_rank) if stretch.next_rank < sure else None

    def _scout(self, stretch: Stretch) -> Ask | None:
        """A page near the end of a stretch: it is cut there, and all ranks before it are needed for sure."""
        paging = self._paging
        if stretch.scout is not None or stretch.end_rank is not None or not paging.trusted:
            return None
        remaining, expected = stretch.remaining(), stretch.expected()
        if remaining < _SCOUT * paging.full_size or not stretch.next_rank or not paging.goes_on(stretch):
            return None
        if not stretch.opened and expected < (2 if stretch.floating else 1) * paging.cap:
            return None
        rank = paging.cap - paging.size
        if expected < paging.cap or stretch.bracketed:
            rank = min(rank, int(expected - paging.full_size - _CAUTION * remaining))
        if stretch.bound <= paging.cap:
            known = stretch.known()
            rank = min(rank, ((known[0] if known else 0) + stretch.bound) // 2)
        return self._peek(stretch, rank)

    def _peek(self, stretch: Stretch, rank: int) -> Ask | None:
        """The page at about `rank`, far ahead."""
        step = self._paging.step(stretch)
        rank = stretch.next_rank + (rank - stretch.next_rank) // step * step  # so that pages fit in between
        if (
            stretch.scout is not None
            or rank < stretch.next_rank + step
            or rank in stretch.pages
            or rank >= stretch.bound
        ):
            return None
        stretch.scout = rank
        return self._ask_page(stretch, rank)

    def _speculate(self, pages: int = 0) -> Ask | None:
        """Where nothing else is to be done, a page that may lie behind the end of its stretch: so many, or a few."""
        if not pages and self.wasted + self._guesses > _OPENING + self.requests * _SPECULATION:
            return None
        for stretch in self._layout.stretches[: 1 if pages else None]:
            if not stretch.opened or stretch.crowded or not self._paging.goes_on(stretch):
                continue
            if stretch.next_rank < stretch.expected() + max(pages * self._paging.size, 0.05 * stretch.remaining()):
                ask = self._page(stretch, stretch.next_rank)
                ask.guess = True
                return ask
        return None

    def _page(self, stretch: Stretch, rank: int) -> Ask:
        stretch.next_rank = max(stretch.next_rank, rank + self._paging.step(stretch))
        return self._ask_page(stretch, rank)

    def _ask_page(self, stretch: Stretch, rank: int) -> Ask:
        start = stretch.asked_from
        claims = stretch.edge is not None and stretch.edge is not self.ends.earliest
        if claims and not stretch.opened and not stretch.outstanding:
            # what comes behind a crowded instant must be asked for without the instant itself
            stretch.exact = bool(self.start_is_inclusive)
        if start is not None and not stretch.exact:
            start -= OVERLAP
        return Ask(Kind.PAGE, self._query(start, skip=rank), stretch, rank)

    def _query(self, start: Millis | None, *, skip: int = 0, ascending: bool = True) -> Query:
        end = None if self._open_end else self._last - 1 + OVERLAP
        return Query(start=start, end=end, skip=skip, size=self._paging.size, ascending=ascending)

    # What came

    def answered(self, ask: Ask, page: EventPage) -> None:
        """Take the answer to a question.

        Raises:
            UnexpectedAnswerError: answers keep contradicting each other.
        """
        self._returned(ask)
        self._paging.succeeded()
        stretch, full = ask.stretch, page.length >= ask.query.size
        if full and page.earliest is None:
            raise UnexpectedAnswerError(
                f"None of {page.length} events has a time that can be read (request id {page.request_id}), and nothing "
                "says where to read on: set start_date, or since, behind them."
            )
        if not ask.query.ascending:
            page = page.reversed()
        if stretch is None and ask.rank:
            self.ends.hear(page, ask.rank)
        else:
            edge = self.ends.newest if stretch is None else stretch.edge
            self.ends.note(page, of=edge, from_start=not ask.rank, full=full)
        self.pieces.anchor(page)
        believed = self._freshness.shows(ask, page)
        new = believed and self.pieces.cover(page, (page.earliest or 0) + 1, page.latest or 0)
        if stretch is None and ask.rank:
            self._layout.begin_tail(page, ask.rank)
        elif stretch is None:
            self._layout.end_at_newest(page)
        else:
            self._learn(stretch, ask, page)
            new |= self._believe(stretch)
        new |= self.ends.believe()
        # much can be asked for at once where the first pages from both ends say that there is much
        self._window = max(self._window, int(self.ends.events_at_least() / self._paging.full_size / 2))
        self.wasted += not new
        self._window += 2 if new and full else 0
        self._move_on()

    def too_large(self, ask: Ask) -> bool:
        """Ask for less, since an answer was too large (413); False where it cannot be less."""
        self._returned(ask)
        if not self._paging.shrink(ask.query.size):
            return False
        if ask.stretch is not None and ask.rank == ask.stretch.scout:
            ask.stretch.scout = None
        elif ask.stretch is not None and not (ask.rank == 0 and ask.stretch.opened):
            ask.stretch.next_rank = min(ask.stretch.next_rank, ask.rank)
        self._move_on()
        return True

    def refused(self, ask: Ask) -> bool:
        """Do without a rank that was refused; False where a refusal has nothing to do with ranks."""
        if not ask.rank:
            return False
        self._returned(ask)
        self._paging.vote(False)
        if ask.stretch is not None:
            ask.stretch.exhausted = True
            ask.stretch.scout = None
        self._move_on()
        return True

    def read_instant(self, ask: Ask, pieces: list[Piece]) -> None:
        """Take the events of an instant that was read by itself."""
        self._returned(ask)
        self.pieces.cover_instant(ask.query.start or 0, pieces)
        if ask.stretch is not None:  # what lies behind the instant is another stretch's
            ask.stretch.opened = ask.stretch.exhausted = True
        self._move_on()

    def _returned(self, ask: Ask) -> None:
        self.outstanding -= 1
        self._guesses -= ask.guess
        ask.count(-1, self.ends.newest)

    def _learn(self, stretch: Stretch, ask: Ask, page: EventPage) -> None:
        """What a page says of ranks, density and the end of its stretch."""
        overlaps = stretch.overlaps(ask.rank, page)
        if overlaps is not None:
            self._paging.vote(overlaps)
        if page.length < ask.query.size:
            stretch.bound = min(stretch.bound, ask.rank + page.length)
            stretch.exhausted = stretch.exhausted or ask.rank != stretch.scout
        if ask.rank == stretch.scout:
            stretch.scout = None
            stretch.peeks.append(ask.rank)
        if self._paging.trusted or overlaps or not ask.rank:
            stretch.learn(ask.rank, page, self._paging.size)
        while self._paging.trusted and stretch.peeks:
            self._layout.cut(stretch, stretch.peeks.pop())
        if ask.rank or stretch.opened:
            return
        stretch.opened = True
        if page.earliest is not None and page.latest is not None and page.latest > page.earliest:
            stretch.density = page.length / (page.latest - page.earliest)
        if stretch.floating:
            self._layout.settle(stretch, page)

    def _believe(self, stretch: Stretch) -> bool:
        """Take what two answers have claimed about the begin of a stretch in the middle; whether it was new."""
        edge = stretch.edge
        if edge is None or edge is self.ends.earliest or not edge.accepted or edge.page is None:
            return False
        end = stretch.end if edge.page.latest is None else edge.page.latest
        return self.pieces.cover(edge.page, stretch.start, end)

    def _move_on(self) -> None:
        self._layout.tidy()
        if not self._layout.stretches and self.ends.newest.accepted:
            self._layout.read_rest(self._first, self._last)
