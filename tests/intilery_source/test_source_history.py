"""What is a new version of a profile's traits, and when it was observed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from intilery_source import instants
from intilery_source.history import History, ended
from intilery_source.standing import Version
from intilery_source.types import ProfileAnswer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HISTORY = History(["lastSeenTime", "computed.*At"])

keys = st.text("xyz", min_size=1, max_size=2)
values = st.recursive(
    st.none() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text("abc", min_size=1, max_size=2), values, max_size=5)


def answer(traits: dict[str, Any], at: datetime = NOON) -> ProfileAnswer:
    return ProfileAnswer(traits, instants.of_datetime(at))


def last(traits: dict[str, Any] | None, at: datetime = NOON - timedelta(days=1)) -> Version:
    return Version("p", at, None if traits is None else HISTORY.hash_of(traits), "EXT")


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


@given(documents, documents)
def test_a_version_is_new_where_something_changed_and_only_there(before: Any, after: Any) -> None:
    row = HISTORY.version("p", answer(reordered(after)), last(before))
    assert (row is None) == (before == after)


@given(documents, st.text(), st.text())
def test_a_volatile_trait_makes_no_version(traits: Any, before: str, after: str) -> None:
    old = traits | {"lastSeenTime": before, "computed": {"lastAt": before, "orders": 1}}
    new = traits | {"lastSeenTime": after, "computed": {"lastAt": after, "orders": 1}}
    assert HISTORY.version("p", answer(new), last(old)) is None
    new["computed"]["orders"] = 2
    assert HISTORY.version("p", answer(new), last(old)) is not None


def test_a_trait_that_is_null_is_another_than_one_that_is_gone() -> None:
    assert HISTORY.version("p", answer({"a": None}), last({})) is not None
    assert HISTORY.version("p", answer({}), last({"a": None})) is not None


def test_two_versions_within_a_second_of_the_platforms_clock_are_two() -> None:
    row = HISTORY.version("p", answer({"a": 2}), last({"a": 1}, NOON))
    assert row is not None
    assert row["observed_at"] == NOON + timedelta(microseconds=1)


def test_a_profile_that_is_gone_ends_once_and_begins_anew_with_the_same_traits() -> None:
    row = ended("p", NOON, last({"a": 1}))
    assert row is not None
    assert (row["traits"], row["trait_hash"], row["external_id"]) == (None, None, "EXT")
    assert ended("p", NOON, last(None)) is None
    assert HISTORY.version("p", answer({"a": 1}), last(None)) is not None
