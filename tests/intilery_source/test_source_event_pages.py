"""Pages of events as rows: the fast way gives what `event_rows.read` gives of each event, whatever the page holds."""

import dataclasses
import re
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from event_answers import EXTRACTED, answer, assert_as_read_one_by_one, forget, ordinary, read_events
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_events import EVENTS, JSONS, TIMES, WRITERS, WRONG

from cdp_client import Answer, UnexpectedAnswerError
from intilery_source import event_pages, event_rows


@pytest.fixture(autouse=True)
def _nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


SPELLINGS_OF_TIMES = [
    "2024-02-01T23:59:60.000Z",
    "2024-02-01T24:00:00.000Z",
    "2024-02-30T12:00:00.000Z",
    "2024-02-01 12:00:00.000Z",
    "2024-02-01T12:00:00.000z",
    "2024-02-01T12:00:00,000Z",
    "2024-02-01T12:00:00.0001Z",
    "2024-02-01T12:00:00+00:00",
    "0000-01-01T00:00:00.000Z",
    "0001-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "20240201",
    "",
]
SPELLINGS = TIMES | st.sampled_from(SPELLINGS_OF_TIMES)
USUAL = st.builds(ordinary, st.integers(0, 10**6))
ODD = st.one_of(
    EVENTS,
    st.builds(
        lambda event, key, value: event | {key: value},
        USUAL,
        st.sampled_from(
            ["eventId", "eventAction", "customerId", "source", "id", "email", "more", "$original", "rawData"]
        ),
        JSONS,
    ),
    st.builds(
        lambda event, key, value: event | {"rawData": event["rawData"] | {key: value}},
        USUAL,
        st.sampled_from(["event", "sendType", "properties", "traits", "timestamp", "rawData", 'quoted"', "\n", ""]),
        JSONS,
    ),
    st.builds(lambda event, one, other: event | {"eventTime": one, "receivedTime": other}, USUAL, SPELLINGS, SPELLINGS),
    st.builds(lambda event, value: event | {"receivedTime": value}, USUAL, JSONS),
    st.builds(lambda event, key: {k: v for k, v in event.items() if k != key}, USUAL, st.sampled_from([*ordinary()])),
)
WRITTEN = st.builds(lambda event, write: write(event).encode(), USUAL | USUAL | ODD, WRITERS)
EVENT = b'{"eventId": "a", "eventTime": "2024-02-01T12:00:00.000Z", "id": "p", %b}'


def can_be_in_a_page(raw: bytes) -> bool:
    try:
        return bool(answer(raw).elements("data"))
    except UnexpectedAnswerError:
        return False


BROKEN = st.sampled_from(
    [
        *filter(can_be_in_a_page, WRONG),
        EVENT % b'"rawData": {"properties": "\xff"}',
        EVENT % b'"rawData": {"event": "\xff", "event": "x"}',
        EVENT % b'"rawData": {"x": "\xed\xa0\x80"}',
        EVENT % b'"eventId": 1, "eventId": "b", "eventTime": 1, "eventTime": "2024-02-01", "rawData": 1, "rawData": {}',
        EVENT % b'"userId": 1e999, "rawData": {"x": 1e999}',
        EVENT % b'"userId": "\\ud83d", "rawData": {}',
        EVENT % b'"receivedTime": "2024-02-01T12\\u003a00Z", "rawData": {}',
        EVENT % b'"eventTime": "2024-02-01T12:00:00\\u002e000Z", "\\u0075serId": "u", "rawData": {}',
    ]
)
PAGES = st.lists(st.one_of(WRITTEN, WRITTEN, WRITTEN, BROKEN), max_size=6)


@settings(max_examples=300)
@given(st.lists(PAGES, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_any_page_is_what_its_events_are(pages, of_profiles, fresh):
    with pytest.MonkeyPatch.context() as patched:
        if fresh:
            forget(patched)
        for page in [*pages, *pages]:  # the second time with what has been learnt
            reply = answer(*page)
            try:
                reply.elements("data")
            except UnexpectedAnswerError as error:  # half of a surrogate pair, and what the standard library refuses
                with pytest.raises(UnexpectedAnswerError, match=f"^{re.escape(str(error))}$"):
                    event_pages.read_page(reply, of_profiles=of_profiles)
            else:
                assert_as_read_one_by_one(reply, of_profiles=of_profiles)


def test_a_page_of_a_profile_is_keyed_by_profile_and_event():
    page = event_pages.read_page(answer(ordinary(1), ordinary(2, id="p2")), of_profiles=True)
    assert page.keys == [("p1", "e1"), ("p2", "e2")]
    assert event_pages.read_page(answer(ordinary(1), ordinary(2)), of_profiles=False).keys == ["e1", "e2"]


def test_an_empty_page_has_the_columns():
    for of_profiles in (False, True):
        page = assert_as_read_one_by_one(answer(), of_profiles=of_profiles)
        assert (page.length, page.earliest, page.latest, page.rows.num_rows) == (0, None, None, 0)
        nothing = event_pages.table([], EXTRACTED, of_profiles=of_profiles)
        assert nothing.schema == event_rows.schema(of_profiles=of_profiles)


def test_a_table_is_the_rows_of_its_pages_in_order_with_one_time_of_extraction():
    pages = [event_pages.read_page(answer(ordinary(n), ordinary(n + 1)), of_profiles=False).rows for n in (0, 2)]
    table = event_pages.table(pages, EXTRACTED, of_profiles=False)
    assert table["event_id"].to_pylist() == ["e0", "e1", "e2", "e3"]
    assert table["extracted_at"].to_pylist() == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)] * 4
    assert {column.num_chunks for column in table.columns} == {1}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data": null}', b'{"data": {}}', b'{"data": [', b'{"data": []} x']
)
def test_an_answer_without_a_list_of_events_is_an_error(body):
    with pytest.raises(UnexpectedAnswerError, match=r"^/v1/events .* \(request id req-42\)\.$"):
        event_pages.read_page(Answer("/v1/events", 200, body, "req-42", 1000, False), of_profiles=False)


