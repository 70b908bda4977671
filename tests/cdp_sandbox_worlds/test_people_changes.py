"""The people's traits: every kind of change occurs, is real, and is told by an `identify` where one can tell it."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_sandbox.worlds.durations import DAY, HOUR
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.people_calendar import HISTORY_STARTS
from cdp_sandbox.worlds.people_changes import KINDS
from cdp_sandbox.worlds.people_feed import IDENTIFY
from cdp_sandbox.worlds.people_traits import APPLY, NEW_TRAITS

Traits = dict[str, Any]
seeds = st.integers(0, 2**32)


def _around(people: People, kind: str) -> list[tuple[Traits, Traits]]:
    """The traits a millisecond before each change of a kind, and at it."""
    return [
        (people.traits(profile, time - 1), people.traits(profile, time))
        for profile, time in people.changes[kind]
        if time >= people.opens_at
    ]


def _differing(before: Traits, after: Traits) -> set[str]:
    absent = object()
    return {name for name in before | after if before.get(name, absent) != after.get(name, absent)}


def _type(value: Any) -> str:
    return type(value).__name__


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(60, 90))
def test_each_kind_occurs_and_changes_one_trait_or_only_the_order(seed: int, persons: int) -> None:
    people = People(seed, persons)
    for kind in KINDS:
        found = _around(people, kind)
        assert found, kind
        for before, after in found:
            if kind == "reorder":
                assert before == after
                assert json.dumps(before) != json.dumps(after)
                continue
            (name,) = _differing(before, after)
            if kind == "seen":
                assert name == "lastSeenTime"
            if kind == "null":
                assert after[name] is None
                assert before[name] is not None
            if kind == "remove":
                assert name not in after
            if kind == "retype":
                assert _type(before[name]) != _type(after[name])
            if kind == "collide":
                assert name in ("first_name", "FirstName")
                assert "firstName" in after
            if kind == "appear":
                assert name in {new for _, new, _ in NEW_TRAITS}


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_each_kind_occurs_among_twenty_persons(seed: int) -> None:
    people = People(seed, 20)
    in_month = {kind for kind in KINDS for _, time in people.changes[kind] if time >= people.opens_at}
    assert in_month == set(KINDS)


def test_kinds_have_a_function_each() -> None:
    assert tuple(APPLY) == KINDS


def test_an_integer_becomes_a_text_in_some_profiles(people: People) -> None:
    assert {(_type(before["points"]), _type(after["points"])) for before, after in _around(people, "retype")} >= {
        ("int", "str"),
        ("str", "float"),
    }
    assert {_type(people.traits(number, people.opens_at)["points"]) for number in range(len(people.profiles))} == {
        "int"
    }


def test_lists_of_objects_grow_and_shrink(people: People) -> None:
    steps = {len(after["addresses"]) - len(before.get("addresses") or ()) for before, after in _around(people, "list")}
    assert steps == {-1, 1}
    assert all(isinstance(item, dict) for _, after in _around(people, "list") for item in after["addresses"])


def test_nested_objects_change_inside(people: People) -> None:
    assert any(
        before["preferences"]["topics"] != after["preferences"]["topics"]
        for before, after in _around(people, "nested")
        if before.get("preferences")
    )


def test_new_traits_appear_in_the_course_of_the_month(people: People) -> None:
    seen: list[set[str]] = []
    for day in range(31):
        clock = people.opens_at + day * DAY
        seen.append({name for number in range(len(people.profiles)) for name in people.traits(number, clock)})
    assert {name for _, name, _ in NEW_TRAITS} & seen[0] == set()
    for _, name, _ in NEW_TRAITS:
        first = next(day for day in range(31) if name in seen[day])
        assert all(name in later for later in seen[first:])
    assert len({len(names) for names in seen}) >= 5


def test_some_names_collide_from_the_start(people: People) -> None:
    there = [people.traits(number, people.opens_at) for number in range(len(people.profiles))]
    assert any({"firstName", "first_name"} <= traits.keys() for traits in there)


def test_most_edits_have_an_event_and_removals_none(people: People, people_bodies: list[Any]) -> None:
    told = {
        (int(people.profile[index]), int(people.received_time[index]))
        for index in np.flatnonzero(people.action == IDENTIFY)
    }
    shares = {
        kind: sum(change in told for change in drawn) / len(drawn)
        for kind, drawn in (
            (kind, [change for change in people.changes[kind] if change[1] >= people.opens_at]) for kind in KINDS
        )
    }
    assert 0.5 < shares["edit"] < 1
    assert 0 < shares["null"] < 1
    assert shares["remove"] == shares["reorder"] == shares["seen"] == 0


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_an_identify_sets_at_its_receipt_what_it_carries(seed: int) -> None:
    people = People(seed, 60)
    for index in np.flatnonzero(people.action == IDENTIFY):
        set_now = json.loads(people.event_body(index))["rawData"]["traits"]
        profile, received = int(people.profile[index]), int(people.received_time[index])
        set_now.pop("email", None)
        after = people.traits(profile, received)
        assert set_now
        assert set_now.items() <= after.items()
        if received > people.profiles[profile].created:
            assert not set_now.items() <= people.traits(profile, received - 1).items()


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_identifies_of_a_profile_happen_in_the_order_of_their_receipt(seed: int) -> None:
    people = People(seed, 60)
    identify = np.flatnonzero(people.action == IDENTIFY)
    for profile in range(len(people.profiles)):
        mine = identify[people.profile[identify] == profile]
        assert (np.diff(people.received_time[mine]) > HOUR / 2).all()


def test_a_life_that_signs_up_begins_with_an_identify_of_all_traits(people: People, people_bodies: list[Any]) -> None:
    checked = 0
    for profile in np.flatnonzero(people.lives.signs_up).tolist():
        key = people.profiles[profile]
        first = np.flatnonzero((people.profile == profile) & (people.received_time == key.created))
        traits = people_bodies[first[0]]["rawData"]["traits"]
        assert traits.pop("email", None) == key.email
        assert traits == people.traits(profile, key.created)
        checked += key.created > HISTORY_STARTS
    assert checked > 50


def test_some_come_back_without_an_event_and_some_with(people: People) -> None:
    assert {bool(people.lives.signs_up[after]) for _, after in people.lives.recreated} == {True, False}


@pytest.mark.parametrize("day", [0, 15, 30])
def test_traits_belong_to_the_caller_whole(people: People, day: int) -> None:
    clock = people.opens_at + day * DAY
    before = json.dumps(people.traits(3, clock))
    mine = people.traits(3, clock)
    for value in mine.values():
        if isinstance(value, dict | list):
            value.clear()
    assert json.dumps(people.traits(3, clock)) == before


def test_computed_traits_change_without_an_event(people: People) -> None:
    changed = 0
    for profile in range(50):
        clocks = [people.opens_at + day * DAY for day in range(31)]
        received = people.received_time[people.profile == profile]
        for before, after in pairwise(clocks):
            quiet = not ((received > before - DAY) & (received <= after)).any()
            changed += quiet and people.computed(profile, before) != people.computed(profile, after)
    assert changed > 5
