"""Windows over crowded milliseconds, against an API in memory that may mean whatever the documents allow.

Real feeds are rarely so dense; here crowds, neighbours a millisecond apart, fractions of milliseconds and doubles are
the rule, pages are small and the cap is near.
"""

import random
from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_client import UnexpectedAnswerError
from intilery_source.asking import Asker
from intilery_source.event_loads import RowBuffer
from intilery_source.types import EventPage, Hit, Query
from intilery_source.windows import WindowReader

_CAP = 60
_T = 1_700_000_000_000
"""Some instant, in milliseconds."""


@dataclass
class Api:
    """`events` are (microseconds, identifier, action)."""

    events: list[tuple[int, str, str]]
    start_inclusive: bool
    end_inclusive: bool
    in_pages: bool
    shuffled: bool
    seed: int
    asked: int = 0
    chooser: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chooser = random.Random(self.seed)

    def ask(self, query: Query) -> EventPage:
        self.asked += 1
        assert self.asked < 20_000, "never ends"
        found = [event for event in self.events if self._matches(event, query)]
        if self.shuffled:
            self.chooser.shuffle(found)
        found.sort(key=lambda event: event[0], reverse=not query.ascending)
        skip = query.skip * query.size if self.in_pages else query.skip
        assert skip + query.size <= _CAP, "asks for what the cap hides"
        hits = [
            Hit(micros // 1000, micros % 1000 == 0, key, action, 0, "", msgspec.Raw(key.encode()))
            for micros, key, action in found[skip : skip + query.size]
        ]
        times = [hit.time for hit in hits]
        return EventPage(hits, [], len(hits), min(times, default=None), max(times, default=None), 0, "none")

    def _matches(self, event: tuple[int, str, str], query: Query) -> bool:
        micros, _, action = event
        start = None if query.start is None else query.start * 1000
        end = None if query.end is None else query.end * 1000
        return (
            (start is None or micros > start or (self.start_inclusive and micros == start))
            and (end is None or micros < end or (self.end_inclusive and micros == end))
            and (query.include is None or action == query.include)
            and action not in query.exclude
        )


@st.composite
def crowds(draw: st.DrawFn) -> list[tuple[int, str, str]]:
    """A few milliseconds, some of them crowded, some with fractions; a few events come twice."""
    events = []
    for milli in range(draw(st.integers(1, 5))):
        for part in draw(st.lists(st.sampled_from([0, 0, 0, 1, 500, 999]), min_size=1, max_size=3)):
            for action in draw(st.sampled_from(["a", "ab", "abc"])):
                for _ in range(draw(st.sampled_from([0, 1, 2, 7, 12, 25]))):
                    events.append((_T * 1000 + milli * 1000 + part, f"e{len(events)}", action))
    doubles = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    return events + doubles


def read(api: Api, start: int, end: int | None, page_size: int) -> tuple[list[str], list[str]]:
    """The identifiers that a window gives, and the instants that it could not read."""
    buffer = RowBuffer()
    found, failed = [], []
    for step in WindowReader(Asker(api.ask, page_size), cap=_CAP).read(start, end):
        for hit in step.hits:
            if start <= hit.time and (end is None or hit.time < end):
                buffer.add(hit)
        if step.failed is not None:
            failed.append(str(step.failed))
        found += [hit.id for hit in buffer.release(step.position)]
    return found, failed


@settings(max_examples=400, deadline=None)
@given(
    events=crowds(),
    page_size=st.sampled_from([4, 10, 20]),
    semantics=st.tuples(*[st.booleans()] * 4),
    seed=st.integers(0, 999),
    edges=st.tuples(st.integers(-1, 6), st.one_of(st.none(), st.integers(-1, 6))),
)
def test_a_window_over_crowds_is_complete_or_says_that_it_is_not(
    events: list[tuple[int, str, str]],
    page_size: int,
    semantics: tuple[bool, bool, bool, bool],
    seed: int,
    edges: tuple[int, int | None],
) -> None:
    api = Api(events, *semantics, seed=seed)
    start, end = _T + edges[0], None if edges[1] is None else _T + edges[1]
    doubled = len(events) > len({key for _, key, _ in events})
    try:
        found, failed = read(api, start, end, page_size)
    except UnexpectedAnswerError as error:
        # doubles that no page ever shows together cannot be told from hits that no page has shown
        assert "in ever other orders" in str(error)  # noqa: PT017
        assert api.shuffled
        assert doubled
        return
    expected = {key for micros, key, _ in events if micros // 1000 >= start and (end is None or micros // 1000 < end)}
    assert len(found) == len(set(found)), "none twice"
    assert set(found) <= expected
    if not failed:
        assert set(found) == expected


def test_a_crowd_just_before_and_just_after_a_millisecond() -> None:
    # given crowds on both sides of a millisecond's edge, and exclusive bounds
    for part in (500, 999, 0):
        events = [(_T * 1000 + part, f"a{n}", "x") for n in range(15)]
        events += [(_T * 1000 + 1000, f"b{n}", "x") for n in range(35)]
        events += [(_T * 1000 + 2000, "c", "x")]
        for inclusive in (False, True):
            api = Api(events, inclusive, inclusive, in_pages=False, shuffled=True, seed=1)
            found, failed = read(api, _T, None, 10)
            assert not failed
            assert sorted(found) == sorted(key for _, key, _ in events)


def test_one_action_over_the_cap_is_said_and_its_neighbours_are_read() -> None:
    events = [(_T * 1000, f"a{n}", "x") for n in range(_CAP + 1)]
    events += [(_T * 1000 + 1000, "before the next", "x"), (_T * 1000 + 2000, "next", "y")]
    found, failed = read(Api(events, False, False, in_pages=False, shuffled=False, seed=1), _T, None, 10)
    assert len(failed) == 1
    assert "2023-11-14T22:13:20.000Z" in failed[0]
    assert {"before the next", "next"} <= set(found)