@pytest.mark.parametrize("others", [{}, {"more": 1}, {"eventId": 7}])
def test_what_the_transport_has_decoded_is_not_decoded_again(others):
    reply = answer(ordinary(1), ordinary(2, **others))
    decoded = event_pages.decode(reply.body, of_profiles=False)
    page = event_pages.read_page(dataclasses.replace(reply, body=b"", decoded=decoded), of_profiles=False)
    assert page.rows.equals(event_pages.read_page(reply, of_profiles=False).rows)


@pytest.mark.parametrize("first", [ordinary(1), ordinary(1, more=1), EVENT % b'"rawData": {"event": "\xff"}'], ids=repr)
def test_an_answer_that_was_cut_is_not_decoded(first):
    body = answer(first, ordinary(2)).body
    event_pages.decode(body, of_profiles=False)
    for end in range(len(body)):
        with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
            event_pages.decode(body[:end], of_profiles=False)


def test_what_else_an_answer_has_is_passed_over():
    reply = answer(ordinary(1), rest=b', "scrollId": "s", "total": {"value": 1}')
    assert_as_read_one_by_one(reply)
    assert event_pages.decode(reply.body, of_profiles=False).events is not None


ODD_IN_ITS_PAGE = [
    {"rawData": None},
    {"$original": 1},
    {"eventId": ""},
    {"id": ""},
    {"eventTime": "never"},
    *({key: text} for key in ("eventTime", "receivedTime") for text in SPELLINGS_OF_TIMES),
]


@pytest.mark.parametrize("of_profiles", [False, True])
@pytest.mark.parametrize("odd", ODD_IN_ITS_PAGE, ids=str)
def test_one_odd_event_does_not_slow_down_the_others(odd, of_profiles, monkeypatch):
    # given an account whose usual keys have been learnt
    event_pages.read_page(answer(ordinary()), of_profiles=of_profiles)
    # when one of its events is odd
    reply = answer(ordinary(1), ordinary(2, **odd), ordinary(3))
    # then no other is taken apart on its own, and all are right
    assert read_events(monkeypatch, reply, of_profiles=of_profiles) <= 1
    assert_as_read_one_by_one(reply, of_profiles=of_profiles)


def test_empty_texts_are_no_nulls():
    for nothing in (None, 7):
        reply = answer(*[ordinary(n, source=text) for n, text in enumerate(["", nothing, "web"])], ordinary(4))
        for _ in range(2):
            page = assert_as_read_one_by_one(reply)
        assert page.rows.column("source").to_pylist() == ["", nothing and "7", "web", None]


def test_an_event_in_another_encoding_costs_no_other_event():
    wrong = EVENT % b'"rawData": {"properties": "\xff", "timestamp": 1}'
    for _ in range(2):
        page = assert_as_read_one_by_one(answer(ordinary(1), wrong, ordinary(2)))
        assert page.keys == ["e1", "e2"]
        assert [reason for _, reason in page.unreadable] == ["not UTF-8"]


def test_a_page_does_not_keep_its_answer_in_memory():
    body = answer(ordinary(1), ordinary(2, rawData=None), ordinary(3, eventId="")).body
    held = sys.getrefcount(body)
    pages = [
        event_pages.read_page(Answer("/v1/events", 200, body, "req-42", 1000, False), of_profiles=False)
        for _ in range(2)
    ]
    assert [len(page.unreadable) for page in pages] == [1, 1]
    assert sys.getrefcount(body) == held


@pytest.mark.parametrize("year", [1, 1969, 1970, 2024, 9999])
def test_times_to_the_millisecond(year):
    texts = [f"{year:04}-02-28T{n // 4:02}:{n % 60:02}:{59 - n % 60:02}.{n * 10:03}Z" for n in range(96)]
    event_pages.read_page(answer(ordinary()), of_profiles=False)  # learns the usual keys
    page = assert_as_read_one_by_one(answer(*[ordinary(n, eventTime=text) for n, text in enumerate(texts)]))
    assert page.rows.column("event_time").to_pylist() == [datetime.fromisoformat(text) for text in texts]
    assert page.rows.column("extra").null_count == 0
    assert not [extra for extra in page.rows.column("extra").to_pylist() if "eventTime" in extra]
