"""Where there is nothing: before the first event, behind the last one, and behind an instant larger than a page.

No event vouches for that, and a proxy may repeat the answer to another question, or one that has become old. So it
takes two answers, of which the later one shows all that the earlier one showed.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from cdp_client import UnexpectedAnswerError
from intilery_source.instants import Millis
from intilery_source.pieces import Pieces
from intilery_source.types import EventPage, Key

_MAX_ANSWERS = 24
_NEEDED_OF_ECHOES = 4
"""How many answers it takes once one of them may have been a repeat."""
_ALIKE = 3
"""How many answers in a row prevail over earlier ones that showed more: events may be deleted meanwhile."""
_REMEMBERED = 1_000
_TELLING = 4
_INFINITY = float("inf")

Answer = tuple[EventPage, bool]
"""A page, and whether it held all that was asked for."""


@dataclass(slots=True, eq=False)
class Edge:
    """The instant of the first or the last event, as answers claim it.

    The latest answer must show all that those before it showed, or more.
    """

    sign: int
    """1 where the greatest claim counts (the last event), -1 where the smallest does (the first)."""
    answers: int = 0
    best: float | None = None
    """An instant, or an infinity where there was no event."""
    agreed: bool = False
    page: EventPage | None = None
    whole: bool = False
    """Whether that page held all that was asked for."""
    outstanding: int = 0
    settled: bool = False
    """Whether it has been acted upon."""

    needed: int = 2
    """How many answers it takes."""
    _latest: Answer | None = None
    _alike: int = 0

    def note(self, page: EventPage, *, whole: bool, echo: bool = False) -> None:
        """Take an answer into account; `echo` says that another question has had the same one."""
        if self.settled:
            return
        if echo:
            self.needed = _NEEDED_OF_ECHOES
        self.answers += 1
        answer = page, whole
        self._alike = self._alike + 1 if self._latest is not None and self._bears_out(answer, self._latest) else 1
        self._latest = answer
        self.agreed = self.page is None or self._bears_out(answer, (self.page, self.whole)) or self._alike >= _ALIKE
        if self.agreed:
            self.best, self.page, self.whole = self._claim(page), page, whole

    def _claim(self, page: EventPage) -> float:
        instant = page.latest if self.sign > 0 else page.earliest
        return -self.sign * _INFINITY if instant is None else float(instant)

    def _bears_out(self, answer: Answer, other: Answer) -> bool:
        """Whether an answer shows all that another one shows where it claims to hold everything."""
        page, whole = answer
        farther = self.sign * (self._claim(page) - self._claim(other[0]))
        if farther < 0 or (farther > 0 > self.sign and set(page.keys).isdisjoint(other[0].keys)):
            return False  # what is new comes at the end: at the begin, pages that share nothing are not of one feed
        end = None if whole else page.earliest if self.sign > 0 else page.latest
        return _within(other[0], end, self.sign) <= set(page.keys)

    @property
    def accepted(self) -> bool:
        """Whether two answers bear each other out, and all that were asked for do."""
        return self.settled or (self.answers >= self.needed and self.agreed and not self.outstanding)

    @property
    def unsettled(self) -> bool:
        """Whether a further answer is needed that nobody has asked for.

        Raises:
            UnexpectedAnswerError: there have been enough of them.
        """
        if self.accepted or self.outstanding or not self.answers:
            return False
        if self.answers >= _MAX_ANSWERS:
            raise UnexpectedAnswerError("The events route keeps giving different answers to one question.")
        return True

    @property
    def empty(self) -> bool:
        """Whether no event has been seen."""
        return self.best is not None and abs(self.best) == _INFINITY

    @property
    def instant(self) -> Millis | None:
        """The instant claimed, None where there is none."""
        return None if self.best is None or self.empty else int(self.best)


class Ends:
    """The first and the last event of `[first, last)`."""

    def __init__(self, pieces: Pieces, first: Millis, last: Millis) -> None:
        self._pieces = pieces
        self._first = first
        self._last = last
        self.earliest = Edge(-1)
        self.newest = Edge(1)
        self._shown: dict[int, object] = {}
        """For the last answers, by what they showed: the question that was asked."""

    @property
    def opened(self) -> bool:
        """Whether the first answers from both ends are here."""
        return self.earliest.answers > 0 and self.newest.answers > 0

    @property
    def begun(self) -> bool:
        """Whether it is known where the events begin, or that there are none."""
        return self.opened and self.earliest.settled and (not self.earliest.empty or self.newest.settled)

    def note(self, page: EventPage, *, of: Edge | None, from_start: bool, full: bool) -> None:
        """Take what an answer claims; `of` is the edge that it was asked about, `from_start` that it had no `from`."""
        everything = from_start and not full and (of is self.newest or of is self.earliest)
        question = "everything" if everything else (id(of), from_start)
        echo = self._echoes(page, question, descending=of is self.newest)
        if of is self.newest:
            self.newest.note(page, whole=not full, echo=echo)
            if not full:
                self.earliest.note(page, whole=True, echo=echo)
            return
        if of is not None and from_start:
            of.note(page, whole=not full, echo=echo)
        if not full and (everything or page.latest is not None):
            self.newest.note(page, whole=everything, echo=echo)

    def hear(self, page: EventPage, question: object) -> None:
        """Remember an answer that claims nothing."""
        self._echoes(page, question, descending=True)

    def _echoes(self, page: EventPage, question: object, *, descending: bool) -> bool:
        """Whether another question has had the same answer lately; a page of a few events is no sign of it."""
        if 0 < len(page.keys) < _TELLING:
            return False
        # in the other order it would have been objected to, unless it is of one instant
        shown = hash((frozenset(page.keys), descending and page.earliest != page.latest))
        first = self._shown.setdefault(shown, question)
        if len(self._shown) > _REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return first != question

    def believe(self) -> bool:
        """Cover what two answers have claimed; whether it was new."""
        new = False
        early, late = self.earliest, self.newest
        early.settled, late.settled = early.accepted, late.accepted
        if early.accepted and early.page is not None:
            if early.page.latest is not None:
                new |= self._pieces.cover(early.page, self._first, early.page.latest)
            elif late.accepted and late.empty:
                new |= self._pieces.cover(early.page, self._first, self._last)
        if late.accepted and late.page is not None and late.page.earliest is not None:
            everything = late.whole and early.accepted and early.instant == late.page.earliest
            new |= self._pieces.cover(late.page, late.page.earliest + (0 if everything else 1), self._last)
        return new

    def events_at_least(self) -> float:
        """About how many events there are if the sparser of the first pages from both ends is like the rest."""
        first, newest = self.earliest.page, self.newest.page
        if first is None or newest is None:
            return 0.0
        if first.earliest is None or first.latest is None or newest.earliest is None or newest.latest is None:
            return 0.0
        early = first.length / max(1, first.latest - first.earliest)
        late = newest.length / max(1, newest.latest - newest.earliest)
        return min(early, late) * (newest.latest - first.earliest)


def _within(page: EventPage, end: Millis | None, sign: int) -> set[Key]:
    """What a page shows up to an instant where another one broke off, which may lack some of that very instant."""
    if end is None:
        return set(page.keys)
    if sign > 0:
        return set(page.keys[bisect_right(page.micros, end * 1000 + 999) :])
    return set(page.keys[: bisect_left(page.micros, end * 1000)])
