"""Where reading stands, over passes, loads, ranges and instants that cannot be read."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from intilery_source import instants, watermark

DAY = 86_400_000
BASE = instants.of_datetime(datetime(2024, 2, 1, tzinfo=UTC))
NO_LOOKBACK = timedelta(0)


def at(days: float) -> int:
    return BASE + int(days * DAY)


def moment(days: float) -> datetime:
    return instants.to_datetime(at(days))


def begin(state, *, now, start=None, since=None, until=None, lookback=NO_LOOKBACK, start_date=None):
    """Begin or go on with a pass; where it is new, the first answers say `now` and, at the first pass, `start`."""
    current = watermark.begin(
        state,
        since=None if since is None else moment(since),
        until=None if until is None else moment(until),
        lookback=lookback,
        now=lambda: at(now),
        start_date=start_date,
    )
    if current.now is None:
        current.now = at(now)
    if current.start is None:
        current.start = None if start is None else at(start)
    return current


def marks(state):
    """The state without the word on whether the last load left something."""
    return {key: value for key, value in state.items() if key != "remaining"}


def first_pass(state, *, start=0.0, now=10.0, until=None):
    """A first pass, read to its end."""
    watermark.store(state, begin(state, start=start, now=now, until=until), finished=True)


def never_asked():
    raise AssertionError("the clock is asked for")


def test_nothing_was_ever_read():
    # given an empty state
    current = watermark.begin({}, since=None, until=None, lookback=NO_LOOKBACK, now=never_asked)
    # then all is read, and where it begins and what time it is, the first answers will say
    assert (current.start, current.end, current.now, current.position) == (None, None, None, None)
    assert current.backfill
    assert not watermark.remaining({})
    # and before they have, nothing can be stored
    with pytest.raises(ValueError, match="has not been opened"):
        watermark.store({}, current, finished=True)


def test_only_a_range_that_was_interrupted_asks_for_the_clock():
    state = {}
    first_pass(state)
    for since in (None, moment(1)):
        watermark.begin(state, since=since, until=None, lookback=NO_LOOKBACK, now=never_asked)
    watermark.store(state, begin(state, since=1, now=20), finished=False)
    with pytest.raises(AssertionError, match="the clock"):
        watermark.begin(state, since=moment(1), until=None, lookback=NO_LOOKBACK, now=never_asked)


def test_a_range_that_was_interrupted_is_read_again_where_nobody_tells_the_time():
    state = {}
    current = begin(state, since=1, now=20)
    current.position = at(5)
    watermark.store(state, current, finished=False)
    again = watermark.begin(state, since=moment(1), until=None, lookback=NO_LOOKBACK, now=lambda: None)
    assert (again.position, again.now) == (at(1), None)


def test_only_the_lookback_is_expected_to_be_little():
    state = {}
    assert begin(state, now=10).backfill
    first_pass(state)
    assert not begin(state, now=20).backfill
    assert begin(state, since=1, now=20).backfill
    current = begin(state, now=20)
    watermark.store(state, current, finished=False)
    assert begin(state, now=20).backfill


def test_a_pass_stands_where_the_state_says():
    # given a pass that has been read to a position, and stored there
    for since in (None, 2):
        state = {}
        current = begin(state, start=0, since=since, now=10)
        assert not watermark.stands_at(state, current), "nothing is stored"
        current.position = at(4)
        watermark.store(state, current, finished=False)
        assert watermark.stands_at(state, current)
        # when it reads on, and what it read is not loaded
        current.position = at(5)
        # then the state is behind it
        assert not watermark.stands_at(state, current)
        watermark.store(state, current, finished=True)
        assert not watermark.stands_at(state, current), "it is over"


def test_a_pass_of_another_time_does_not_stand_where_this_one_does():
    state = {}
    current = begin(state, start=0, now=10)
    current.position = at(4)
    watermark.store(state, current, finished=False)
    other = begin({}, start=0, now=11)
    other.position = at(4)
    assert not watermark.stands_at(state, other)


def test_the_first_pass_ends_at_the_now_of_its_start():
    state = {}
    current = begin({}, start=0, now=10)
    assert (current.start, current.position, current.end) == (at(0), None, None)
    current.position = at(12)  # events dated in the future
    watermark.store(state, current, finished=True)
    assert marks(state) == {"watermark": instants.write(at(10))}
    assert not watermark.remaining(state)


def test_a_pass_of_many_loads_goes_on_where_it_stopped():
    # given a first pass that stopped after day 4
    state = {}
    current = begin({}, start=0, now=10)
    current.position = at(4)
    watermark.store(state, current, finished=False)
    assert state["watermark"] == instants.write(at(4))
    assert watermark.remaining(state)
    assert watermark.interrupted(state)
    # when it goes on two days later
    current = begin(state, now=12)
    # then it stands where it stopped, and its clock is the one of its start
    assert (current.start, current.position, current.now) == (at(0), at(4), at(10))
    watermark.store(state, current, finished=True)
    assert marks(state) == {"watermark": instants.write(at(10))}


def test_the_next_pass_begins_lookback_before_the_watermark():
    state = {}
    first_pass(state, now=10)
    current = begin(state, now=20, lookback=timedelta(days=3))
    assert (current.start, current.position, current.end, current.now) == (at(7), at(7), None, at(20))
    # reading the lookback again leaves the watermark alone
    current.position = at(8)
    watermark.store(state, current, finished=False)
    assert state["watermark"] == instants.write(at(10))


@pytest.mark.parametrize(("until", "reached"), [(5, 5), (15, 10)])
def test_until_is_never_passed_and_now_neither(until, reached):
    state = {}
    first_pass(state, now=10, until=until)
    assert state["watermark"] == instants.write(at(reached))


def test_until_before_the_watermark_does_not_move_it_back():
    state = {}
    first_pass(state, now=10)
    watermark.store(state, begin(state, now=20, until=5), finished=True)
    assert marks(state) == {"watermark": instants.write(at(10))}


@pytest.mark.parametrize("finished", [False, True])
def test_a_position_in_the_future_does_not_count(finished):
    state = {}
    current = begin({}, start=0, now=10)
    current.position = at(3000)
    watermark.store(state, current, finished=finished)
    assert state["watermark"] == instants.write(at(10))


def test_the_watermark_stops_before_an_instant_that_could_not_be_read():
    # given a pass of two loads, in the first of which day 3 could not be read
    state = {}
    current = begin({}, start=0, now=10)
    current.position, current.blocked = at(5), at(3)
    watermark.store(state, current, finished=False)
    assert state["watermark"] == instants.write(at(3))
    current = begin(state, now=11)
    assert current.blocked == at(3), "it is remembered"
    watermark.store(state, current, finished=True)
    # then the watermark stays before it, and the next pass tries again
    assert marks(state) == {"watermark": instants.write(at(3))}
    assert begin(state, now=12).start == at(3)
    watermark.store(state, begin(state, now=12), finished=True)
    assert marks(state) == {"watermark": instants.write(at(12))}


@pytest.mark.parametrize("finished", [False, True])
def test_a_range_of_its_own_leaves_the_watermark_alone(finished):
    state = {}
    first_pass(state, now=10)
    current = begin(state, since=2, until=30, now=20)
    assert (current.start, current.end, current.position) == (at(2), at(30), at(2))
    current.position = at(25)
    watermark.store(state, current, finished=finished)
    assert state["watermark"] == instants.write(at(10))
    assert watermark.remaining(state) is not finished
    assert not watermark.interrupted(state)


def test_a_range_before_any_pass_leaves_no_watermark():
    state = {}
    watermark.store(state, begin(state, since=2, now=20), finished=True)
    assert marks(state) == {}
    assert begin(state, now=20).start is None


def test_a_range_is_gone_on_with_only_when_it_is_the_same():
    state = {}
    current = begin(state, since=2, until=9, now=20)
    current.position, current.blocked = at(5), at(4)
    watermark.store(state, current, finished=False)
    same = begin(state, since=2, until=9, now=20.9)
    assert (same.position, same.blocked, same.now) == (at(5), at(4), at(20))
    assert begin(state, since=2, until=8, now=20.9).position == at(2)
    assert begin(state, since=2, now=20.9).position == at(2)
    assert begin(state, since=1, until=9, now=20.9).position == at(1)


def test_a_range_that_was_interrupted_long_ago_is_read_again():
    state = {}
    current = begin(state, since=2, until=9, now=20)
    current.position = at(5)
    watermark.store(state, current, finished=False)
    assert begin(state, since=2, until=9, now=20.9).position == at(5)
    assert begin(state, since=2, until=9, now=21).position == at(2)


def test_a_pass_never_reaches_back_before_start_date_and_a_range_may():
    state = {}
    assert begin(state, lookback=timedelta(days=3), now=10, start_date=moment(4)).start == at(4)
    first_pass(state, start=4, now=6)
    for since, start in ((None, 4), (1, 1)):
        current = begin(state, since=since, lookback=timedelta(days=3), now=10, start_date=moment(4))
        assert (current.start, current.position) == (at(start), at(start))


def test_a_range_and_a_pass_do_not_disturb_each_other():
    state = {}
    current = begin({}, start=0, now=10)
    current.position = at(4)
    watermark.store(state, current, finished=False)
    inner = begin(state, since=6, now=11)
    inner.position = at(8)
    watermark.store(state, inner, finished=False)
    assert begin(state, now=12).position == at(4)
    watermark.store(state, begin(state, now=12), finished=True)
    assert begin(state, since=6, now=11.9).position == at(8)


def test_a_default_date_of_the_year_1_can_be_stored():
    state = {}
    start = instants.parse("0001-01-01T00:00:00.000Z") // 1000
    current = begin(state, now=10)
    current.start = start
    watermark.store(state, current, finished=False)
    assert begin(state, now=11).position == start


def test_a_lookback_beyond_the_calendar_reads_everything():
    state = {}
    first_pass(state, now=10)
    watermark.store(state, begin(state, now=11, lookback=timedelta.max), finished=False)
    assert begin(state, now=12).start == instants.parse("0001-01-01T00:00:00.000Z") // 1000


HORIZON = 60  # no event is dated later, in days


class Loads(RuleBasedStateMachine):
    """Loads in any order, interrupted in any place, against a model that knows which days were read."""

    @initialize(start=st.integers(0, 10), now=st.integers(5, 15))
    def begin_world(self, start: int, now: int) -> None:
        self.state: dict = {}
        self.start = start
        self.now = now
        self.read: set[int] = set()
        self.unreadable: set[int] = set()
        self.highest: int | None = None

    @rule(days=st.integers(1, 10))
    def time_passes(self, days: int) -> None:
        self.now = min(self.now + days, HORIZON - 5)

    @rule(day=st.integers(0, HORIZON - 1))
    def an_instant_becomes_too_large(self, day: int) -> None:
        self.unreadable.add(day)

    @precondition(lambda self: getattr(self, "unreadable", None))
    @rule()
    def it_can_be_read_after_all(self) -> None:
        self.unreadable.pop()

    @rule(
        steps=st.integers(0, 20),
        until=st.none() | st.integers(0, HORIZON),
        since=st.none() | st.none() | st.integers(0, HORIZON),
        lookback=st.integers(0, 8),
        killed=st.booleans(),
    )
    def load(self, steps: int, until: int | None, since: int | None, lookback: int, killed: bool) -> None:
        before = json.loads(json.dumps(self.state))
        current = begin(
            before, start=self.start, now=self.now, since=since, until=until, lookback=timedelta(days=lookback)
        )
        if current.position is None:
            current.position = current.start
        # a load reads some days on from the position, and finishes when none are left
        end = HORIZON if current.end is None else (current.end - BASE) // DAY
        position = (current.position - BASE) // DAY
        stop = min(end, position + steps)
        for day in range(position, stop):
            if day in self.unreadable:
                current.blocked = min(current.blocked or at(day), at(day))
        if killed:
            return
        self.read |= set(range(position, stop)) - self.unreadable
        current.position = max(current.position, at(stop))
        before_mark = before.get("watermark")
        watermark.store(before, current, finished=stop >= end)
        self.state = json.loads(json.dumps(before))
        if since is not None:
            assert self.state.get("watermark") == before_mark
        elif until is not None and self.state["watermark"] != before_mark:
            assert instants.parse(self.state["watermark"]) // 1000 <= at(until)

    @invariant()
    def watermark_is_monotonic_and_never_beyond_what_was_read(self) -> None:
        if "watermark" not in getattr(self, "state", {}):
            return
        reached = (instants.parse(self.state["watermark"]) // 1000 - BASE) // DAY
        assert reached >= (self.highest if self.highest is not None else reached)
        self.highest = reached
        assert reached <= self.now
        assert set(range(self.start, reached)) <= self.read

    @invariant()
    def state_does_not_grow(self) -> None:
        assert len(json.dumps(getattr(self, "state", {}))) < 600


TestLoads = Loads.TestCase
TestLoads.settings = settings(max_examples=100, stateful_step_count=25)
