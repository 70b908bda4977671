"""Reading one instant that holds more events than a page.

Paging inside an instant needs `from`, whose unit the documents contradict each other about, over an order that may
change with every request. It can be made sure all the same. With a page size of 1, `from` means the same either way:
so the first such instant's hits are counted by bisection, and one more question settles the unit. From then on pages
are read until one shows the instant's end, which gives the number of hits; and read again until as many hits have
been told apart as there are.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cdp_client import ExtractorError, TooLargeError, UnexpectedAnswerError
from intilery_source.asking import Asker, names_of_unreadable
from intilery_source.instants import Millis, write
from intilery_source.types import EventPage, Query

_FIXED = 10
"""Sweeps in one order after which it is taken for a fixed one."""
_MAX_SWEEPS = 60
"""Pages are drawn at random in the worst case: n hits are then all seen after about n * ln(n) / 100 of them."""


class InstantTooLargeError(ExtractorError):
    """An instant has more events of one action than the API can give."""

    def __init__(self, instant: Millis, action: str | None) -> None:
        what = f"more events of the action {action}" if action else "more events without an action"
        super().__init__(
            f"The instant {write(instant)} has {what} than the API gives for any question: they cannot be read "
            "completely, and the watermark stays before that instant. Ask the vendor for them, or move start_date."
        )
        self.instant = instant


class _OverTheCapError(Exception):
    """A question has as many answers as the API gives at most, or more."""


@dataclass(slots=True)
class Dialect:
    """What instants have shown of how the API reads a question; None while nothing has."""

    from_counts_pages: bool | None = None
    start_is_inclusive: bool | None = None


class InstantReader:
    """Reads all events of one instant, and learns on the way how the API reads `start` and `from`."""

    def __init__(self, asker: Asker, dialect: Dialect, *, cap: int, overlap: Millis) -> None:
        self._asker = asker
        self._dialect = dialect
        self._cap = cap
        self._overlap = overlap
        self.divided = False
        """Whether an instant had to be read action by action."""

    def read(self, instant: Millis) -> Iterator[EventPage]:
        """All hits at `instant`, at least once each.

        Raises:
            InstantTooLargeError: one action alone has more than the cap.
        """
        if not self._dialect.start_is_inclusive:
            # an event of the millisecond before tells, too, and would else be taken for one of this instant
            self._dialect.start_is_inclusive = self._is_inclusive(instant) or self._is_inclusive(instant - 1) or None
        try:
            yield from self._collect(instant, None, ())
        except _OverTheCapError:
            self.divided = True
            yield from self._by_action(instant)

    def _is_inclusive(self, start: Millis) -> bool:
        """Whether a question has shown an event at its very start: one a fraction later comes either way."""
        query = Query(start=start, end=start + self._overlap, size=1)
        probe = self._asker.confirmed(query, self._asker.page(query))
        return any(micros == start * 1000 for micros in probe.micros)

    def _by_action(self, instant: Millis) -> Iterator[EventPage]:
        """Divide the instant: each action seen alone, then what is left when these are excluded."""
        done: tuple[str, ...] = ()
        while True:
            size = self._asker.size
            try:
                page = self._asker.page(self._query(instant, size=size, exclude=done))
            except TooLargeError:
                if size == 1:
                    raise
                continue
            yield page
            actions = sorted({action for action in page.actions[: _count(page, instant)] if action is not None})
            if not _holds(page, instant):
                return
            if not actions:
                try:
                    yield from self._collect(instant, None, done)
                except _OverTheCapError:
                    raise InstantTooLargeError(instant, None) from None
                return
            for action in actions:
                try:
                    yield from self._collect(instant, action, ())
                except _OverTheCapError:
                    raise InstantTooLargeError(instant, action) from None
            done += tuple(actions)

    def _collect(self, instant: Millis, include: str | None, exclude: tuple[str, ...]) -> Iterator[EventPage]:
        """All hits of a question that has fewer than the cap.

        Raises:
            _OverTheCapError: it has not.
        """
        if self._dialect.from_counts_pages is None:
            self._settle_from(instant, include, exclude)
        multiplicity: Counter[object] = Counter()
        order: list[object] = []
        same = 1
        for _ in range(_MAX_SWEEPS):
            previous, order, count = order, [], None
            size = next(d for d in range(self._asker.size, 0, -1) if self._cap % d == 0)  # no page ends past the cap
            for skipped in range(0, self._cap, size):
                skip = skipped // size if self._dialect.from_counts_pages else skipped
                query = self._query(instant, skip=skip, size=size, include=include, exclude=exclude)
                try:
                    page = self._asker.page(query)
                    yield page
                    names = _names(page, instant)
                    if len(names) < size and page.length:  # the end, and nothing but this answer says so
                        page = self._asker.confirmed(query, page)
                        yield page
                        names = _names(page, instant)
                except TooLargeError:
                    if size == 1:
                        raise
                    break
                order += names
                # a page never lists one hit twice, so a name that it has twice is a double of the feed
                for name, times in Counter(names).items():
                    multiplicity[name] = max(multiplicity[name], times)
                if len(names) < size:  # the page is short, or goes on behind the instant
                    count = skipped + len(names)
                    break
            else:
                raise _OverTheCapError
            # All are seen when as many were told apart as there are; or, with doubles that no page has shown
            # together, when the order turned out to be a fixed one and a sweep went over every place in it. Replicas
            # with orders of their own that take turns look like that now and then.
            same = same + 1 if order == previous else 1
            if count is not None and (multiplicity.total() >= count or (len(order) >= count and same >= _FIXED)):
                return
        raise UnexpectedAnswerError(
            f"The instant {write(instant)} could not be read completely: its events come in ever other orders."
        )

    def _settle_from(self, instant: Millis, include: str | None, exclude: tuple[str, ...]) -> None:
        """Find out whether `from` counts pages rather than hits.

        Raises:
            _OverTheCapError: there are too many hits to tell.
        """

        def holds(position: int, size: int = 1) -> bool:
            query = self._query(instant, skip=position, size=size, include=include, exclude=exclude)
            return _holds(self._asker.page(query), instant)

        low, step = 0, 128
        limit = self._cap - 1
        while True:  # everything below `low` holds a hit of this instant
            high = min(low + step, limit)
            if not holds(high):
                break
            if high == limit:
                raise _OverTheCapError
            low, step = high + 1, step * 2
        while low < high:
            middle = (low + high) // 2
            if holds(middle):
                low = middle + 1
            else:
                high = middle
        if low <= 2:
            return
        # behind three quarters of the hits there are more of them; behind as many pages of two there is none, though
        # a quarter of them should vanish meanwhile, or half as many arrive
        position = min(low * 3 // 4, self._cap // 2 - 1)
        page = self._asker.page(self._query(instant, skip=position, size=2, include=include, exclude=exclude))
        shown = len(_names(page, instant))
        if low <= self._cap - 3:
            self._dialect.from_counts_pages = shown == 0
        else:  # no page of two lies behind them all, but the last one is not full, if none has arrived until now
            if holds(limit):
                raise _OverTheCapError
            self._dialect.from_counts_pages = shown < 2

    def _query(
        self,
        instant: Millis,
        *,
        skip: int = 0,
        size: int,
        include: str | None = None,
        exclude: tuple[str, ...] = (),
    ) -> Query:
        """A question whose answers begin with the instant's hits, or with some just before; later ones may follow."""
        start = instant if self._dialect.start_is_inclusive else instant - self._overlap
        return Query(start=start, end=instant + self._overlap, skip=skip, size=size, include=include, exclude=exclude)


def _count(page: EventPage, instant: Millis) -> int:
    """How many rows, the first ones, are of the instant, or of a fraction of a millisecond before it."""
    return bisect_right(page.micros, instant * 1000 + 999)


def _names(page: EventPage, instant: Millis) -> list[object]:
    """What tells the hits of the instant apart, those that cannot be read, too."""
    return [*page.keys[: _count(page, instant)], *names_of_unreadable(page)]


def _holds(page: EventPage, instant: Millis) -> bool:
    """Whether there is anything of the instant, be it an element that cannot be read."""
    return page.length > 0 and (page.earliest is None or page.earliest <= instant)
