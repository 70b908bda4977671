"""What a plan reads, whatever the endpoint means by its parameters and in whatever order answers come.

Real feeds are rarely so dense; here crowds, neighbours a millisecond apart, fractions of milliseconds and doubles are
the rule, pages are small and the cap is near.
"""

from collections import Counter
from itertools import pairwise

import pytest
from event_feed import Event, Feed, T
from feed_strategies import Case, cases, crowds, doubled, late_events, long_spans, singles
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_driver import Driver, Reading, check

from cdp_client import UnexpectedAnswerError
from intilery_source.planner import Planner

FEEDS = st.one_of(crowds(), long_spans())


def read(case: Case, feed: Feed) -> None:
    """Read as the case says, and check what came."""
    start, end = case.span(feed)
    planner = Planner(start, end, page_size=case.page_size, cap=feed.cap, ahead=case.ahead, eager=case.eager)
    driver = Driver(
        feed, planner, seed=case.seed, at_once=case.at_once, habit=case.habit, slow=case.slow, tells_bounds=False
    )
    try:
        reading = driver.run()
    except UnexpectedAnswerError as error:
        # doubles that no page ever shows together cannot be told from hits that no page has shown
        if feed.shuffled and doubled(feed) and "in ever other orders" in str(error):
            return
        raise
    check(feed, start, end, reading)


@settings(max_examples=120)
@given(events=crowds(), case=cases())
def test_crowds_are_read_completely(events: list[Event], case: Case) -> None:
    read(case, case.feed(events))


@settings(max_examples=80)
@given(events=long_spans(), case=cases())
def test_long_spans_are_read_completely(events: list[Event], case: Case) -> None:
    read(case, case.feed(events))


@settings(max_examples=80)
@given(events=FEEDS, case=cases(), data=st.data())
def test_what_was_there_at_first_is_read_whatever_arrives_meanwhile(
    events: list[Event], case: Case, data: st.DataObject
) -> None:
    read(case, case.feed(events, later=data.draw(late_events(events))))


@settings(max_examples=60)
@given(events=singles(), case=cases(), most=st.sampled_from([2, 3, 9]))
def test_answers_that_are_too_large_are_asked_for_in_parts(events: list[Event], case: Case, most: int) -> None:
    read(case, case.feed(events, most=most))


@settings(max_examples=60)
@given(events=singles(), case=cases(), share=st.sampled_from([0.1, 0.5, 1.0]))
def test_elements_that_cannot_be_read_hide_no_others(events: list[Event], case: Case, share: float) -> None:
    feed = case.feed(events, unreadable=case.some(events, share))
    read(case, feed)


@settings(max_examples=80)
@given(events=singles(), case=cases(), share=st.sampled_from([0.1, 0.3]))
def test_answers_to_other_questions_lose_nothing(events: list[Event], case: Case, share: float) -> None:
    """A proxy may answer with any earlier answer, at any question, though not twice at the same one.

    That is the limit: two wrong answers to the question where everything begins or ends would bear each other out.
    """
    read(case, case.feed(events, repeats=share))


def crowd(at: int, number: int) -> list[Event]:
    return [Event((T + at) * 1000, f"{at}-{place}") for place in range(number)]


def read_plainly(feed: Feed, *, size: int, seed: int, habit: str = "any", at_once: int = 8) -> Reading:
    planner = Planner(None, None, page_size=size, cap=feed.cap, eager=True)
    reading = Driver(feed, planner, seed=seed, habit=habit, at_once=at_once).run()
    check(feed, None, None, reading)
    return reading


@pytest.mark.parametrize("size", [4, 10, 20])
def test_one_action_over_the_cap_is_said_and_its_neighbours_are_read(size: int) -> None:
    # given an instant with one more event than the cap, and others beside it
    events = crowd(0, 3) + crowd(1, 61) + crowd(2, 1) + crowd(3, 30)
    for seed in range(20):
        reading = read_plainly(Feed(events, cap=60, seed=seed), size=size, seed=seed)
        # then it is the only one that is named, and all others are there
        assert reading.failed == {T + 1}
        assert {key for _, key in reading.rows} >= {event.key for event in events if event.millis != T + 1}
        assert "2023-11-14T22:13:20.001Z has more events of the action a" in str(reading.failures[0])


