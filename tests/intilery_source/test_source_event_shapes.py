"""What is usual in an account is learnt from its first pages, so that later ones are decoded at once."""

import threading
import time
from typing import Any

import pytest
from event_answers import answer, assert_as_read_one_by_one, forget, ordinary, read_events

from intilery_source import event_pages, event_shapes


@pytest.fixture(autouse=True)
def _nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


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
    assert event_pages.decode(reply.body, of_profiles=of_profiles).events is not None
    assert read_events(monkeypatch, reply, of_profiles=of_profiles) == 0
    assert_as_read_one_by_one(reply, of_profiles=of_profiles)


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


def test_many_threads_learn_at_once(monkeypatch):
    # given pages whose events differ in keys, read by threads that all start with nothing learnt
    pages = [answer(*[ordinary(n, **{f"k{thread}": n}) for n in range(20)]) for thread in range(8)]
    make = event_shapes.Shape

    def slowly(*arguments: Any, **named: Any) -> event_shapes.Shape:
        time.sleep(0.01)  # so that all are in the middle of it
        return make(*arguments, **named)

    monkeypatch.setattr(event_shapes, "Shape", slowly)
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
