"""The threads behind a plan: what they read, how many there are, what waits, and how they end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from event_feed import Event, Feed, T

from cdp_client import RefusedError, TooLargeError, UnreachableError
from intilery_source.planner import Planner
from intilery_source.reader import Reader
from intilery_source.types import EventPage, Query

SECONDS_TO_END = 5


def events(number: int) -> list[Event]:
    return [Event((T + place * 50) * 1000, f"e{place}") for place in range(number)]


class Slow:
    """A feed that takes its time; notes how many questions are under way at once."""

    def __init__(self, feed: Feed, seconds: float = 0.001) -> None:
        self.feed = feed
        self.seconds = seconds
        self.most_at_once = 0
        self.fail: Callable[[Query], Exception | None] = lambda query: None
        self._now = 0
        self._lock = threading.Lock()

    def ask(self, query: Query, *, permitted: bool = False) -> EventPage:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            time.sleep(self.seconds)
            error = self.fail(query)
            if error is not None:
                raise error
            return self.feed.ask(query, permitted=permitted)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def reading(
    slow: Slow,
    *,
    page_size: int = 10,
    cap: int = 400,
    ahead: int = 10**6,
    max_in_flight: int = 8,
    permit: Callable[[], None] = lambda: None,
) -> Iterator[Reader]:
    """A reader, all of whose threads must end when it is closed."""
    planner = Planner(None, None, page_size=page_size, cap=cap, ahead=ahead, eager=True)
    reader = Reader(planner, slow.ask, permit, max_in_flight=max_in_flight, cap=cap)
    try:
        yield reader
    finally:
        reader.close()
        until = time.monotonic() + SECONDS_TO_END
        for thread in reader._threads:
            thread.join(max(0.0, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in reader._threads)


def keys(reader: Reader) -> list[str]:
    return [str(key) for pieces, _ in reader.pieces() for piece in pieces for key in piece.keys]


def settled(count: Callable[[], int]) -> int:
    """A count, once it has not changed for a while."""
    last = -1
    while last != (now := count()):
        last = now
        time.sleep(0.1)
    return last


@pytest.mark.parametrize("counts_pages", [False, True])
def test_all_is_given_out_once_and_in_order(counts_pages: bool) -> None:
    slow = Slow(Feed(events(3_000), from_counts_pages=counts_pages, cap=400))
    with reading(slow) as reader:
        assert keys(reader) == [f"e{place}" for place in range(3_000)]
        assert reader.finished
        assert keys(reader) == [], "it ends again"


def test_the_platforms_clock_and_the_ends_are_known_when_it_is_opened() -> None:
    with reading(Slow(Feed(events(500), now=T + 77))) as reader:
        reader.opened()
        assert reader.now == T + 77
        assert (reader.planner.earliest, reader.planner.newest) == (T, T + 499 * 50)


def test_no_more_is_under_way_than_is_allowed() -> None:
    slow = Slow(Feed(events(3_000)), seconds=0.01)
    with reading(slow, max_in_flight=5) as reader:
        assert len(keys(reader)) == 3_000
        assert 3 <= slow.most_at_once <= 5
        assert len(reader._threads) <= 2 * 5 + 1


def test_each_question_has_a_permission_of_its_own() -> None:
    permits = 0

    def permit() -> None:
        nonlocal permits
        permits += 1

    slow = Slow(Feed(events(1_000)))
    with reading(slow, permit=permit) as reader:
        keys(reader)
        asked = len(slow.feed.asked)
        assert asked <= settled(lambda: permits) <= asked + 1


@pytest.mark.parametrize("number", [0, 1, 30])
def test_an_error_reaches_the_consumer(number: int) -> None:
    # given an endpoint that fails at one question
    slow = Slow(Feed(events(2_000)))
    asked = 0

    def fail(_: Query) -> Exception | None:
        nonlocal asked
        asked += 1
        return UnreachableError("nobody there") if asked > number else None

    slow.fail = fail
    with reading(slow) as reader:
        # then whoever takes the rows learns of it, each time
        for _ in range(2):
            with pytest.raises(UnreachableError, match="nobody there"):
                keys(reader)
        with pytest.raises(UnreachableError):
            reader.opened()


def test_an_error_of_the_plan_reaches_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(Feed(events(100)))
    with reading(slow) as reader:

        def confused() -> None:
            raise ValueError("no plan")

        monkeypatch.setattr(reader.planner, "next", confused)
        with pytest.raises(ValueError, match="no plan"):
            keys(reader)


def test_a_refusal_that_has_nothing_to_do_with_ranks_is_an_error() -> None:
    slow = Slow(Feed(events(100)))
    slow.fail = lambda query: None if query.skip else RefusedError("400")
    with reading(slow) as reader, pytest.raises(RefusedError):
        keys(reader)


def test_one_event_that_is_too_large_is_an_error() -> None:
    slow = Slow(Feed(events(10)))
    slow.fail = lambda query: TooLargeError("413")
    with reading(slow) as reader, pytest.raises(TooLargeError):
        keys(reader)


def test_it_can_be_closed_at_any_time() -> None:
    for number in (0, 1, 5):
        with reading(Slow(Feed(events(2_000)))) as reader:
            pieces = reader.pieces()
            for _ in range(number):
                next(pieces)


def test_closing_waits_for_no_answer() -> None:
    slow = Slow(Feed(events(100)), seconds=0.5)
    with reading(slow) as reader:
        reader._start()
        while not slow.most_at_once:
            time.sleep(0.01)
        started = time.monotonic()
        reader.close()
        assert time.monotonic() - started < 0.2


def test_it_reads_no_farther_ahead_than_allowed_while_nobody_takes_anything() -> None:
    # given a consumer that takes nothing
    slow = Slow(Feed(events(20_000)), seconds=0)
    with reading(slow, ahead=2_000) as reader:
        reader.opened()
        held = settled(lambda: reader.planner.pieces.held)
        # then it stops after what may wait
        assert 0 < held <= 2_000 + 8 * 10
        asked = len(slow.feed.asked)
        time.sleep(0.2)
        assert len(slow.feed.asked) == asked
        # and goes on when something is taken
        assert len(keys(reader)) == 20_000


def test_it_may_be_left_and_resumed() -> None:
    slow = Slow(Feed(events(20_000)), seconds=0)
    found: list[str] = []
    position = 0
    with reading(slow) as reader:
        while not reader.finished:
            for pieces, position in reader.pieces():
                assert all(piece.start < position for piece in pieces)
                found += [str(key) for piece in pieces for key in piece.keys]
                break
    assert found == [f"e{place}" for place in range(20_000)]


def test_what_a_position_promises_has_been_given_out() -> None:
    slow = Slow(Feed(events(5_000)))
    with reading(slow) as reader:
        found = 0
        for pieces, position in reader.pieces():
            found += sum(len(piece.keys) for piece in pieces)
            assert found == sum(event.millis < position for event in slow.feed.visible)


def test_crowded_instants_are_named_with_what_they_held() -> None:
    # given one instant that can be divided, and one that cannot
    crowds = [
        Event((T + 1) * 1000, f"{action}{place}", action) for action in ("a", "b", None) for place in range(150)
    ] + [Event((T + 9) * 1000, f"c{place}", "c") for place in range(401)]
    slow = Slow(Feed(events(100) + crowds), seconds=0)
    slow.feed.cap = 400
    with reading(slow) as reader:
        found = keys(reader)
        failures, unreadable, divided = reader.drain()
        assert [failure.instant for failure in failures] == [T + 9]
        assert divided[T + 1] == {"a": 150, "b": 150, None: 150}
        assert not unreadable
        assert set(found) >= {event.key for event in [*events(100), *crowds[:450]]}
        assert reader.drain() == ([], [], {}), "what came up is said once"


def test_elements_that_cannot_be_read_are_handed_on() -> None:
    names = frozenset(f"e{place}" for place in range(0, 500, 7))
    with reading(Slow(Feed(events(500), unreadable=names), seconds=0)) as reader:
        assert set(keys(reader)) == {f"e{place}" for place in range(500)} - names
        assert {bytes(raw).decode() for raw, _ in reader.drain()[1]} == names
