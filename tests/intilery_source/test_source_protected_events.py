"""Personal data in events: what a rule meets is in no column, nor in `extra`, and nothing else has changed."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_events import EVENTS, WRITERS, canonical
from pii_reference import KEY, Reference, hashed

from intilery_source import event_rows, rebuild
from intilery_source.pii_rules import KEYS, read_rules
from intilery_source.protected_events import ProtectedEvents
from intilery_source.protection import MASK, Protection

KEPT = {f"{table}.{column}": "keep" for table, columns in KEYS.items() for column in columns} | {
    f"{table}.received_time": "keep" for table in ("events", "profile_events")
}
GLOBS = st.sampled_from(
    ["*.a", "*a*", "*.email", "events.userId", "events.user_id", "*.event_name", "events.properties",
     "events.context.*", "events.traits", "events.rawData.*", "events.event", "events.*", "*.source", "*.e?tern*",
     "profile_events.email", "events.extra.*", "events.rawData.properties", "*.$original", "events.receivedTime"]
)  # fmt: skip
RULES = st.dictionaries(GLOBS, st.sampled_from(["keep", "drop", "hash", "mask"]), max_size=5).map(
    lambda rules: rules | KEPT
)


def protected(event: bytes | dict[str, Any], rules: Any, *, of_profiles: bool = False) -> dict[str, Any]:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    table = event_rows.table([event_rows.read(raw, 0, of_profiles=of_profiles)], of_profiles=of_profiles)
    protect = ProtectedEvents(Protection(read_rules(rules), KEY), of_profiles=of_profiles)
    found = protect(table)
    assert found.schema.equals(table.schema)
    assert protect(table).equals(found)
    row: dict[str, Any] = found.to_pylist()[0]
    return row


def event(**members: Any) -> dict[str, Any]:
    return {"eventId": "e1", "eventTime": "2024-02-01T12:00:00.000Z"} | members


@given(EVENTS, RULES, WRITERS, st.booleans())
def test_what_a_rule_meets_is_treated_and_all_else_comes_back(odd, rules, write, of_profiles):
    odd = odd | {"id": "p1"} if of_profiles else odd
    row = protected(write(odd).encode(), rules, of_profiles=of_profiles)
    expected = Reference(rules, of_profiles=of_profiles).event(odd)
    if isinstance(odd.get("rawData"), dict) and isinstance(expected.get("rawData", {}), dict):
        assert canonical({"rawData": {}} | rebuild(row)) == canonical({"rawData": {}} | expected)


PLACES = st.sampled_from(
    ["userId", "customerId", "source", "unknown", "rawData", "properties", "context", "traits", "event", "sendType"]
)


@given(st.dictionaries(PLACES, st.integers(0, 5), min_size=1), st.sampled_from(["drop", "hash", "mask"]), st.data())
def test_no_value_that_a_rule_meets_is_in_any_column(shapes, action, data):
    def value(name: str, shape: int) -> Any:
        secret = f"secret-{name}"
        return [secret, {"in": [secret]}, [secret], 10**20 + len(name), {"email": secret}, f'{{"x": "{secret}"}}'][
            shape
        ]

    values = {name: value(name, shape) for name, shape in shapes.items()}
    top = {name: inner for name, inner in values.items() if name in ("userId", "customerId", "source", "unknown")}
    raw = {name: inner for name, inner in values.items() if name not in top}
    odd = event(rawData=raw, **top)
    if data.draw(st.booleans()):
        odd["$original"] = {"userId": "secret-nested"}
    if data.draw(st.booleans()):
        odd["rawData"] = raw.get("rawData", json.dumps(raw))
    globs = {glob: action for name in {*values, "rawData"} for glob in (f"*.{name}", f"events.rawData.{name}")}
    row = protected(odd, globs | {"*.userId": action})
    shown = json.dumps({name: inner for name, inner in row.items() if not name.endswith("_at")}, default=str)
    assert "secret" not in shown
    assert str(10**20)[:-1] not in shown


def test_each_action_in_a_column_of_text_and_beside_it():
    odd = event(userId=123, source={"a": 1}, accountId=None, rawData={"event": "x", "properties": {}})
    for action, text, number in (("drop", None, None), ("mask", MASK, MASK), ("hash", hashed("x"), hashed("123"))):
        row = protected(odd, {"events.user_id": action, "events.event_name": action, "events.account_id": action})
        assert (row["event_name"], row["user_id"], row["account_id"]) == (text, number, None)
        extra = json.loads(row["extra"])
        assert extra.get("userId") == number
        assert extra["source"] == {"a": 1}
        assert row["properties"] == "{}"


def test_a_column_of_json_as_a_whole():
    odd = event(rawData={"properties": {"b": 1, "a": "é"}, "context": "text", "traits": [1]})
    row = protected(odd, {"events.properties": "hash", "events.context": "hash", "*.traits": "mask"})
    assert json.loads(row["properties"]) == hashed('{"a":"é","b":1}')
    assert json.loads(row["context"]) == hashed("text")
    assert json.loads(row["traits"]) == MASK


def test_nothing_stays_of_a_key_that_is_there_twice():
    raw = b'{"eventId": "e", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"properties":'
    raw += b' {"a": {"email": "secret"}, "a": 1, "email": "secret", "email": null, "price": 1.10}}}'
    row = protected(raw, {"*.email": "drop"})
    assert row["properties"] == '{"a":1,"price":1.10}'


def test_what_is_left_over_is_null_where_nothing_is():
    assert protected(event(rawData={"odd": 1}), {"events.odd": "drop"})["extra"] is None
    assert protected(event(odd=1, rawData={"odd": 1}), {"events.rawData.odd": "drop"})["extra"] == '{"odd":1}'


def test_an_object_in_place_of_a_text_is_searched_in_the_column_too():
    row = protected(event(userId={"email": "secret", "n": 1}, source="{secret"), {"*.email": "drop"})
    assert (row["user_id"], row["source"]) == ('{"n":1}', "{secret")
    assert json.loads(row["extra"])["$original"]["userId"] == {"n": 1}


def test_a_received_time_can_be_dropped_in_every_spelling():
    row = protected(event(receivedTime="2024-02-01T12:00:00Z", rawData={}), {"events.receivedTime": "drop"})
    assert row["received_time"] is row["extra"] is None


def test_all_of_raw_data_includes_the_columns_cut_from_it():
    odd = event(userId="u", rawData={"event": "x", "properties": {"a": 1}, "other": 1})
    row = protected(odd, {"events.rawData": "drop"})
    assert [row[name] for name in ("event_name", "properties", "extra")] == [None] * 3
    assert row["user_id"] == "u"


def test_addresses_are_hashed_in_every_column_where_the_default_is_on():
    odd = event(
        userId="ada@example.com",
        customerId="c1",
        source={"by": "ada@example.com"},
        rawData={"properties": {"note": "to ada@example.com", "email": "ada@example.com", "n": 1}},
    )
    row = protected(odd, "default")
    digest = hashed("ada@example.com")
    assert row["user_id"] == digest
    assert row["customer_id"] == "c1"
    assert json.loads(row["properties"]) == {"note": f"to {digest}", "email": digest, "n": 1}
    assert "ada@" not in json.dumps(row, default=str)


def test_what_is_nested_too_deeply_to_be_searched_is_masked():
    raw = b'{"eventId": "e", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"properties": '
    row = protected(raw + b'{"a":' * 900 + b'"ada@example.com"' + b"}" * 902, "default")
    assert "ada" not in row["properties"]


@pytest.mark.parametrize("of_profiles", [False, True])
def test_rules_for_events_hold_for_a_profiles_events_too(of_profiles):
    odd = event(id="p1", email="ada@example.com", externalId="c-1", rawData={"properties": {"card": 1, "n": 2}})
    row = protected(odd, {"events.properties.card": "drop", "profile_events.email": "drop"}, of_profiles=of_profiles)
    assert json.loads(row["properties"]) == {"n": 2}
    if of_profiles:
        assert (row["profile_id"], row["email"], row["external_id"]) == ("p1", None, "c-1")


def test_where_no_rule_can_match_a_column_is_not_touched(monkeypatch):
    table = event_rows.table(
        [
            event_rows.read(
                json.dumps(event(rawData={"context": {"a": 1}, "properties": {"x": 1}})), 0, of_profiles=False
            )
        ],
        of_profiles=False,
    )
    protection = Protection(read_rules({"events.properties.x": "drop"}), KEY)
    searched: list[str] = []
    monkeypatch.setattr(protection, "json", lambda text, node, kept: searched.append(text) or "{}")
    found = ProtectedEvents(protection, of_profiles=False)(table)
    assert searched == ['{"x": 1}']
    for name in table.column_names:
        if name != "properties":
            assert found.column(name).equals(table.column(name))


def test_tables_of_no_rows_and_of_many_chunks():
    schema = event_rows.schema(of_profiles=False)
    protect = ProtectedEvents(Protection(read_rules("default"), KEY), of_profiles=False)
    assert protect(schema.empty_table()).num_rows == 0
    row = event_rows.read(json.dumps(event(userId="ada@example.com", rawData={})).encode(), 0, of_profiles=False)
    table = pa.concat_tables([event_rows.table([row], of_profiles=False)] * 3)
    assert protect(table).column("user_id").to_pylist() == [hashed("ada@example.com")] * 3
