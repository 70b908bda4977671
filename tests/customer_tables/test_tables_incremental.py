"""A build of what is new gives what a build of everything gives, whatever came in between."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import deltalake
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_customers import RawCustomers, Row, at, deletion, event, identify, merge, snapshot

import customer_tables
from customer_tables import builder, increment

_PROFILES = st.sampled_from(["p", "q", "r", "s"])
_ODD_JSON = st.sampled_from(
    ["{}", "[]", "null", "3", '"products"', '{"products": 5}', '{"products": []}', '{"products": [{"sku": "a"}, 7]}',
     '{"products": [{"sku": 1, "price": "2.50", "quantity": null}, {"price": "dear", "quantity": "many"}]}']
)  # fmt: skip
_CHANNELS = st.lists(
    st.fixed_dictionaries(
        {"channel": st.sampled_from(["email", "sms"]), "subscribed": st.sampled_from([True, False, None])}
    ),
    max_size=2,
)
_TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["gold", "silver", None]),
        "address": st.sampled_from([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1}]),
        "email": st.sampled_from(["one@example.com", "Two@example.com"]),
        "marketingPreferences": st.one_of(st.builds(lambda found: {"channels": found}, _CHANNELS), st.just(None)),
    },
)
_HOURS = st.integers(0, 30)


@st.composite
def events(draw: st.DrawFn) -> Row:
    known = draw(st.booleans())
    columns: Row = {
        "customer_id": draw(_PROFILES) if known else None,
        "user_id": draw(st.sampled_from([None, "x-1", "x-2", "one@example.com"])),
        "anonymous_id": draw(st.sampled_from([None, "a-1", "a-2", "a-3"])),
        "received_time": draw(st.one_of(st.none(), st.builds(at, _HOURS))) if draw(st.integers(0, 9)) == 0
        else at(draw(_HOURS)),
    }  # fmt: skip
    event_id = f"e{draw(st.integers(0, 11))}"
    if known and draw(st.booleans()):
        return identify(event_id, draw(_HOURS), "", draw(_TRAITS)) | columns
    context = draw(st.sampled_from([None, {"traits": {"email": "three@example.com"}}, {"email": 5}]))
    return event(event_id, draw(_HOURS), properties=draw(_ODD_JSON), context=context) | columns


@st.composite
def loads(draw: st.DrawFn, hours: Iterator[int]) -> dict[str, list[Row]]:
    """What one load brings; what is seen of profiles is later than what was seen before."""
    found: dict[str, list[Row]] = {
        "events": draw(st.lists(events(), max_size=4, unique_by=lambda row: row["event_id"]))
    }
    one, other = draw(_PROFILES), draw(_PROFILES)
    traits = draw(st.one_of(st.none(), _TRAITS))
    kinds: dict[str, Any] = {
        "profile_trait_history": lambda: snapshot(
            one, next(hours), traits, draw(st.sampled_from([None, "x-1", "x-3"]))
        ),
        "profile_merges": lambda: merge(one, other, next(hours), "x-2"),
        "profile_deletions": lambda: deletion(one, next(hours)),
        "profiles": lambda: {"id": one},
        "profile_meta": lambda: {"id": one, "created_by__created_time": at(-draw(_HOURS))},
    }
    for kind in draw(st.lists(st.sampled_from(sorted(kinds)), max_size=3, unique=True)):
        found[kind] = [kinds[kind]()]
    return found


_ERASED = st.sampled_from(
    [
        "DELETE FROM intilery.events WHERE customer_id = 'p'",
        "UPDATE intilery.events SET anonymous_id = NULL WHERE anonymous_id = 'a-1'",
        "DELETE FROM intilery.profile_trait_history WHERE profile_id = 'q'",
        "DELETE FROM intilery.profile_merges WHERE profile_id = 'r'",
        "DELETE FROM intilery.profiles",
    ]
)


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_what_is_new_gives_what_everything_gives(data: st.DataObject) -> None:
    hours = count(5)
    with TemporaryDirectory() as folder:
        raw = RawCustomers(Path(folder, "one.duckdb"))
        steps = data.draw(st.integers(2, 5))
        for _ in range(steps):
            raw.load(**data.draw(loads(hours)))
            if data.draw(st.integers(0, 5)) == 0:
                raw.run(data.draw(_ERASED))
            if data.draw(st.booleans()):
                raw.build()
        raw.build()
        step_by_step = raw.all_held()
        assert raw.build().how == "nothing new"
        raw.build(full=True)
        assert step_by_step == raw.all_held()


def test_when_a_customer_was_made_stays_as_it_was_when_they_are_gone(raw: RawCustomers) -> None:
    raw.load(
        events=[event("e", 0, customer_id="p")],
        profile_meta=[{"id": who, "created_by__created_time": at(-900)} for who in ("p", "q")],
    )
    raw.build()
    raw.run("DELETE FROM intilery.profile_meta WHERE id = 'p'")
    raw.load(profile_deletions=[deletion("p", 10)])
    assert raw.build().how == "incremental"
    query = "SELECT customer_id, created_at FROM customer_tables.customers ORDER BY 1"
    assert raw.rows(query) == [("p", at(-900)), ("q", at(-900))]
    step_by_step = raw.all_held()
    raw.build(full=True)
    assert step_by_step == raw.all_held()
    # what was erased, as intilery forget does it, is gone
    raw.run("DELETE FROM customer_tables.profile_creations WHERE profile_id = 'p'")
    raw.build(full=True)
    assert raw.rows(query)[0] == ("p", at(0) + timedelta(minutes=1))


def test_delta_tables_keep_when_a_customer_was_made(raw: RawCustomers, tmp_path: Path) -> None:
    lake = tmp_path / "lake"

    def export() -> None:
        for name in ("events", "profile_meta", "profile_deletions"):
            with raw.planted("SELECT 1") as connection:
                rows = connection.execute(f"SELECT * FROM intilery.{name}").to_arrow_table()
            deltalake.write_deltalake(str(lake / "intilery" / name), rows, mode="overwrite")

    raw.load(events=[event("e", 0, customer_id="p")], profile_meta=[{"id": "p", "created_by__created_time": at(-900)}])
    export()
    customer_tables.build(lake)
    raw.run("DELETE FROM intilery.profile_meta")
    raw.load(profile_deletions=[deletion("p", 10)])
    export()
    customer_tables.build(lake)
    held = deltalake.DeltaTable(str(lake / "customer_tables" / "customers")).to_pyarrow_table().to_pylist()
    assert [(row["customer_id"], row["created_at"]) for row in held] == [("p", at(-900))]


_VISIT = event("visit", 1, anonymous_id="phone", user_id="x", properties={"products": [{"sku": "A"}]})
_LOGIN = event("login", 3, customer_id="p", anonymous_id="phone")
_MAIL = event("mail", 2, customer_id="p", context={"traits": {"email": "old@example.com"}})
_SET = identify("set", 2, "p", {"plan": "gold"})


@pytest.mark.parametrize(
    ("first", "then", "query", "answer"),
    [
        (  # a link makes an earlier event somebody's
            {"events": [_VISIT]}, {"events": [_LOGIN]},
            "SELECT customer_id FROM customer_order_items", [("p",)],
        ),
        (  # another one makes it nobody's again
            {"events": [_VISIT, _LOGIN]}, {"events": [event("other", 4, customer_id="q", anonymous_id="phone")]},
            "SELECT customer_id FROM customer_events WHERE event_id = 'visit'", [(None,)],
        ),
        (  # a user id is somebody's before a device is
            {"events": [_VISIT, _LOGIN]}, {"profile_trait_history": [snapshot("q", 5, {}, "x")]},
            "SELECT customer_id, known_at FROM customer_events WHERE event_id = 'visit'", [("q", at(5))],
        ),
        (  # a merge takes a customer's events and traits along
            {"events": [_SET], "profile_trait_history": [snapshot("q", 4, {})]},
            {"profile_merges": [merge("p", "q", 6)]},
            "SELECT e.customer_id, e.known_at, t.customer_id FROM customer_events e, customer_trait_changes t",
            [("q", at(6), "q")],
        ),
        (  # a snapshot shows what an event had set
            {"events": [_SET]}, {"profile_trait_history": [snapshot("p", 4, {"plan": "silver"})]},
            "SELECT value FROM customer_trait_changes ORDER BY valid_from", [('"gold"',), ('"silver"',)],
        ),
        (  # an event that is read again is as it is then
            {"events": [_SET]}, {"events": [_SET | {"traits": {"plan": "lead"}, "event_name": "Set"}]},
            "SELECT e.event_name, t.value FROM customer_events e, customer_trait_changes t", [("Set", '"lead"')],
        ),
        (  # a customer comes back
            {"profile_deletions": [deletion("p", 1)]}, {"profiles": [{"id": "p"}]},
            "SELECT deleted_at FROM customers", [(None,)],
        ),
        (  # and is gone again
            {"profile_deletions": [deletion("p", 1)]},
            {"profile_trait_history": [snapshot("p", 5, {}), snapshot("p", 7, {})],
             "profile_deletions": [deletion("p", 9)]},
            "SELECT deleted_at, returned_at FROM customer_absences ORDER BY 1", [(at(1), at(5)), (at(9), None)],
        ),
        (  # a customer who is listed again is back, though nothing says since when
            {"profile_deletions": [deletion("p", 1), deletion("q", 1)]}, {"profiles": [{"id": "p"}]},
            "SELECT customer_id, returned_at FROM customer_absences ORDER BY 1", [("p", at(1)), ("q", None)],
        ),
        (  # one who only sent an event is a customer
            {"events": [_SET]}, {"events": [event("new", 5, customer_id="q")]},
            "SELECT customer_id FROM customers ORDER BY 1", [("p",), ("q",)],
        ),
    ],
)  # fmt: skip
def test_a_load_changes_what_was_built(raw: RawCustomers, first: Any, then: Any, query: str, answer: Any) -> None:
    raw.load(**first)
    raw.build()
    raw.load(**then)
    assert raw.build().how == "incremental"
    with raw.planted("USE customer_tables") as connection:
        assert connection.execute(query).fetchall() == answer
    step_by_step = raw.all_held()
    raw.build(full=True)
    assert step_by_step == raw.all_held()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE intilery.events SET context = '{}', _dlt_load_id = 'again' WHERE event_id = 'mail'",
        "UPDATE intilery.events SET received_time = received_time + INTERVAL 1 DAY, _dlt_load_id = 'again'",
        "UPDATE intilery.events SET customer_id = 'q'",
        "DELETE FROM intilery.events WHERE event_id = 'login'",
        "DELETE FROM intilery.profile_trait_history",
    ],
)
def test_what_new_rows_do_not_account_for_is_built_in_full(raw: RawCustomers, change: str) -> None:
    raw.load(events=[_VISIT, _LOGIN, _MAIL], profile_trait_history=[snapshot("p", 1, {"plan": "gold"}, "x")])
    raw.build()
    raw.run(change)
    assert raw.build().how == "full"
    step_by_step = raw.all_held()
    raw.build(full=True)
    assert step_by_step == raw.all_held()


def test_a_build_that_fails_leaves_the_tables_as_they_were(raw: RawCustomers, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.load(events=[_VISIT, _LOGIN])
    raw.build()
    before = raw.all_held()
    raw.load(events=[_SET])

    def fails(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(increment.Increment, "_write_customers", fails)
        with pytest.raises(RuntimeError, match="killed"):
            raw.build()
        assert raw.all_held() == before
        broken.setattr(builder, "customers", fails)
        with pytest.raises(RuntimeError, match="killed"):
            raw.build(full=True)
        assert raw.all_held() == before
    assert raw.build().how == "incremental"
    assert raw.all_held() != before


def test_another_dataset_is_built_in_full(raw: RawCustomers) -> None:
    raw.load(events=[_VISIT])
    raw.build()
    raw.run("CREATE SCHEMA shop")
    raw.run("CREATE TABLE shop.events AS FROM intilery.events WHERE false")
    result = raw.build(dataset="shop")
    assert (result.how, result.rows["customer_events"]) == ("full", 0)
