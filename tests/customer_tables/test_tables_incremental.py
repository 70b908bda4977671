"""A build of what is new gives what a build of everything gives, whatever came in between."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_customers import RawCustomers, Row, at, deletion, event, identify, merge, snapshot

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


@settings(max_examples=10, deadline=None)
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


@pytest.fixture
def raw(tmp_path: Path) -> RawCustomers:
    return RawCustomers(tmp_path / "customers.duckdb")
