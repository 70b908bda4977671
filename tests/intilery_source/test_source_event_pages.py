"""Pages of events as rows: the fast way gives what `event_rows.read` gives of each event, whatever the page holds."""

import json
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_events import EVENTS, JSONS, TIMES, WRITERS, WRONG, canonical

from cdp_client import Answer, UnexpectedAnswerError
from intilery_source import event_pages, event_rows, event_shapes, instants, rebuild

EXTRACTED = 1_700_000_000_000_000
NEVER = 2**63 - 1
UNREADABLE = "eventId or eventTime is missing, or the JSON cannot be read"


@pytest.fixture(autouse=True)
def _nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no other keys than the documents."""
    monkeypatch.setattr(event_shapes, "_shapes", event_shapes.documented())


def answer(*events: str | bytes | dict[str, Any], rest: bytes = b"") -> Answer:
    raws = [event if isinstance(event, bytes) else _text(event).encode() for event in events]
    return Answer("/v1/events", 200, b'{"data": [' + b", ".join(raws) + b"]" + rest + b"}", "req-42", 1000, False)


def _text(event: str | dict[str, Any]) -> str:
    return event if isinstance(event, str) else json.dumps(event)


def ordinary(number: int = 0, **others: Any) -> dict[str, Any]:
    """An event as an account shows it, with keys in `rawData` that the documents do not name."""
    return {
        "eventId": f"e{number}",
        "eventTime": instants.write(1_700_000_000_000 + number * 60_007),
        "receivedTime": instants.write(1_700_000_000_500 + number * 60_007),
        "eventAction": "product_viewed",
        "clientId": "cl",
        "id": "p1",
        "rawData": {
            "userId": "u1",
            "action": "track",
            "event": "Product Viewed",
            "context": {"ip": "192.0.2.1"},
            "properties": {"name": "Zoë 😀", "price": 1.10},
            "timestamp": "2024-02-01T12:00:00.123Z",
        },
    } | others


class Head(msgspec.Struct):
    eventTime: str
    eventId: Any = None


def _reason(raw: msgspec.Raw, reason: str, times: list[int]) -> str:
    """Why an element is no row; its time, if it has one, is added to the times."""
    try:
        head = msgspec.json.decode(raw, type=Head)
        times.append(instants.parse(head.eventTime))
    except (ValueError, OverflowError):
        return UNREADABLE
    return reason if isinstance(head.eventId, str) and head.eventId else UNREADABLE


def assert_as_read_one_by_one(reply: Answer, *, of_profiles: bool = False) -> event_pages.EventPage:
    """Assert that a page is what its elements are, each read on its own; the page is returned."""
    rows: list[event_rows.Row] = []
    unreadable: list[tuple[bytes, str]] = []
    actions: list[str | None] = []
    times: list[int] = []
    elements = reply.elements("data")
    for raw in elements:
        try:
            row = event_rows.read(raw, EXTRACTED, of_profiles=of_profiles)
        except ValueError as error:
            unreadable.append((bytes(raw), _reason(raw, str(error), times)))
            continue
        rows.append(row)
        times.append(row["event_time"])
        actions.append(event_rows.string_of(event_rows.members_of(raw).get("eventAction")))
    page = event_pages.read_page(reply, of_profiles=of_profiles)
    page.rows.validate(full=True)
    read = event_pages.table([page.rows], EXTRACTED, of_profiles=of_profiles)
    expected = event_rows.table(rows, of_profiles=of_profiles)
    assert read.schema.equals(expected.schema, check_metadata=True)
    assert read.to_pylist() == expected.to_pylist()
    assert read.equals(expected)
    assert page.micros == [row["event_time"] for row in rows]
    assert page.keys == [(row["profile_id"], row["event_id"]) if of_profiles else row["event_id"] for row in rows]
    assert page.actions == actions
    received = [row.get("received_time") for row in rows]
    assert page.received == [NEVER if micros is None else micros for micros in received]
    assert [(bytes(raw), reason) for raw, reason in page.unreadable] == unreadable
    assert page.length == len(elements)
    assert (page.earliest, page.latest) == ((min(times) // 1000, max(times) // 1000) if times else (None, None))
    assert (page.now, page.request_id) == (1000, "req-42")
    return page


def read_events(monkeypatch: pytest.MonkeyPatch, reply: Answer, *, of_profiles: bool = False) -> int:
    """How many events of a page are read one by one."""
    count = 0
    read = event_rows.read

    def counted(*arguments: Any, **named: Any) -> event_rows.Row:
        nonlocal count
        count += 1
        return read(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(event_rows, "read", counted)
        event_pages.read_page(reply, of_profiles=of_profiles)
    return count


SPELLINGS = TIMES | st.sampled_from(
    [
        "2024-02-01T23:59:60.000Z",
        "2024-02-01T24:00:00.000Z",
        "2024-02-30T12:00:00.000Z",
        "2024-02-01 12:00:00.000Z",
        "2024-02-01T12:00:00.000z",
        "2024-02-01T12:00:00,000Z",
        "2024-02-01T12:00:00.0001Z",
        "0001-01-01T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "20240201",
        "",
    ]
)
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


def test_what_else_an_answer_has_is_passed_over(monkeypatch):
    reply = answer(ordinary(1), rest=b', "scrollId": "s", "total": {"value": 1}')
    assert_as_read_one_by_one(reply)
    assert read_events(monkeypatch, reply) == 0


USUAL_IN_SOME_ACCOUNT = {
    "keys that the documents do not name": {"more": {"a": 1}, "": None, "Zoë": [1.10]},
    "null for a text": {"anonymousId": None, "externalId": None},
    "numbers for texts": {"customerId": 42, "source": True, "email": {"a": 1}},
    "numbers in one key, null in another": {"customerId": 42, "anonymousId": None, "eventAction": None},
    "an action that is a number": {"eventAction": 7},
    "times in microseconds": {
        "eventTime": "2024-02-01T12:00:00.123456Z",
        "receivedTime": "2024-02-01T12:00:00.123457Z",
    },
    "times with a zone": {
        "eventTime": "2024-02-01T12:00:00.123+01:00",
        "receivedTime": "2024-02-01T12:00:00.123+01:00",
    },
    "no time of receipt": {"receivedTime": None},
    "a time of receipt in numbers": {"receivedTime": 20240201},
    "a time of receipt that is none": {"receivedTime": ""},
    "null for JSON": {"rawData": {"context": None, "properties": None, "traits": {}}},
    "odd texts inside": {"rawData": {"event": None, "action": 7, "sendType": "live", "traits": "x"}},
    "keys inside that the documents do not name": {
        "rawData": {"rawData": 1, "id": "x", "further_3": 2, "$original": 3}
    },
    "nothing inside": {"rawData": {}},
}


@pytest.mark.parametrize("of_profiles", [False, True])
@pytest.mark.parametrize("what", USUAL_IN_SOME_ACCOUNT)
def test_what_is_usual_in_an_account_is_learnt_from_the_first_page(what, of_profiles, monkeypatch):
    # given an account whose every second event has something that the documents do not say
    reply = answer(*[ordinary(n, **(USUAL_IN_SOME_ACCOUNT[what] if n % 2 else {})) for n in range(6)])
    # when its first page is read, one event or more is taken apart on its own
    assert_as_read_one_by_one(reply, of_profiles=of_profiles)
    # then none is from the second on, and the rows stay right
    assert read_events(monkeypatch, reply, of_profiles=of_profiles) == 0
    page = assert_as_read_one_by_one(reply, of_profiles=of_profiles)
    rows = event_pages.table([page.rows], 0, of_profiles=of_profiles).to_pylist()
    events = json.loads(reply.body)["data"]
    assert [canonical(rebuild(row)) for row in rows] == [canonical(event) for event in events]


def test_one_odd_event_does_not_slow_down_the_others(monkeypatch):
    odd = [ordinary(50, rawData=None), ordinary(51, eventTime="never"), ordinary(52, eventId=""), ordinary(53, id="")]
    reply = answer(*[ordinary(n) for n in range(50)], *odd, *[ordinary(n) for n in range(54, 100)])
    for of_profiles, refused in ((False, 2), (True, 3)):
        event_pages.read_page(reply, of_profiles=of_profiles)
        assert read_events(monkeypatch, reply, of_profiles=of_profiles) == 1 + refused
        page = assert_as_read_one_by_one(reply, of_profiles=of_profiles)
        assert len(page.unreadable) == refused


def test_an_event_in_another_encoding_costs_no_other_event():
    wrong = EVENT % b'"rawData": {"properties": "\xff", "timestamp": 1}'
    for _ in range(2):
        page = assert_as_read_one_by_one(answer(ordinary(1), wrong, ordinary(2)))
        assert page.keys == ["e1", "e2"]
        assert [reason for _, reason in page.unreadable] == ["not UTF-8"]


def test_keys_without_end_are_not_learnt(monkeypatch):
    # given an account that has identifiers for keys
    pages = [answer(*[ordinary(n, **{f"k{n}": 1}, rawData={f"k{n}": 1, 'a"b': 2})]) for n in range(200)]
    # when many of them have been seen
    for page in pages:
        event_pages.read_page(page, of_profiles=False)
    # then a bounded number is known, and rows stay right
    shape = event_shapes.shape(of_profiles=False)
    documented = event_shapes.documented()[False]
    assert len(shape.event) - len(documented.event) == event_shapes.FURTHER_KEYS
    assert len(shape.data) - len(documented.data) == event_shapes.FURTHER_KEYS
    for page in (pages[0], pages[-1], answer(ordinary(0), ordinary(1, k1=None), ordinary(199, k199=0))):
        assert_as_read_one_by_one(page)


def test_many_threads_learn_at_once():
    # given pages whose events differ in keys, read by threads that all start with nothing learnt
    pages = [answer(*[ordinary(n, **{f"k{thread}": n}) for n in range(20)]) for thread in range(8)]
    barrier = threading.Barrier(len(pages))
    found: dict[int, list[event_pages.EventPage]] = {}

    def read(thread: int) -> None:
        barrier.wait()
        found[thread] = [event_pages.read_page(pages[thread], of_profiles=False) for _ in range(5)]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(pages))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then all have been learnt, and every page was read as it is when read alone
    known = event_shapes.shape(of_profiles=False).event
    assert [key for key in (f"k{thread}" for thread in range(8)) if key not in known] == []
    for number, page in enumerate(pages):
        rows = assert_as_read_one_by_one(page).rows
        assert [again.rows.equals(rows) for again in found[number]] == [True] * 5


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
    texts = [f"{year:04}-02-28T{hour:02}:59:{hour + 30}.{hour * 41:03}Z" for hour in range(24)]
    page = assert_as_read_one_by_one(answer(*[ordinary(n, eventTime=text) for n, text in enumerate(texts)]))
    assert page.rows.column("event_time").to_pylist() == [datetime.fromisoformat(text) for text in texts]
    assert page.rows.column("extra").null_count == 0
    assert not [extra for extra in page.rows.column("extra").to_pylist() if "eventTime" in extra]
