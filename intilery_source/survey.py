"""About how many events there are in a span of time, found with few requests: what `intilery load --plan` shows.

The API names no total. But the page at rank 9,900 from some instant shows at which instant there have been 9,900
events since. A short history is counted from one such page to the next; a long one is sampled at instants spread
over it, and what lies between two samples is taken to be as dense as both.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from cdp_client import RefusedError, TooLargeError
from intilery_source.asking import PAGE_SIZE, ask_soundly
from intilery_source.instants import Millis
from intilery_source.types import AskEvents, EventPage, Query

BUDGET = 52
"""Samples of a survey; each is a request, and a few more at the end and where there is much."""
_CHAIN = 12
"""Samples that may follow one after the other; more are taken at once."""
_CHAINED = 3
"""About how many samples make one of those that are spread."""
_LINKS = 2.5
"""How long that is, in samples of usual length."""
_MOST_LINKS = 5
"""How many may be added to the first."""
_NEAR = 2
"""How many neighbours on each side count for the density around a sample."""
_AT_ONCE = 8
_HALVINGS = 7
"""Requests that go into counting what remains behind the last sample."""
_DAY: Millis = 86_400_000
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Survey:
    """What a survey found: about `rows` events, the first and the last instant, and what finding it took.

    `latency` is the median of its answers', in seconds.
    """

    rows: int
    first: Millis | None
    last: Millis | None
    requests: int
    latency: float


class _Sample(NamedTuple):
    """There are `events` events in `[start, end)`."""

    start: Millis
    end: Millis
    events: int


class Surveyor:
    """Surveys the events that `ask` shows; `cap` is how many of a question's results can be had."""

    def __init__(self, ask: AskEvents, *, page_size: int = PAGE_SIZE, cap: int = 10_000, budget: int = BUDGET) -> None:
        self._ask = ask
        self._size = page_size
        self._reach = cap - page_size
        self._budget = budget
        self._from_counts_pages = False
        self._latencies: list[float] = []

    def survey(self, start: Millis | None, end: Millis | None) -> Survey:
        """Estimate the number of events of `[start, end)`; None is "from the first on" and "to the last one".

        Raises:
            ExtractorError: the API does not answer.
        """
        newest = self._page(Query(start=start, end=end, ascending=False))
        oldest = self._page(Query(start=start, end=end))
        if newest.latest is None or oldest.earliest is None:
            return self._result(0, None, None)
        first, last, now = oldest.earliest, newest.latest, newest.now
        if oldest.length < self._size:
            return self._result(oldest.length, first, last)
        self._learn_what_from_means(oldest, Query(start=start, end=end))
        known = min(last + 1, now) if now > first else last + 1  # what is dated in the future is sparse
        rows = self._count(first, known, self._budget)
        if known <= last:
            rows += self._count(known, last + 1, _CHAIN)
        return self._result(round(rows), first, last)

    def _result(self, rows: int, first: Millis | None, last: Millis | None) -> Survey:
        return Survey(rows, first, last, len(self._latencies), median(self._latencies))

    def _learn_what_from_means(self, page: EventPage, query: Query) -> None:
        """Tell whether `from` counts hits or pages, which is unsaid."""
        middle = page.length // 2
        if len(page.micros) < page.length or page.micros[middle] == page.micros[0]:
            return
        other = self._page(Query(start=query.start, end=query.end, skip=middle))
        self._from_counts_pages = not other.micros or other.micros[0] > page.micros[-1]

    def _count(self, start: Millis, end: Millis, budget: int) -> float:
        """About how many events there are in `[start, end)`."""
        rows = 0.0
        for step in range(1, budget + 1):
            sample = self._sample(start, end)
            if sample is None or sample.end >= end:
                return rows + (0 if sample is None else sample.events)
            rows, start = rows + sample.events, sample.end
            if (end - start) / (sample.end - sample.start) > max(_CHAIN - step, _CHAIN // 2):
                budget -= step
                break
        return rows + self._sampled(start, end, budget)

    def _sampled(self, start: Millis, end: Millis, budget: int) -> float:
        """About how many events there are in `[start, end)`, by samples of like length at instants spread over it."""
        starts = _spread(start, end, max(2, budget // _CHAINED))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            firsts = list(pool.map(lambda begin: self._sample(begin, end) or _Sample(begin, end, 0), starts))
            # a sample ends when so many events have come: only a chain of them does not favour the busiest hours
            length = _LINKS * median(first.end - first.start for first in firsts)
            limits = [min(later, begin + round(length)) for begin, later in pairwise([*starts, end])]
            samples = list(pool.map(lambda first, limit: self._chained(first, limit, end), firsts, limits))
        rows = 0.0
        for index, (begin, later) in enumerate(pairwise([start, *starts[1:], end])):
            near = samples[max(0, index - _NEAR) : index + _NEAR + 1]
            density = sum(sample.events for sample in near) / sum(sample.end - sample.start for sample in near)
            rows += density * (later - begin)
        return rows

    def _chained(self, sample: _Sample, limit: Millis, end: Millis) -> _Sample:
        """A sample made longer by those that follow, until it reaches a limit."""
        for _ in range(_MOST_LINKS):
            if sample.end >= limit or len(self._latencies) >= self._budget:
                break
            following = self._sample(sample.end, end) or _Sample(sample.end, end, 0)
            sample = _Sample(sample.start, following.end, sample.events + following.events)
        return sample

    def _sample(self, start: Millis, end: Millis) -> _Sample | None:
        """A sample that begins at `start`, None where there are no events up to `end`."""
        reach = self._reach
        while reach >= self._size:
            try:
                far = self._page(Query(start=start - 1, end=end, skip=self._skip(reach)))
            except RefusedError:
                reach = self._reach = reach // 10
                continue
            if far.earliest is None:
                return self._rest(start, end, reach)
            ties = sum(1 for micros in far.micros if micros // 1000 == far.earliest)
            if ties < len(far.micros):
                return _Sample(start, max(start + 1, far.micros[ties] // 1000), reach + ties)
            return _Sample(start, max(start, far.earliest) + 1, reach + ties)  # how many more there are, nobody knows
        page = self._page(Query(start=start, end=end))
        if page.latest is None:
            return None
        whole = page.length < self._size
        return _Sample(start, end if whole else max(start + 1, page.latest), page.length)

    def _rest(self, start: Millis, end: Millis, above: int) -> _Sample | None:
        """All events from `start` on, fewer than `above`."""
        below = 0
        for _ in range(_HALVINGS):
            middle = (below + above) // 2 // self._size * self._size
            page = self._page(Query(start=start, end=end, skip=self._skip(middle)))
            if page.length == self._size:
                below = middle + page.length
            elif page.length or not middle:
                below = above = middle + page.length
                break
            else:
                above = middle
            if above - below <= self._size:
                break
        count = (below + above) // 2
        return _Sample(start, end, count) if count else None

    def _skip(self, rank: int) -> int:
        return rank // self._size if self._from_counts_pages else rank

    def _page(self, query: Query) -> EventPage:
        while True:
            size = self._size
            began = time.monotonic()
            try:
                page = ask_soundly(
                    self._ask,
                    replace(query, size=size),
                )
            except TooLargeError:
                if size == 1:
                    raise
                self._size = min(self._size, size // 2)
                continue
            finally:
                self._latencies.append(time.monotonic() - began)
            return page


def _spread(start: Millis, end: Millis, number: int) -> list[Millis]:
    """Instants that are spread evenly over a span, and over the hours of the day and the days of the week."""
    width = (end - start) / number
    period = next((span for span in (7 * _DAY, _DAY) if span <= width), None)
    if period is None:
        return [start + round(width * index) for index in range(number)]
    instants = []
    for index in range(number):
        begin = start + round(width * index)
        phase = round(period * (index * _GOLDEN % 1))
        instants.append(begin + (phase - begin) % period)
    return instants
