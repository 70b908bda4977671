"""Events as rows: nothing of an event is lost, through Arrow and DuckDB and back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_events import EVENTS, JSONS, WRITERS, WRONG, canonical

from intilery_source import event_rows, rebuild

_DUCKDB = duckdb.connect()
EXTRACTED = 1_700_000_000_000_000


def through_duckdb(rows: list[event_rows.Row], *, of_profiles: bool) -> Iterator[dict[str, Any]]:
    """The rows from an Arrow table that was a DuckDB table with JSON columns, as Python reads both."""
    arrow = event_rows.table(rows, of_profiles=of_profiles)
    assert arrow.schema == event_rows.schema(of_profiles=of_profiles)
    kinds = {"timestamp[us, tz=UTC]": "TIMESTAMPTZ", "string": "VARCHAR"}
    columns = [
        f'"{field.name}" {"JSON" if field.name in event_rows.JSON_COLUMNS else kinds[str(field.type)]}'
        + ("" if field.nullable else " NOT NULL")
        for field in arrow.schema
    ]
    with _DUCKDB.cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE OR REPLACE TABLE events ({', '.join(columns)})")
        connection.register("arrow", arrow)
        connection.execute("INSERT INTO events SELECT * FROM arrow")
        found = connection.execute("FROM events")
        names = [column[0] for column in found.description]
        stored = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        assert stored == connection.execute("FROM events").to_arrow_table().to_pylist()
    assert [row["extracted_at"] for row in stored] == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)] * len(rows)
    yield from stored


def assert_kept(*texts: str | bytes, of_profiles: bool = False) -> list[dict[str, Any]]:
    """Assert that events come back from DuckDB as they were; the stored rows are returned."""
    raws = [text.encode() if isinstance(text, str) else text for text in texts]
    rows = [event_rows.read(raw, EXTRACTED, of_profiles=of_profiles) for raw in raws]
    assert rows == [event_rows.read(msgspec.Raw(raw), EXTRACTED, of_profiles=of_profiles) for raw in raws]
    stored = list(through_duckdb(rows, of_profiles=of_profiles))
    for raw, row in zip(raws, stored, strict=True):
        assert canonical(rebuild(row)) == canonical(json.loads(raw))
    return stored


@settings(max_examples=100)
@given(st.lists(EVENTS, min_size=1, max_size=4), WRITERS)
def test_any_event_comes_back_from_duckdb_as_it_was(events, written):
    assert_kept(*[written(event) for event in events])


@settings(max_examples=40)
@given(st.lists(st.tuples(EVENTS, st.text(min_size=1, max_size=8)), min_size=1, max_size=4), WRITERS)
def test_any_event_of_a_profile_comes_back_as_it_was(events, written):
    assert_kept(*[written(event | {"id": profile}) for event, profile in events], of_profiles=True)


HEAD = '"eventId": "e1", "eventTime": "2024-02-01T12:00:00.123Z"'


@pytest.mark.parametrize(
    "rest",
    [
        "",
        ', "rawData": null',
        ', "rawData": []',
        ', "rawData": "text"',
        ', "rawData": {}',
        ', "rawData": {"properties": null, "context": {}, "traits": []}',
        ', "rawData": {"properties": "text", "context": 1.0, "traits": false}',
        ', "rawData": {"properties": {"price": 1.10, "n": 1E5, "big": 123456789012345678901234567890, "z": -0.0}}',
        ', "rawData": {"event": 7, "action": null, "sendType": {"a": [1]}}',
        ', "rawData": {"rawData": {"eventId": "inner"}, "$original": 1}',
        ', "$original": {"eventId": "other"}',
        ', "$original": null, "rawData": {"event": "x"}',
        ', "customerId": 42, "userId": null, "source": true, "brandId": "", "accountId": {"a": 1}',
        ', "customerId": 42, "rawData": {"event": "", "zip": 1}',
        ', "receivedTime": null, "rawData": {}',
        ', "receivedTime": "yesterday", "rawData": {}',
        ', "receivedTime": 1706788800000, "rawData": {}',
        ', "receivedTime": "2024-02-01T13:00:00.123456+01:00", "rawData": {}',
        ', "receivedTime": "2024-02-01", "rawData": {}',
        ', "receivedTime": "0001-01-01T00:00:00.000Z", "rawData": {}',
        ', "extra": {"a": 1}, "extracted_at": "x", "event_id": "y", "rawData": {}',
        ', "name": "Zoë 😀 \\u0000 \\ud83d\\ude00 \\/", "rawData": {"event": "a\\u0000b", "properties": {"\\u0000": "\\u0000"}}',  # noqa: E501
        ', "rawData": {"properties": {"a": 1, "a": 2}}',
        ', "rawData": {"properties": {"deep": ' + "[" * 400 + "]" * 400 + "}}",
        ', "rawData": {"properties": {"number": 1e999}}',
    ],
)
def test_odd_events_come_back_as_they_were(rest):
    assert_kept(f"{{{HEAD}{rest}}}")


@pytest.mark.parametrize("zone", ["", "Z", "+00:00", "-11:30"])
@pytest.mark.parametrize("fraction", ["", ".0", ".12", ".123", ".123000", ".123456", ".1234567"])
def test_odd_spellings_of_the_time_come_back(fraction, zone):
    text = f"2024-02-01T23:59:59{fraction}{zone}"
    (row,) = assert_kept(json.dumps({"eventId": "e", "eventTime": text, "rawData": {}}))
    moment = datetime.fromisoformat(text)
    assert row["event_time"] == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    assert (row["extra"] is None) == (text == "2024-02-01T23:59:59.123Z")


def test_the_columns_of_an_ordinary_event():
    # given an event as the account's route answers it
    raw = """{"eventId": "e1", "eventTime": "2024-02-01T12:00:00.123Z", "receivedTime": "2024-02-01T12:00:01.000Z",
      "eventAction": "order_completed", "clientId": "cl", "accountId": "ac", "brandId": "br", "customerId": "cu",
      "userId": "us", "anonymousId": "an", "source": "web", "rawData": {"event": "Order Completed", "action": "track",
      "sendType": "live", "properties": {"total": 1.10}, "context": {"ip": "x"}, "traits": {"a": 1}}}"""
    # when it is read
    row = event_rows.read(raw.encode(), EXTRACTED, of_profiles=False)
    # then each column holds its part, and nothing is left over
    assert row == {
        "event_id": "e1",
        "event_time": 1_706_788_800_123_000,
        "received_time": 1_706_788_801_000_000,
        "event_action": "order_completed",
        "event_name": "Order Completed",
        "customer_id": "cu",
        "user_id": "us",
        "anonymous_id": "an",
        "client_id": "cl",
        "account_id": "ac",
        "brand_id": "br",
        "source": "web",
        "call_type": "track",
        "send_type": "live",
        "properties": '{"total": 1.10}',
        "context": '{"ip": "x"}',
        "traits": '{"a": 1}',
        "extra": None,
        "extracted_at": EXTRACTED,
    }
    assert list(row.keys() - {field.name for field in event_rows.schema(of_profiles=False)}) == []


def test_a_profiles_event_has_its_own_columns():
    raw = f'{{{HEAD}, "id": "p1", "externalId": "x", "email": "a@b.c", "rawData": {{}}}}'.encode()
    row = event_rows.read(raw, 0, of_profiles=True)
    assert (row["profile_id"], row["external_id"], row["email"]) == ("p1", "x", "a@b.c")
    assert row["extra"] is None
    assert json.loads(event_rows.read(raw, 0, of_profiles=False)["extra"]) == {
        "id": "p1",
        "externalId": "x",
        "email": "a@b.c",
    }


def test_a_number_in_a_text_column_is_there_as_text():
    row = event_rows.read(f'{{{HEAD}, "customerId": 42, "rawData": {{"event": 7}}}}'.encode(), 0, of_profiles=False)
    assert row["customer_id"] == "42"
    assert row["event_name"] == "7"


def test_an_explicit_null_is_null_in_its_column():
    raw = f'{{{HEAD}, "userId": null, "rawData": {{"event": null, "properties": null, "traits": {{}}}}}}'
    (row,) = assert_kept(raw)
    assert (row["user_id"], row["event_name"], row["properties"], row["traits"]) == (None, None, None, "{}")


def test_micros_are_stored_though_the_api_writes_millis():
    raw = b'{"eventId": "e", "eventTime": "2024-02-01T13:00:00.123456+01:00", "rawData": {}}'
    assert event_rows.read(raw, 0, of_profiles=False)["event_time"] == 1_706_788_800_123_456


def test_columns_are_those_of_the_data_model():
    names = [field.name for field in event_rows.schema(of_profiles=False)]
    assert " ".join(names) == (
        "event_id event_time received_time event_action event_name customer_id user_id anonymous_id client_id "
        "account_id brand_id source call_type send_type properties context traits extra extracted_at"
    )
    of_profiles = event_rows.schema(of_profiles=True)
    assert [field.name for field in of_profiles] == ["profile_id", "external_id", "email", *names]
    assert [field.name for field in of_profiles if not field.nullable] == ["profile_id", "event_id", "event_time"]


@pytest.mark.parametrize("of_profiles", [False, True])
@pytest.mark.parametrize("raw", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_read_is_refused_without_a_quote(raw, of_profiles):
    with pytest.raises(ValueError, match=r"^(eventId|eventTime|id|not) ") as caught:
        event_rows.read(raw, 0, of_profiles=of_profiles)
    assert type(caught.value) is ValueError
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    shown = repr(caught.value)
    assert not [quoted for quoted in ("alice", "99887766", "2024", "xff", "0x", "d83d") if quoted in shown]


@pytest.mark.parametrize("profile", ["", ', "id": ""', ', "id": null', ', "id": 7', ', "id": {"alice": 1}'])
def test_a_profiles_event_needs_its_profile(profile):
    raw = f"{{{HEAD}{profile}}}".encode()
    with pytest.raises(ValueError, match=r"^id is missing or no text$"):
        event_rows.read(raw, 0, of_profiles=True)
    assert_kept(raw)


@given(st.binary() | JSONS.map(lambda value: json.dumps(value).encode()))
def test_anything_at_all_is_read_or_refused(raw):
    try:
        said = "" if event_rows.read(raw, 0, of_profiles=True) else "nothing"
    except ValueError as error:
        said = str(error)
    assert said in (
        "",
        "not a JSON object",
        "not UTF-8",
        "eventId is missing or no text",
        "eventTime is missing or no instant",
        "id is missing or no text",
    )
