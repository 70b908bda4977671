"""The people's lives: who vanishes, comes back and is merged, and that each is seen by loads once a day."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_sandbox.world import ProfileKey
from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.people_calendar import DAYS

seeds = st.integers(0, 2**32)


def _exists(key: ProfileKey, clock: int) -> bool:
    return key.created <= clock and (key.vanished is None or clock < key.vanished)


def _seen(people: People, profile: int) -> set[int]:
    """The days of the month whose load sees a profile."""
    return {day for day in range(DAYS + 1) if _exists(people.profiles[profile], people.opens_at + day * DAY)}


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(60, 90))
def test_each_fate_befalls_someone_and_a_daily_load_can_see_it(seed: int, persons: int) -> None:
    people = People(seed, persons)
    lives, keys = people.lives, people.profiles
    assert min(map(len, (lives.deleted, lives.recreated, lives.merged_beside, lives.merged_over))) >= 2

    for profile in lives.deleted:
        assert 0 in _seen(people, profile)
        assert DAYS not in _seen(people, profile)
        assert [key.id for key in keys].count(keys[profile].id) == 1
    for before, after in lives.recreated:
        assert keys[before].id == keys[after].id
        assert keys[before].external_id == keys[after].external_id
        between = set(range(DAYS + 1)) - _seen(people, before) - _seen(people, after)
        assert len(between) >= 2
        assert 0 in _seen(people, before)
        assert DAYS in _seen(people, after)
        assert people.traits(before, keys[before].vanished or 0) != people.traits(after, keys[after].created)
    for loser, survivor in lives.merged_beside:
        assert keys[loser].id != keys[survivor].id
        assert keys[loser].external_id == keys[survivor].external_id
        assert len(_seen(people, loser) & _seen(people, survivor)) >= 2
        assert DAYS in _seen(people, survivor) - _seen(people, loser)
    for old, new in lives.merged_over:
        assert keys[old].id != keys[new].id
        assert keys[old].external_id == keys[new].external_id
        assert keys[old].vanished == keys[new].created
        assert DAYS in _seen(people, new)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_either_of_two_merged_profiles_may_be_the_one_that_stays(seed: int) -> None:
    people = People(seed, 60)
    older = {
        people.profiles[loser].created < people.profiles[survivor].created
        for loser, survivor in people.lives.merged_beside
    }
    assert older == {True, False}


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 200))
def test_at_any_load_an_id_is_one_profiles_and_an_external_id_at_most_two_merging_ones(seed: int, persons: int) -> None:
    people = People(seed, persons)
    merging = {people.profiles[loser].external_id for loser, _ in people.lives.merged_beside}
    for day in range(DAYS + 1):
        there = [key for key in people.profiles if _exists(key, people.opens_at + day * DAY)]
        assert len({key.id for key in there}) == len(there)
        external_ids = [key.external_id for key in there]
        assert {shared for shared in external_ids if external_ids.count(shared) > 1} <= merging


@pytest.mark.parametrize("persons", [60, 200, 2_000])
def test_few_vanish_on_one_day(persons: int) -> None:
    for seed in range(5):
        people = People(seed, persons)
        vanished = [key.vanished // DAY for key in people.profiles if key.vanished is not None]
        assert np.bincount(vanished).max() <= 0.03 * persons


def test_some_sign_up_in_the_month(people: People) -> None:
    new = [key for key in people.profiles if key.created > people.opens_at]
    assert len(new) > 0.05 * len(people.profiles)


def test_who_is_too_few_for_fates_has_none() -> None:
    people = People(1, 5)
    assert len(people.profiles) == 5
    assert all(key.vanished is None for key in people.profiles)
