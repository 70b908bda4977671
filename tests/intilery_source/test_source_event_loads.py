"""Loads: whatever their size, together they give the same rows, and what the ledger and the position say is true."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from event_feed import Event, Feed, T
from hypothesis import given, settings
from hypothesis import strategies as st

from intilery_source import instants, watermark
from intilery_source.event_loads import EventLoads
from intilery_source.report import RunReport

NOW = T + 50_000_000


def spread(number: int, every: int = 50) -> list[Event]:
    return [Event((T + place * every) * 1000, f"e{place}") for place in range(number)]


def crowd(at: int, number: int, action: str = "a") -> list[Event]:
    return [Event((T + at) * 1000, f"{action}{at}-{place}", action) for place in range(number)]


def begin(
    feed: Feed, current: watermark.Pass | None = None, *, size: int = 10, report: RunReport | None = None
) -> EventLoads:
    feed.wide, feed.now = True, NOW
    current = current or watermark.Pass(None, None, None, None, None, None, backfill=True)
    report = report or RunReport()
    loads = EventLoads(current, feed.ask, lambda: None, report, "events", max_in_flight=4, page_size=size, cap=feed.cap)
    loads.open()
    return loads


def go_on(feed: Feed, state: dict[str, Any]) -> EventLoads:
    """What another process does, which knows nothing but the state."""
    current = watermark.begin(state, since=None, until=None, lookback=timedelta(0), now=lambda: NOW)
    return begin(feed, current)


def keys(tables: list[pa.Table]) -> list[str]:
    return [key for table in tables for key in table["event_id"].to_pylist()]


def times(tables: list[pa.Table]) -> list[int]:
    return [instants.of_datetime(time) for table in tables for time in table["event_time"].to_pylist()]


def millis(moment: datetime) -> int:
    return instants.of_datetime(moment)


def assert_sound(windows: list[dict[str, Any]], start: int, end: int, rows: int) -> None:
    """Assert that the windows of a ledger follow each other from `start` to `end` and have all rows."""
    whole = [window for window in windows if not window["event_action"]]
    edges = [(millis(window["window_start"]), millis(window["window_end"])) for window in whole]
    assert edges[0][0] == start
    assert edges[-1][1] == end
    assert all(first < last for first, last in edges)
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert sum(window["rows"] for window in whole) == rows


FEEDS = st.lists(
    st.one_of(
        st.tuples(st.just(1), st.integers(0, 3000)),
        st.tuples(st.integers(2, 45), st.integers(0, 40)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(feed=FEEDS, most=st.sampled_from([1, 7, 30, 1000]), killed=st.booleans())
def test_the_same_rows_come_whatever_a_load_holds(feed: list[tuple[int, int]], most: int, killed: bool) -> None:
    # given events, some of them in crowds
    events = [event for place, (number, at) in enumerate(feed) for event in crowd(at * 7, number, f"a{place}-")]
    source = Feed(events, cap=400)
    loads = begin(source)
    found: list[str] = []
    state: dict[str, Any] = {}
    windows: list[dict[str, Any]] = []
    # when they are read in loads, each of which may be the last that this process sees
    for _ in range(2_000):
        tables = list(loads.read(most))
        assert times(tables) == sorted(times(tables))
        current = loads.current
        if current.start is None:
            break
        assert len(set(keys(tables))) == len(keys(tables)), "one row an event"
        seen = set(found) | set(keys(tables))
        before = current.start if current.position is None else current.position
        assert {event.key for event in events if event.millis < before} <= seen, "a position never skips"
        windows += loads.ledger.take()
        found += keys(tables)
        watermark.store(state, current, finished=loads.finished)
        if loads.finished:
            break
        assert tables, "each load goes on"
        assert watermark.stands_at(state, current)
        if killed:
            loads.close()
            loads = go_on(source, state)
    loads.close()
    # then each event is there, and the ledger has each of them once
    assert set(found) == {event.key for event in events}
    if events:
        assert loads.finished
        assert state["watermark"] == instants.write(NOW)
        if not killed:
            assert_sound(windows, min(event.millis for event in events), NOW, len(found))


def test_the_ledger_of_a_pass_that_was_interrupted_goes_on_where_it_stopped() -> None:
    # given a pass of two loads
    feed, state = Feed(spread(100)), dict[str, Any]()
    loads = begin(feed)
    rows = len(keys(list(loads.read(40))))
    windows = loads.ledger.take()
    watermark.store(state, loads.current, finished=False)
    loads.close()
    # when another process goes on
    loads = go_on(feed, state)
    rows += len(keys(list(loads.read(1000))))
    windows += loads.ledger.take()
    loads.close()
    # then the windows of both follow each other
    assert_sound(windows, T, NOW, rows)


def test_a_load_ends_at_an_instants_edge() -> None:
    # given instants of 40 events, of which a page holds two and a half
    loads = begin(Feed([event for at in range(0, 60, 5) for event in crowd(at, 40)]))
    # when loads are to end after 100 rows, then they hold whole instants, and not many more rows
    sizes = [len(keys(list(loads.read(100)))) for _ in range(4)]
    assert sum(sizes) == 480
    assert all(100 <= size <= 200 and size % 40 == 0 for size in sizes[:3])
    assert loads.finished
    loads.close()


def test_an_event_that_is_there_at_two_times_is_one_row_of_a_load() -> None:
    events = spread(100)
    loads = begin(Feed([*events, events[3]._replace(micros=events[90].micros)]))
    assert sorted(keys(list(loads.read(1000)))) == sorted(event.key for event in events)
    loads.close()


def test_loads_that_share_what_was_given_out_repeat_nothing() -> None:
    released: set[Any] = set()
    found = []
    for _ in range(2):
        feed = Feed(spread(20), wide=True)
        current = watermark.Pass(None, None, None, None, None, None, backfill=False)
        loads = EventLoads(current, feed.ask, lambda: None, RunReport(), "events", max_in_flight=2, released=released)
        found.append(len(keys(list(loads.read(1000)))))
        loads.close()
    assert found == [20, 0]


def test_a_range_is_read_up_to_its_end() -> None:
    feed = Feed(spread(1000))
    current = watermark.Pass(T + 1000, T + 3000, None, T + 1000, None, None, backfill=True)
    loads = begin(feed, current)
    tables = list(loads.read(10**6))
    assert keys(tables) == [f"e{place}" for place in range(20, 60)]
    assert (loads.finished, current.position, current.now) == (True, T + 3000, NOW)
    assert_sound(loads.ledger.take(), T + 1000, T + 3000, 40)
    loads.close()


def test_an_instant_that_cannot_be_read_is_named_and_blocks_the_watermark() -> None:
    # given an instant with more events of one action than the cap, between others
    report = RunReport()
    feed = Feed(spread(100) + crowd(1001, 61), cap=60)
    loads = begin(feed, report=report)
    # when it is read in loads of 30 rows
    found: list[str] = []
    windows: list[dict[str, Any]] = []
    state: dict[str, Any] = {}
    while not loads.finished:
        found += keys(list(loads.read(30)))
        windows += loads.ledger.take()
        watermark.store(state, loads.current, finished=loads.finished)
        assert instants.parse(state["watermark"]) // 1000 <= T + 1001, "not even while it is under way"
    loads.close()
    # then it is named, what is around it is there, and its window is the only one that is not complete
    assert len(report.failures) == 1
    assert instants.write(T + 1001) in report.failures[0]
    assert loads.current.blocked == T + 1001
    assert set(found) >= {f"e{place}" for place in range(100)}
    assert state["watermark"] == instants.write(T + 1001)
    assert [(millis(w["window_start"]), millis(w["window_end"])) for w in windows if not w["complete"]] == [
        (T + 1001, T + 1002)
    ]
    assert_sound(windows, T, NOW, len(found))


def test_an_instant_that_was_divided_has_a_row_for_each_action() -> None:
    feed = Feed(spread(10) + crowd(201, 40, "a") + crowd(201, 40, "b"), cap=60)
    loads = begin(feed)
    assert len(keys(list(loads.read(1000)))) == 90
    windows = loads.ledger.take()
    loads.close()
    of_actions = {window["event_action"]: window for window in windows if window["event_action"]}
    assert {action: window["rows"] for action, window in of_actions.items()} == {"a": 40, "b": 40}
    assert {millis(window["window_start"]) for window in of_actions.values()} == {T + 201}
    assert {window["split_depth"] for window in of_actions.values()} == {1}
    assert_sound(windows, T, NOW, 90)


def test_what_is_dated_in_the_future_is_read_and_the_ledger_reaches_beyond_it() -> None:
    feed = Feed([*spread(50), Event((NOW + 7_000) * 1000, "tomorrow")])
    loads = begin(feed)
    assert "tomorrow" in keys(list(loads.read(1000)))
    assert_sound(loads.ledger.take(), T, NOW + 7_001, 51)
    loads.close()


def test_all_requests_are_in_the_ledger() -> None:
    feed = Feed(spread(2_000), cap=400)
    loads = begin(feed)
    list(loads.read(10**6))
    requests = sum(window["requests"] for window in loads.ledger.take())
    loads.close()
    assert 0.9 * len(feed.asked) <= requests <= len(feed.asked)


def test_elements_that_cannot_be_read_are_rejected() -> None:
    report = RunReport()
    loads = begin(Feed(spread(100), unreadable=frozenset({"e7", "e8"})), report=report)
    assert len(keys(list(loads.read(1000)))) == 98
    assert len(loads.rejects.take()) == 2
    loads.close()


def test_nothing_there_is_no_position() -> None:
    loads = begin(Feed([]))
    assert list(loads.read(100)) == []
    assert loads.current.start is None
    loads.close()


@pytest.mark.parametrize("most", [10, 10**6])
def test_rows_are_counted_as_they_come(most: int) -> None:
    report = RunReport()
    loads = begin(Feed(spread(300)), report=report)
    while not loads.finished:
        list(loads.read(most))
    loads.close()
    assert report.rows["events"] == 300


def test_an_event_of_the_last_millisecond_there_is_ends_no_load() -> None:
    loads = begin(Feed([*spread(30), Event(instants.LAST * 1000, "last")]))
    assert len(keys(list(loads.read(1000)))) == 31
    assert loads.finished
    assert loads.ledger.take()[-1]["window_end"] == instants.to_datetime(instants.LAST)
    loads.close()
