"""The people's events: modest in number, of profiles that exist, some received when these have vanished."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.people_calendar import HISTORY_STARTS
from cdp_sandbox.worlds.people_feed import IDENTIFY


def test_a_dozen_events_a_profile_before_the_opening_and_a_few_after(people: People) -> None:
    ordinary = people.action != IDENTIFY
    old = [number for number, key in enumerate(people.profiles) if key.created < HISTORY_STARTS]
    mine = np.isin(people.profile, old) & ordinary
    after = people.event_time >= people.opens_at
    assert 10 < np.count_nonzero(mine & ~after) / len(old) < 14
    assert 2 < np.count_nonzero(mine & after) / len(old) < 4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 90))
def test_an_event_happens_and_is_received_in_its_profiles_life_or_is_received_late(seed: int, persons: int) -> None:
    people = People(seed, persons)
    for profile, happened, received, kind in zip(
        people.profile.tolist(),
        people.event_time.tolist(),
        people.received_time.tolist(),
        people.action.tolist(),
        strict=True,
    ):
        if profile < 0:
            continue
        key = people.profiles[profile]
        assert key.created <= received <= people.ends_at
        assert happened >= key.created or kind == IDENTIFY
        assert key.vanished is None or happened < key.vanished
        assert 0 < received - happened < 3 * DAY


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(60, 90))
def test_some_events_are_received_when_their_profile_has_vanished(seed: int, persons: int) -> None:
    people = People(seed, persons)
    vanished = np.array([key.vanished or 2**62 for key in people.profiles])
    known = people.profile >= 0
    after = known & (people.received_time >= vanished[people.profile])
    assert after.any()
    assert set(np.flatnonzero(after)) <= set(people.late)


def test_some_events_are_anonymous_and_some_late(people: People) -> None:
    assert 0 < np.count_nonzero(people.profile < 0) < 0.05 * len(people.profile)
    assert 0.01 < len(people.late) / len(people.profile) < 0.06
