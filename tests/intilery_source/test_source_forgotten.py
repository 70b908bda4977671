"""Erased people are recognised by what the API shows of them, and by nothing of others."""

import json
import time
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_events import EVENTS
from spellings import spellings

from cdp_client import ConfigurationError
from intilery_source import event_rows
from intilery_source.forgotten import Forgotten, person_hmac

KEY = "a key of sixteen characters"
PERSON = {"id": "p1", "userId": "u1", "email": "ada@example.com", "anonymousId": "a1"}
GONE = Forgotten((person_hmac(KEY, kind, value) for kind, value in PERSON.items()), KEY)  # type: ignore[arg-type]


def batch(*events: dict[str, Any], of_profiles: bool = False) -> pa.RecordBatch:
    rows = [
        event_rows.read(
            json.dumps({"eventId": str(number), "eventTime": "2024-02-01T12:00:00.000Z"} | event).encode(),
            0,
            of_profiles=of_profiles,
        )
        for number, event in enumerate(events)
    ]
    return event_rows.table(rows, of_profiles=of_profiles).combine_chunks().to_batches()[0]


@pytest.mark.parametrize(
    "event",
    [
        {"customerId": "p1"},
        {"customerId": "someone", "userId": "u1"},
        {"customerId": "someone", "userId": " ADA@Example.com "},
        {"anonymousId": "a1"},
        {"anonymousId": None, "rawData": {"anonymousId": "a1"}},
        {"rawData": {"userId": "u1"}},
        {"rawData": {"userId": "ada@example.com"}},
        {"rawData": "text", "anonymousId": "a1"},
        {"rawData": "text", "externalId": "u1"},
        {"rawData": {"properties": {"list": [{"a": "Ada@Example.com"}]}}},
        {"rawData": {"context": {"page": "https://x/?e=ada%40example.com"}}},
        {"rawData": {"traits": {"note": "line\nada@example.com"}}},
        {"further": ["ada@example.com"]},
        {"rawData": json.dumps({"mail": "ada@example.com"})},
    ],
)
def test_an_event_of_theirs_is_left_out(event):
    assert GONE.without(batch(event, {"customerId": "p2"})).column("event_id").to_pylist() == ["1"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"customerId": "u1"},
        {"userId": "p1"},
        {"userId": "U1"},
        {"anonymousId": "p1"},
        {"rawData": {"properties": {"id": "p1", "userId": "u1"}}},
        {"rawData": {"properties": {"a": "xada@example.com, ada@example.com.au, ada@example.community"}}},
    ],
)
def test_an_event_of_others_stays_as_it_is(event):
    rows = batch(event)
    assert GONE.without(rows).equals(rows)


def test_in_others_events_the_address_and_the_device_are_blanked():
    rows = batch(
        {"customerId": "p2", "anonymousId": "a1", "rawData": {"properties": {"to": "Ada@example.com", "n": 1}}}
    )
    (row,) = GONE.without(rows).to_pylist()
    assert json.loads(row["properties"]) == {"to": "[forgotten]", "n": 1}
    assert (row["customer_id"], row["anonymous_id"]) == ("p2", None)


def test_an_escape_hides_no_address():
    raw = b'{"eventId": "1", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"x": "ada\\u0040example.com"}}'
    rows = event_rows.table([event_rows.read(raw, 0, of_profiles=False)], of_profiles=False).to_batches()[0]
    assert GONE.without(rows).num_rows == 0


ODD = ["o'brien@example.com", "j\u00f6rg@example.com", "ada+news@example.com", "zebra/x@example.com", "a=b@example.com",
       '"john zebra"@example.com', "zebra@[198.51.100.7]", "\U0001f993@example.com"]  # fmt: skip
ODD_GONE = Forgotten((person_hmac(KEY, "email", address) for address in ODD), KEY)


