"""Answers of an event endpoint, and what their pages must be: what each of their events is when read on its own."""

import json
from typing import Any

import msgspec
import pytest
from odd_events import canonical

from cdp_client import Answer
from intilery_source import event_pages, event_rows, event_shapes, instants, rebuild

EXTRACTED = 1_700_000_000_000_000
NEVER = 2**63 - 1
UNREADABLE = "eventId or eventTime is missing, or the JSON cannot be read"


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
    originals: list[Any] = []
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
        originals.append(json.loads(bytes(raw).decode(errors="replace")))
        times.append(row["event_time"])
        actions.append(event_rows.string_of(event_rows.members_of(raw).get("eventAction")))
    page = event_pages.read_page(reply, of_profiles=of_profiles)
    page.rows.validate(full=True)
    read = event_pages.table([page.rows], EXTRACTED, of_profiles=of_profiles)
    expected = event_rows.table(rows, of_profiles=of_profiles)
    assert read.schema.equals(expected.schema, check_metadata=True)
    assert read.to_pylist() == expected.to_pylist()
    assert read.equals(expected)
    assert [canonical(rebuild(row)) for row in read.to_pylist()] == [canonical(event) for event in originals]
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
