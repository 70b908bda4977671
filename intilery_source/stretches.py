"""A stretch of time that is read by rank: its pages are asked for by `from`, many at once.

How many events it holds is not known. Each page shows at which instants some ranks lie; what lies between is
interpolated, and what lies behind is extrapolated from the density seen last.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import takewhile

from intilery_source.claims import Edge
from intilery_source.instants import Millis
from intilery_source.types import EventPage

_NEAR = 300
"""Ranks over which an estimate is taken at its word."""
_PRIOR = 2_000
"""Events that the density seen before a stretch counts for."""
_DOUBT = 0.1
"""The share of what lies farther away that is held back where its end has been seen."""
_GREAT_DOUBT = 0.75
"""The same where it has not."""


@dataclass(slots=True, eq=False)
class Window:
    """What the ledger says of a span of event time; `end` is None while it is open.

    `depth` counts how often what was asked for had to be asked for again from another place.
    """

    start: Millis
    end: Millis | None
    requests: int = 0
    rows: int = 0
    depth: int = 0


@dataclass(slots=True, eq=False)
class Stretch:
    """Reads `[start, end)`; ranks count from the first event at or after `asked_from`."""

    start: Millis
    end: Millis
    asked_from: Millis | None
    density: float
    """Events a millisecond, as far as is known before it is opened; 0 where nothing is."""
    window: Window
    edge: Edge | None = None
    """What its first pages claim, where no known event before `start` vouches for them."""
    exact: bool = False
    """Whether it is asked for from that very instant on, rather than from a little before."""
    floating: bool = False
    """Whether `start` is a guess, to be replaced by what the first page shows."""
    crowded: bool = False
    """Whether the instant `start` must be read by itself."""
    depth: int = 0
    opened: bool = False
    """Whether the first page has come."""
    next_rank: int = 0
    outstanding: int = 0
    scout: int | None = None
    """The rank of a page far ahead that is under way."""
    peeks: list[int] = field(default_factory=list)
    """Ranks of such pages that have come."""
    lead: int = 0
    """Ranks to ask for beyond the estimate, since it has proved too low."""
    end_rank: int | None = None
    """The rank of the end, where it is known."""
    bound: int = 2**31
    """A rank at which there was nothing any more."""
    exhausted: bool = False
    """Whether no further rank can be asked for."""
    ties: int = 2
    """Events of one instant at the end of a page, the most seen lately; two are never a surprise."""
    pages: dict[int, tuple[Millis, Millis, int]] = field(default_factory=dict)
    samples: list[tuple[int, Millis]] = field(default_factory=list)
    """Instants at which ranks lie, in order."""

    def sample(self, rank: int, page: EventPage) -> None:
        """Learn from the page that began at `rank`."""
        if page.earliest is None or page.latest is None:
            return
        insort(self.samples, (rank, page.earliest))
        insort(self.samples, (rank + page.length - 1, page.latest))
        last = page.latest
        ties = sum(1 for _ in takewhile(lambda micros: micros // 1000 == last, reversed(page.micros)))
        self.ties = max(2, ties, self.ties - 1)

    def learn(self, rank: int, page: EventPage, size: int) -> None:
        """Sample the page at `rank`, and go farther ahead the oftener there is more than was expected."""
        before = self.expected()
        self.sample(rank, page)
        low = rank and not self.bracketed and self.expected() > before + page.length / 4
        self.lead = self.lead + size if low else max(0, self.lead - size)

    def overlaps(self, rank: int, page: EventPage) -> bool | None:
        """Whether the page at `rank` overlaps a neighbour in time as it does in rank; None where it has none yet."""
        verdict = None
        for other_rank, (earliest, latest, length) in self.pages.items():
            if other_rank < rank < other_rank + length:
                verdict = page.earliest is not None and page.earliest <= latest
            elif rank < other_rank < rank + page.length and page.latest is not None:
                verdict = earliest <= page.latest
        if page.earliest is not None and page.latest is not None:
            self.pages[rank] = page.earliest, page.latest, page.length
        return verdict

    @property
    def passed(self) -> bool:
        """Whether all ranks before the end have been asked for."""
        if self.end_rank is not None:
            return self.next_rank >= self.end_rank
        index = bisect_left(self.samples, self.end, key=_time)
        return index < len(self.samples) and self.samples[index][0] <= self.next_rank

    @property
    def bracketed(self) -> bool:
        """Whether a page behind the end has been seen."""
        return bool(self.samples) and self.samples[-1][1] >= self.end

    def known(self) -> tuple[int, Millis] | None:
        """The last rank before the end whose instant is known."""
        index = bisect_left(self.samples, self.end, key=_time)
        return self.samples[index - 1] if index else None

    def rate(self) -> float:
        """Events a millisecond, as far as they have been seen here and just before."""
        if len(self.samples) < 2:
            return self.density
        (_, start), (ranks, end) = self.samples[0], self.samples[-1]
        if not self.density:
            return ranks / (end - start) if end > start else 0.0
        # a day has busy hours: what was seen before it counts until much has been seen here
        return (ranks + _PRIOR) / (end - start + _PRIOR / self.density)

    def expected(self) -> float:
        """The rank at which the end is expected."""
        if self.end_rank is not None:
            return self.end_rank
        index = bisect_left(self.samples, self.end, key=_time)
        if not index:
            return (self.end - self.start) * self.density
        rank, time = self.samples[index - 1]
        if index == len(self.samples):
            return min(self.bound, rank + (self.end - time) * self.rate())
        behind, later = self.samples[index]
        return rank + (behind - rank) * (self.end - time) / (later - time)

    def remaining(self) -> float:
        """About how many events are still to be read."""
        known = self.known()
        return max(0.0, self.expected() - (known[0] if known else 0))

    def sure(self) -> float:
        """The rank before which pages are expected to be needed; less sure, the farther from what is known."""
        if self.end_rank is not None:
            return self.end_rank
        distance = self.remaining()
        return self.expected() - max(0.0, distance - _NEAR) * (_DOUBT if self.bracketed else _GREAT_DOUBT)

    def time_at(self, rank: float) -> Millis:
        """The instant at which a rank behind those seen is expected."""
        known, time = self.samples[-1] if self.samples else (0, self.start)
        rate = self.rate()
        return time + int((rank - known) / rate) if rate > 0 else self.end


def _time(sample: tuple[int, Millis]) -> Millis:
    return sample[1]
