"""Carries out a plan without threads: in which order answers come a seed decides, so that a failure can be repeated."""

import random
from collections import Counter
from dataclasses import dataclass, field

from event_feed import Event, Feed

from cdp_client import RefusedError, TooLargeError
from intilery_source.asking import Asker, ask_soundly
from intilery_source.asks import Ask, Kind
from intilery_source.pieces import Piece, instant_pieces
from intilery_source.planner import OVERLAP, Planner
from intilery_source.ties import Dialect, InstantReader, InstantTooLargeError
from intilery_source.types import EventPage

_MOST_ASKS = 20_000
_PATIENCE = 0.05
"""How often an answer arrives out of turn, so that none is kept back for ever."""


@dataclass
class Reading:
    """What a plan gave."""

    pieces: list[Piece] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    failures: list[InstantTooLargeError] = field(default_factory=list)
    unreadable: set[bytes] = field(default_factory=set)
    alone: set[int] = field(default_factory=set)
    """Instants that were read by themselves."""
    most_held: int = 0

    @property
    def rows(self) -> list[tuple[int, str]]:
        """The instant and the identifier of each row."""
        return [
            (micros // 1000, key)
            for piece in self.pieces
            for key, micros in zip(piece.keys, piece.rows.column("event_time").to_pylist(), strict=True)
        ]

    @property
    def failed(self) -> set[int]:
        return {failure.instant for failure in self.failures}


@dataclass
class _Flight:
    ask: Ask
    outcome: EventPage | Exception | tuple[list[EventPage], InstantTooLargeError | None] | None = None


class Driver:
    """Keeps up to `at_once` questions under way; whose answer is next, and what is taken when, is left to chance.

    An answer is made at one time and arrives at another. `habit` is the order in which answers arrive: the oldest
    question's first, the newest question's first, any, or any with one that is kept back to the last.
    """

    HABITS = ("oldest", "newest", "any", "one is late")

    def __init__(
        self,
        feed: Feed,
        planner: Planner,
        *,
        seed: int = 0,
        at_once: int = 8,
        habit: str = "any",
        slow: bool = False,
        tells_bounds: bool = True,
    ) -> None:
        """Drive a plan; a `slow` consumer takes pieces only when nothing else can go on.

        `tells_bounds` says whether the plan is told what crowded instants have shown of `start`.
        """
        self.feed = feed
        self.planner = planner
        self.reading = Reading()
        self._random = random.Random(seed)
        self._at_once = at_once
        self._habit = habit
        self._slow = slow
        self._tells_bounds = tells_bounds
        self._flights: list[_Flight] = []
        self._dialect = Dialect()

    def run(self) -> Reading:
        """Read to the end.

        Raises:
            AssertionError: it never ends, or waits for nothing.
            ExtractorError: the plan gave up.
        """
        while not self.planner.finished or self.planner.pieces.ready:
            self.advance()
        return self.reading

    def advance(self) -> None:
        """Ask, let something happen, and take."""
        planner = self.planner
        assert len(self.feed.asked) < _MOST_ASKS, "never ends"
        self._ask()
        if self._flights:
            self._step()
        elif not planner.finished:
            assert planner.pieces.ready, "nothing is asked for, and nothing can be taken"
        self.reading.most_held = max(self.reading.most_held, planner.pieces.held)
        if not self._slow or not self._flights:
            self._take()

    def _ask(self) -> None:
        while len(self._flights) < self._at_once and (ask := self.planner.next()) is not None:
            self._flights.append(_Flight(ask))
            if self._random.random() < 0.1:
                break

    def _step(self) -> None:
        """The endpoint makes an answer, or one arrives."""
        flight = self._next()
        if flight.outcome is None:
            flight.outcome = self._made(flight.ask)
            if self._random.random() < 0.3:
                return
        self._flights.remove(flight)
        self._arrived(flight)

    def _next(self) -> _Flight:
        if self._random.random() > _PATIENCE:
            if self._habit == "oldest":
                return self._flights[0]
            if self._habit == "newest":
                return self._flights[-1]
            if self._habit == "one is late" and len(self._flights) > 1:
                return self._random.choice(self._flights[1:])
        return self._random.choice(self._flights)

    def _made(self, ask: Ask) -> EventPage | Exception | tuple[list[EventPage], InstantTooLargeError | None]:
        if ask.kind is Kind.INSTANT:
            return self._read_instant(ask)
        try:
            return ask_soundly(self.feed.ask, ask.query)
        except (TooLargeError, RefusedError) as error:
            return error

    def _read_instant(self, ask: Ask) -> tuple[list[EventPage], InstantTooLargeError | None]:
        self.feed.holds_back = True
        asker = Asker(self.feed.ask, ask.query.size)
        reader = InstantReader(asker, self._dialect, cap=self.feed.cap, overlap=OVERLAP)
        pages: list[EventPage] = []
        try:
            pages.extend(reader.read(ask.query.start or 0))
        except InstantTooLargeError as error:
            return pages, error
        finally:
            self.feed.holds_back = False
        return pages, None

    def _arrived(self, flight: _Flight) -> None:
        planner, ask, outcome = self.planner, flight.ask, flight.outcome
        if isinstance(outcome, TooLargeError):
            if not planner.too_large(ask):
                raise outcome
        elif isinstance(outcome, RefusedError):
            if not planner.refused(ask):
                raise outcome
        elif isinstance(outcome, EventPage):
            self._note_unreadable([outcome])
            planner.answered(ask, outcome)
        elif isinstance(outcome, tuple):
            pages, failure = outcome
            self.reading.alone.add(ask.query.start or 0)
            self._note_unreadable(pages)
            if failure is not None:
                self.reading.failures.append(failure)
            if self._tells_bounds:
                planner.start_is_inclusive = self._dialect.start_is_inclusive
            planner.read_instant(ask, instant_pieces(pages, ask.query.start or 0))

    def _note_unreadable(self, pages: list[EventPage]) -> None:
        self.reading.unreadable.update(bytes(raw) for page in pages for raw, _ in page.unreadable)

    def _take(self) -> None:
        while (piece := self.planner.pieces.take()) is not None:
            window = self.planner.window_at(piece.start)
            within = window.start <= piece.start and (window.end is None or piece.start < window.end)
            assert within, f"{piece.start} is not in its window {window}"
            self.reading.pieces.append(piece)
            self.reading.positions.append(self.planner.pieces.position)


def check(feed: Feed, start: int | None, end: int | None, reading: Reading) -> None:
    """Assert that a reading is complete, or says where it is not.

    Every event of the span that was visible at the first answer is there, none from outside, none twice in its
    instant; pieces are in order of time and hold whole instants. What is missing happened at instants that are named
    and have as many events of one action as the cap.
    """

    def inside(event: Event) -> bool:
        return (start is None or event.millis >= start) and (end is None or event.millis < end)

    found = reading.rows
    assert len(found) == len(set(found)), f"{Counter(found).most_common(1)} is there more than once"
    possible = {(event.millis, event.key) for event in feed.visible if inside(event)}
    assert set(found) <= possible, f"{min(set(found) - possible)} is from outside"
    unreadable = feed.unreadable | feed.timeless
    needed = {(event.millis, event.key) for event in feed.at_first if inside(event) and event.key not in unreadable}
    excused = reading.failed | (reading.alone if feed.shuffled else set())
    lost = {place for place in needed.difference(found) if place[0] not in excused}
    assert not lost, f"{len(lost)} of {len(needed)} events are lost, such as {min(lost)}"
    for instant in reading.failed:
        assert _busiest(feed, instant) >= feed.cap - 2, f"{instant} can be read"
    times = [time for time, _ in found]
    assert times == sorted(times), "not in the order of time"
    for piece, position, following in zip(reading.pieces, reading.positions, reading.pieces[1:], strict=False):
        assert piece.start <= position <= following.start, "a position that is not an edge"


def _busiest(feed: Feed, instant: int) -> int:
    """The most events of one action that a question about an instant may begin with."""
    near = (event.action for event in feed.visible if (instant - 1) * 1000 <= event.micros < (instant + 1) * 1000)
    return max(Counter(near).values(), default=0)
