"""Profiles as objects that any column can hold."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intilery_source import profile_rows

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return sorted(leaf for one in inner for leaf in leaves(one))
    return [str(value)]


def blank_or_large(value: Any) -> bool:
    if isinstance(value, dict):
        return any(not key.strip() or blank_or_large(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(blank_or_large(inner) for inner in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


@given(JSONS)
def test_everything_is_kept_and_nothing_is_left_that_no_column_holds(value):
    stored = profile_rows.storable(value)
    assert leaves(stored) == leaves(value)
    assert not blank_or_large(stored)
    if not blank_or_large(value):
        assert stored == value


def test_the_bounds_are_those_of_64_bits():
    row = {"a": 2**63 - 1, "b": 2**63, "c": -(2**63), "d": -(2**63) - 1, "e": [{"f": 2**70}], "g": True}
    assert profile_rows.storable(row) == {
        "a": 2**63 - 1,
        "b": str(2**63),
        "c": -(2**63),
        "d": str(-(2**63) - 1),
        "e": [{"f": str(2**70)}],
        "g": True,
    }


def test_blank_keys_get_names_of_their_own():
    assert profile_rows.storable({"": 1, " ": 2, "a": 3}) == {"key_0": 1, "key_1": 2, "a": 3}
    assert sorted(profile_rows.storable({"": 1, "key_0": 2, " ": 3, "\t": 4}).values()) == [1, 2, 3, 4]


def test_keys_that_must_be_changed_displace_no_other():
    stored = profile_rows.storable(json.loads(r'{"\ud83d": 1, "\ufffd": 2, "\ud83e": 3}'))
    assert stored == {"\ufffd": 2, "\ufffd_": 1, "\ufffd__": 3}


def test_a_text_that_dlt_would_take_for_a_number_is_none():
    assert profile_rows.storable({"a": ["\uf026NaN", "\uf026", "x\uf026"]}) == {"a": ["\ufffdNaN", "\uf026", "x\uf026"]}


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_too_deep_is_json_text(opening, closing):
    deep = profile_rows.storable(json.loads(opening * 300 + "1" + closing * 300))
    levels = 0
    while not isinstance(deep, str):
        (deep,) = deep.values() if isinstance(deep, dict) else deep
        levels += 1
    assert levels == 100
    assert leaves(json.loads(deep)) == ["1"]


def test_a_listed_profile_needs_no_more_than_its_id():
    assert profile_rows.read_listed(msgspec.Raw(b'{"id": "p1"}')) == {"id": "p1"}
    listed = profile_rows.read_listed(msgspec.Raw(b'{"id": "p1", "n": 99999999999999999999, "": null}'))
    assert listed == {"id": "p1", "n": "99999999999999999999", "key_0": None}


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b'"alice"',
        b"null",
        b"{}",
        b'{"id": ""}',
        b'{"id": null}',
        b'{"id": 99887766}',
        b'{"id": {"alice": 1}}',
        b'{"id": "alice", "x": "\xff"}',
        b'{"id": "alice", "x": 1e999}',
        b'{"id": "alice"',
        b"[" * 9999,
    ],
)
def test_one_that_cannot_be_read_is_refused_without_a_quote(raw):
    with pytest.raises(ValueError, match=r"^(not a JSON object|id is missing or no text)$") as caught:
        profile_rows.read_listed(msgspec.Raw(raw))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


META = {
    "id": "p1",
    "profileCount": 2,
    "firstEvent": {
        "page": {"eventId": "e1", "eventTime": "2024-02-01T12:00:00.123Z", "receivedTime": "2024-02-01T12:00:01Z"},
        "order_completed": {"eventId": "e2", "eventTime": "2024-02-02T00:00:00+02:00", "total": 3},
    },
    "lastEvent": {"page": {"eventId": "e9", "eventTime": "soon"}, "email_opened": None, "odd": "text"},
}


def test_metadata_loses_the_two_maps_of_events():
    assert profile_rows.meta_row("p1", META) == {"id": "p1", "profileCount": 2}
    assert profile_rows.meta_row("p2", {"a": 1}) == {"id": "p2", "a": 1}


def test_the_maps_become_one_row_an_event():
    rows = {row["event_key"]: row for row in profile_rows.bound_rows("p1", META)}
    assert sorted(rows) == ["email_opened", "odd", "order_completed", "page"]
    assert {row["profile_id"] for row in rows.values()} == {"p1"}
    assert rows["page"] == {
        "profile_id": "p1",
        "event_key": "page",
        "first_event_id": "e1",
        "first_event_time": datetime(2024, 2, 1, 12, 0, 0, 123000, tzinfo=UTC),
        "first_received_time": datetime(2024, 2, 1, 12, 0, 1, tzinfo=UTC),
        "first_event": META["firstEvent"]["page"],
        "last_event_id": "e9",
        "last_event_time": None,
        "last_received_time": None,
        "last_event": META["lastEvent"]["page"],
    }
    assert rows["order_completed"]["first_event_time"] == datetime(2024, 2, 1, 22, tzinfo=UTC)
    assert "last_event" not in rows["order_completed"]
    assert rows["odd"] == {"profile_id": "p1", "event_key": "odd", "last_event": "text"}


@pytest.mark.parametrize("wrong", [None, [], "text", 7, {}])
def test_maps_that_are_none_give_no_rows(wrong):
    assert list(profile_rows.bound_rows("p1", {"firstEvent": wrong, "lastEvent": wrong})) == []


@given(st.dictionaries(st.sampled_from(["firstEvent", "lastEvent", "id", "x"]), JSONS))
def test_no_metadata_breaks_the_reader(meta):
    rows = list(profile_rows.bound_rows("p1", meta))
    assert all(json.dumps(row, default=str) for row in rows)
    keys = {key for bound in ("firstEvent", "lastEvent") if isinstance(meta.get(bound), dict) for key in meta[bound]}
    assert sorted(row["event_key"] for row in rows) == sorted(keys)
