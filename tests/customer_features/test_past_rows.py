"""What features said of the past they say again after each load, bit by bit, whatever the load brings.

`PROOF_SEEDS=0-19` takes other histories than the few of each run.
"""

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from raw_customers import RawCustomers, Row, at, deletion, event, identify, merge, snapshot
from test_proving import seeds

from customer_features import (
    Events,
    FeatureSet,
    Inactivity,
    OrderItems,
    aggregation,
    build,
    consent,
    counts,
    email,
    gaps,
    last_value,
    observed,
    recency,
    sessions,
    tenure,
    trait,
)
from customer_features.proof_sample import bits

ORDERS = Events("Order Completed", value="total")
FEATURES = FeatureSet(
    "past", recency(Events(None)), counts(ORDERS, [3, "lifetime"]), last_value(ORDERS, "channel"), gaps(Events(None)),
    aggregation(OrderItems(), ["lifetime"], ["sum"]), sessions([7]), email([28]), consent(), trait("plan"), tenure(),
    observed([7]),
)  # fmt: skip
LABEL = Inactivity(ORDERS, horizon="1d", settle="4d")
"""It waits for what comes late, by 80 hours at most."""
PROFILES = [f"p{number}" for number in range(5)]
LOADS = (50, 100, 150, 220)
"""Hours."""
CUTOFFS = (36, 90, 140)
_NAMES = ("Email Sent", "Email Delivered", "Email Link Clicked", "Product Viewed")
Key = tuple[str, Any]


def history(chance: random.Random) -> list[tuple[float, str, Row]]:
    """Rows of the raw tables, and when each is there to be loaded: some are late by days."""
    found: list[tuple[float, str, Row]] = []
    for number in range(100):
        hours = chance.uniform(0, LOADS[-1])
        known = hours + chance.choice([0, 0, 0, 0.01, 5, 30, 80])
        found.append((known, "events", _event(chance, f"e{number:03}", hours, known)))
    for load in LOADS:
        for profile in PROFILES:
            if chance.random() < 0.7:
                found.append((load, "profile_trait_history", snapshot(profile, load, _traits(chance))))
    return found


def _event(chance: random.Random, event_id: str, hours: float, known: float) -> Row:
    profile = chance.choice(PROFILES)
    who: Row = {"customer_id": profile, "received_time": at(known)}
    if chance.random() < 0.3:  # whose the device is shows with the first event that names the profile, too
        who |= {"anonymous_id": f"device-{profile}", "customer_id": chance.choice([None, profile])}
    kind = chance.random()
    if kind < 0.35:
        return identify(event_id, hours, **{"customer": who.pop("customer_id"), "traits": _traits(chance), **who})
    if kind < 0.6:
        return event(event_id, hours, event_name=chance.choice(_NAMES), **who)
    line = {"sku": "s", "category": chance.choice("xy"), "price": 1.5, "quantity": chance.randint(1, 3)}
    order = {"total": chance.choice([1, 2.5, "3"]), "channel": chance.choice(["web", "app"]), "products": [line]}
    return event(event_id, hours, properties=order, **who)


def _traits(chance: random.Random) -> Row:
    channels = chance.sample(["email", "sms"], chance.randint(0, 2))
    told = [{"channel": channel, "subscribed": chance.random() < 0.5} for channel in channels]
    return {"plan": chance.choice(["a", "b", None]), "marketingPreferences": {"channels": told}}


def rows_at(database: Path, label: Inactivity | None, hours: list[int]) -> dict[Key, dict[str, Any]]:
    with build(FEATURES, label, cutoffs=[at(one) for one in hours], on=database) as data:
        found: pa.Table = data.arrow()
    return {(row["customer_id"], row["cutoff"]): row for row in found.to_pylist()}


@pytest.mark.parametrize("label", [None, LABEL])
@pytest.mark.parametrize("seed", seeds(2))
def test_no_load_changes_a_row_of_the_past(tmp_path: Path, seed: int, label: Inactivity | None) -> None:
    chance = random.Random(seed)
    raw = RawCustomers(tmp_path / "customers.duckdb")
    coming, told = sorted(history(chance), key=lambda one: one[0]), dict[Key, dict[str, Any]]()
    young, old, gone = chance.sample(PROFILES, 3)
    ends = {old: LOADS[2], gone: LOADS[3]}
    for turn, load in enumerate(LOADS):
        # when a load brings what it brings, a profile that was merged, and one that was deleted
        tables: dict[str, list[Row]] = defaultdict(list)
        for known, table, row in coming:
            if (LOADS[turn - 1] if turn else -1) < known <= load and known < ends.get(row.get("profile_id"), load + 1):
                tables[table].append(row)
        if turn == 0:
            tables["profiles"] = [{"id": profile} for profile in PROFILES]
            made = [(profile, at(-100 * number)) for number, profile in enumerate(PROFILES, 1)]
            tables["profile_meta"] = [{"id": profile, "created_by__created_time": when} for profile, when in made]
        tables["profile_merges"] = [merge(old, young, load)] if load == ends[old] else []
        tables["profile_deletions"] = [deletion(gone, load)] if load == ends[gone] else []
        raw.load(**tables)
        for profile in (one for one, end in ends.items() if end == load):
            raw.run("DELETE FROM intilery.profiles WHERE id = ?", profile)
            raw.run("DELETE FROM intilery.profile_meta WHERE id = ?", profile)
        watermark = raw.build().watermark
        assert watermark is not None
        # then nothing that was said of the past is another, but of who is a part of another customer now
        now = rows_at(raw.database, label, [cutoff for cutoff in CUTOFFS if at(cutoff) <= watermark])
        if load >= ends[old]:
            told = {key: row for key, row in told.items() if key[0] != old}
        assert told.keys() <= now.keys()
        for key, row in told.items():
            settled = {name: value for name, value in row.items() if name != "censor_reason"}
            if label is None or row["label"] is None:
                settled.pop("label", None)
            assert {name: bits(now[key][name]) for name in settled} == {name: bits(settled[name]) for name in settled}
        told = now
    assert len(told) > 5