def test_nothing_at_all_is_read_to_its_end() -> None:
    for eager in (False, True):
        feed = Feed([])
        planner = Planner(None, None, eager=eager)
        assert Driver(feed, planner).run().pieces == []
        assert (planner.earliest, planner.newest) == (None, None)
        assert len(feed.asked) <= 20


def test_where_everything_begins_and_ends_is_known() -> None:
    events = [Event((T + place * 1000) * 1000, f"e{place}") for place in range(250)]
    planner = Planner(None, None)
    Driver(Feed(events), planner).run()
    assert (planner.earliest, planner.newest) == (T, T + 249_000)


def test_the_windows_of_the_ledger_touch_each_other() -> None:
    # given events of many stretches
    events = [Event((T + place * 77) * 1000, f"e{place}") for place in range(1000)]
    for seed in range(10):
        planner = Planner(None, None, page_size=10, cap=60, eager=True)
        driver = Driver(Feed(events, cap=60, seed=seed), planner, seed=seed)
        # when they are read, each window ends where the next one begins
        seen = []
        while not planner.finished:
            driver.advance()
            windows = planner._layout.windows
            assert all(one.end == other.start for one, other in pairwise(windows))
            assert windows[-1].end is None
            seen.append(len(windows))
        assert max(seen) > 5


def test_what_waits_is_bounded_where_one_answer_is_late() -> None:
    events = [Event((T + place * 77) * 1000, f"e{place}") for place in range(5_000)]
    feed = Feed(events, cap=400)
    planner = Planner(None, None, page_size=10, cap=400, ahead=500, eager=True)
    reading = Driver(feed, planner, seed=3, at_once=20, habit="one is late", slow=True).run()
    check(feed, None, None, reading)
    assert reading.most_held <= 500 + 20 * 10 + 75 + 500


@pytest.mark.parametrize("counts_pages", [False, True])
def test_no_question_is_asked_over_and_over_while_another_answer_is_late(counts_pages: bool) -> None:
    events = [Event((T + place * 1000) * 1000, f"e{place}") for place in range(100)] + crowd(100_000, 30)
    for seed in range(15):
        feed = Feed(events, from_counts_pages=counts_pages, cap=60, seed=seed)
        read_plainly(feed, size=10, seed=seed, habit="newest", at_once=30)
        assert max(Counter(feed.asked).values()) <= 8


def test_neighbouring_crowds_are_read() -> None:
    feed = Feed(crowd(0, 13) + crowd(1, 55) + crowd(2, 16) + crowd(3, 34), end_inclusive=True, cap=200)
    for seed in range(20):
        planner = Planner(T - 10, T + 13, page_size=20, cap=200)
        reading = Driver(feed, planner, seed=seed, habit="newest").run()
        check(feed, T - 10, T + 13, reading)


def test_a_page_of_elements_without_a_time_hides_no_others() -> None:
    events = [Event((T + place * 1000) * 1000, f"e{place}") for place in range(30)]
    feed = Feed(events, timeless=frozenset(f"e{place}" for place in range(10)))
    planner = Planner(None, None, page_size=4)
    try:
        reading = Driver(feed, planner).run()
    except UnexpectedAnswerError:
        return
    check(feed, None, None, reading)


def test_an_answer_that_begins_inside_the_first_instant_hides_nothing() -> None:
    # given two events at the first instant and at the last one, and one answer that was another's
    events = [*crowd(0, 2), *crowd(1_000, 1), *crowd(2_000, 2)]
    for seed in range(200):
        feed = Feed(events, wrong_at=seed % 8, seed=seed)
        planner = Planner(None, None, page_size=10, eager=seed % 3 == 0)
        check(feed, None, None, Driver(feed, planner, seed=seed).run())


@settings(max_examples=250)
@given(events=singles(ties=False), case=cases(), place=st.integers(0, 25))
def test_one_wrong_answer_loses_nothing(events: list[Event], case: Case, place: int) -> None:
    read(case, case.feed(events, wrong_at=place))


@settings(max_examples=120)
@given(events=singles(), case=cases(), share=st.sampled_from([0.05, 0.5]))
def test_an_answer_from_before_the_first_question_loses_nothing(events: list[Event], case: Case, share: float) -> None:
    read(case, case.feed(events, recent=case.some(events, share)))


@settings(max_examples=250)
@given(events=crowds(), case=cases(), place=st.integers(1, 80))
def test_the_answer_before_in_the_place_of_one_loses_nothing(events: list[Event], case: Case, place: int) -> None:
    read(case, case.feed(events, before_at=place))