@pytest.mark.parametrize("address", ODD)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", ""),
        ("<", ">"),
        ("'", "'"),
        ("\\n", "\\n"),
        ("\\u003c", "\\u003e"),
        ("x?e=", "&n=1"),
        ("%3C", "%3E"),
        ("", "."),
    ],
)
def test_no_spelling_hides_an_address(address, before, behind):
    for written in spellings(address):
        raw = (
            '{"eventId": "1", "eventTime": "2024-02-01T12:00:00.000Z", "customerId": "p2", '
            f'"rawData": {{"properties": {{"x": "{before}{written}{behind}", "kept": 1.50}}}}}}'
        ).encode()
        rows = event_rows.table([event_rows.read(raw, 0, of_profiles=False)], of_profiles=False).to_batches()[0]
        (row,) = ODD_GONE.without(rows).to_pylist()
        assert "[forgotten]" in row["properties"], written
        assert address.partition("@")[2] not in row["properties"], written


def test_a_longer_word_that_ends_in_an_address_is_somebody_elses():
    for text in ("xada@example.com ada@example.com", "x%2Eada%40example.com ada@example.com"):
        assert GONE.blanked(text) == text.replace(" ada@example.com", " [forgotten]")


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "%41",
        "\\",
        '"',
        "\\n",
        'a\\\\"',
        "\\u0041",
        "a@",
        "\\n\\\\",
        '\\"',
        "a.",
        "a\\/",
        "\\ud83d\\ude00",
        "%c3%a9",
    ],
)
def test_the_time_that_a_text_takes_grows_with_its_length_alone(part):
    def seconds(length):
        text = part * (length // len(part)) + "@"
        began = time.process_time()
        assert GONE.blanked(text) == text
        return time.process_time() - began

    short = seconds(5_000)
    # eight times as long: 64 times, if each place were looked at from every other
    assert seconds(40_000) < 24 * short + 0.05


def test_events_of_profiles_have_more_columns():
    events = [{"id": "p1"}, {"id": "p2", "externalId": "u1"}, {"id": "p3", "email": "ADA@example.com"}, {"id": "p4"}]
    assert GONE.without(batch(*events, of_profiles=True)).column("profile_id").to_pylist() == ["p4"]


@given(st.lists(EVENTS, min_size=1, max_size=3), st.sampled_from(sorted(PERSON)), st.data())
def test_whatever_an_event_is_like_an_identifier_gives_it_away(events, kind, data):
    key = {"id": "customerId", "userId": "userId", "email": "userId", "anonymousId": "anonymousId"}[kind]
    marked = data.draw(st.integers(0, len(events) - 1))
    plain = [{name: value for name, value in event.items() if name not in ("customerId", "userId")} for event in events]
    plain[marked][key] = PERSON[kind]
    for number, event in enumerate(plain):
        event["eventId"] = str(number)
    left = GONE.without(batch(*plain)).column("event_id").to_pylist()
    assert left == [str(number) for number in range(len(plain)) if number != marked]


@pytest.mark.parametrize(
    "profile", [{"id": "p1"}, {"id": "x", "externalId": "u1"}, {"id": "x", "email": "ADA@example.com"}]
)
def test_a_profile_of_theirs(profile):
    assert GONE.is_profile(profile)


@pytest.mark.parametrize("profile", [{"id": "u1"}, {"id": "x", "email": None}, {"id": "x", "note": "ada@example.com"}])
def test_a_profile_of_others(profile):
    assert not GONE.is_profile(profile)


def test_in_others_profiles_the_address_is_blanked():
    shown = {"id": "x", "friends": [{"mail": "Ada@example.com"}], "n": 1}
    assert GONE.blanked(shown) == {"id": "x", "friends": [{"mail": "[forgotten]"}], "n": 1}


def test_without_a_key_nobody_is_recognised_so_it_is_refused():
    with pytest.raises(ConfigurationError, match="pii_key"):
        Forgotten(["x"], None)
    assert not Forgotten([], None)
    rows = batch({"customerId": "p1"})
    assert Forgotten().without(rows) is rows
