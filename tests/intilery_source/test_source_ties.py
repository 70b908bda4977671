"""Instants that hold more events than a page, read by themselves: all of their events, or an error."""

import pytest
from event_feed import Event, Feed, T

from cdp_client import ExtractorError
from intilery_source.asking import Asker
from intilery_source.pieces import instant_pieces
from intilery_source.ties import Dialect, InstantReader, InstantTooLargeError
from intilery_source.types import Query

CAP = 200


KINDS = pytest.mark.parametrize("counts_pages", [False, True], ids=["hits", "pages"])


def crowd(number: int, *, action: str = "a", part: int = 0, at: int = T) -> list[Event]:
    """Events of one instant, `part` microseconds behind it."""
    return [Event(at * 1000 + part, f"{action}-{at - T}-{part}-{place}", action) for place in range(number)]


def read(feed: Feed, *, size: int = 10, dialect: Dialect | None = None, instant: int = T) -> list[str]:
    """The identifiers that an instant gives."""
    reader = InstantReader(Asker(feed.ask, size), dialect or Dialect(), cap=feed.cap, overlap=1)
    pages = list(reader.read(instant))
    return [str(key) for piece in instant_pieces(pages, instant) for key in piece.keys]


def lost(feed: Feed) -> set[str]:
    """What an instant did not give without saying so."""
    expected = {event.key for event in feed.at_first if event.millis == T and event.key not in feed.unreadable}
    try:
        return expected.difference(read(feed))
    except ExtractorError:
        return set()


@KINDS
@pytest.mark.parametrize("start_inclusive", [False, True])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("number", [9, 10, 11, 20, 99, 180])
def test_all_of_a_crowd_and_nothing_else_is_read(
    counts_pages: bool, start_inclusive: bool, shuffled: bool, number: int
) -> None:
    # given a crowd between others
    events = crowd(7, at=T - 1, part=999) + crowd(number) + crowd(30, at=T + 1)
    feed = Feed(
        events, start_inclusive=start_inclusive, from_counts_pages=counts_pages, shuffled=shuffled, cap=CAP, seed=number
    )
    # when it is read, each of its events is there once
    assert sorted(read(feed)) == sorted(event.key for event in crowd(number))


@KINDS
def test_what_an_instant_has_shown_of_the_endpoint_is_known_at_the_next(counts_pages: bool) -> None:
    dialect = Dialect()
    feed = Feed(crowd(30) + crowd(30, at=T + 5), from_counts_pages=counts_pages, cap=CAP)
    read(feed, dialect=dialect)
    first = len(feed.asked)
    read(feed, dialect=dialect, instant=T + 5)
    assert dialect == Dialect(from_counts_pages=counts_pages, start_is_inclusive=True)
    assert len(feed.asked) - first <= 6 < first


@KINDS
def test_more_than_the_cap_is_read_action_by_action(counts_pages: bool) -> None:
    events = crowd(150) + crowd(150, action="b") + crowd(3, action="c")
    feed = Feed(events, from_counts_pages=counts_pages, cap=CAP)
    assert sorted(read(feed)) == sorted(event.key for event in events)


@pytest.mark.parametrize("number", [CAP, CAP + 1, 3 * CAP])
def test_an_action_with_more_than_the_cap_is_named(number: int) -> None:
    feed = Feed(crowd(number) + crowd(3, action="b"), cap=CAP)
    with pytest.raises(InstantTooLargeError, match=r"2023-11-14T22:13:20.000Z has more events of the action a than"):
        read(feed)


def test_too_many_events_without_an_action_are_said() -> None:
    events = [event._replace(action=None) for event in crowd(CAP)]
    with pytest.raises(InstantTooLargeError, match="more events without an action"):
        read(Feed(events, cap=CAP))


@KINDS
def test_answers_that_are_too_large_are_asked_for_in_parts(counts_pages: bool) -> None:
    assert len(read(Feed(crowd(90), from_counts_pages=counts_pages, cap=CAP, most=3))) == 90


@KINDS
def test_an_answer_to_another_question_loses_nothing(counts_pages: bool) -> None:
    for seed in range(100):
        assert not lost(Feed(crowd(30), from_counts_pages=counts_pages, cap=CAP, repeats=0.1, seed=seed))


@KINDS
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_answer_before_the_first_question_is_not_taken_for_the_end(counts_pages: bool, shuffled: bool) -> None:
    # given a crowd of which a page has been read before, and a proxy that repeats an answer once
    for number in (11, 25, 30):
        for place in range(40):
            feed = Feed(crowd(number), from_counts_pages=counts_pages, shuffled=shuffled, cap=CAP, seed=place)
            feed.before_at = place + 1
            feed.ask(Query(start=T, skip=1 if counts_pages else 10, size=10))
            reader = InstantReader(Asker(feed.ask, 10), Dialect(counts_pages, True), cap=CAP, overlap=1)
            pages = list(reader.read(T))
            found = {key for piece in instant_pieces(pages, T) for key in piece.keys}
            assert found == {event.key for event in crowd(number)}, f"{number} at {place}"


def test_doubles_are_one_event() -> None:
    feed = Feed(crowd(25) + crowd(25)[:5], cap=CAP)
    assert sorted(read(feed)) == sorted(event.key for event in crowd(25))


def test_two_replicas_with_orders_of_their_own_hide_no_event() -> None:
    assert not any(lost(Feed(crowd(11), replicas=True, cap=CAP, seed=seed)) for seed in range(200))


def test_an_event_that_arrives_meanwhile_hides_no_others() -> None:
    arrivals = [(place, Event(T * 1000, "late")) for place in range(1, 30)]
    assert not any(lost(Feed(crowd(30), from_counts_pages=True, cap=CAP, later=[late])) for late in arrivals)


def test_an_element_that_cannot_be_read_hides_no_others() -> None:
    names = [frozenset([event.key]) for event in crowd(30)]
    assert not any(lost(Feed(crowd(30), from_counts_pages=True, cap=CAP, unreadable=name)) for name in names)


def test_an_instant_over_the_cap_is_divided_where_answers_are_too_large() -> None:
    events = crowd(150) + crowd(150, action="b")
    assert sorted(read(Feed(events, cap=CAP, most=7))) == sorted(event.key for event in events)


@KINDS
@pytest.mark.parametrize("below", [1, 2, 3, 4])
def test_an_action_with_little_less_than_the_cap_is_read(counts_pages: bool, below: int) -> None:
    events = crowd(CAP - below)
    assert sorted(read(Feed(events, from_counts_pages=counts_pages, cap=CAP))) == sorted(event.key for event in events)


@KINDS
def test_an_action_that_reaches_the_cap_meanwhile_is_not_read_in_part(counts_pages: bool) -> None:
    for place in range(1, 40):
        late = Event(T * 1000, "late")
        feed = Feed(crowd(CAP - 1), from_counts_pages=counts_pages, cap=CAP, later=[(place, late)])
        try:
            found = set(read(feed))
        except InstantTooLargeError:
            continue
        assert found >= {event.key for event in crowd(CAP - 1)}, f"at {place}"
