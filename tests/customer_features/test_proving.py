"""`prove` finds every planted leak, by name and with the rows that show it, and clears every family that ships.

`PROOF_SEEDS=0-19` takes other worlds than the few of each run.
"""

import json
import os
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pytest
from canonical_worlds import CUTOFFS, World, random_world
from everything import EVERYTHING
from leaks import LEAKS

from customer_features import (
    NOW,
    Dataset,
    Events,
    FeatureError,
    FeatureSet,
    Inactivity,
    build,
    counts,
    current,
    recency,
    trait,
)
from customer_features.labels import Label
from customer_features.proof import AT_RISK, LABEL
from customer_features.proof_changes import REORDERED
from customer_features.spans import DAY, Micros, moment

ORDERS = Events("Order Completed", value="total")
AT = [moment(cutoff) for cutoff in CUTOFFS]
CHURN = Inactivity(ORDERS, horizon="91d", gap="7d", at_risk="182d")
HONEST = (recency(ORDERS), counts(ORDERS))


def seeds(few: int) -> list[int]:
    first, _, last = os.environ.get("PROOF_SEEDS", f"0-{few - 1}").partition("-")
    return list(range(int(first), int(last or first) + 1))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "customers.duckdb"


def planted(name: str) -> FeatureSet:
    return FeatureSet("planted", *HONEST, *(leak for leak in LEAKS if leak.name == name))


@pytest.mark.parametrize("seed", seeds(2))
def test_every_planted_leak_is_found_and_nothing_else(database: Path, seed: int) -> None:
    assert len(LEAKS) >= 10
    world = random_world(seed).write(database)
    with build(FeatureSet("planted", *HONEST, *LEAKS), CHURN, cutoffs=AT, on=world) as data:
        proof = data.prove(seed=seed, cutoffs=1)
    assert [leak.name for leak in proof.leaks] == [leak.name for leak in LEAKS]
    assert "first_row" in {leak.name for leak in proof.leaks if REORDERED in leak.changes}


@pytest.mark.parametrize("seed", seeds(1))
def test_no_family_that_ships_is_taken_for_a_leak(database: Path, seed: int) -> None:
    world = random_world(seed).write(database)
    with build(EVERYTHING, CHURN, cutoffs=AT, on=world) as data:
        proof = data.prove(seed=seed, cutoffs=1)
    assert proof.holds, str(proof)
    assert proof.rows > 0
    assert set(proof.verdicts.values()) == {"holds"}


@pytest.mark.parametrize("seed", seeds(1))
def test_no_family_is_taken_for_a_leak_where_all_customers_have_a_row(database: Path, seed: int) -> None:
    world = random_world(seed).write(database)
    with build(FeatureSet("all", *HONEST, trait("plan")), cutoffs=AT, on=world) as data:
        proof = data.prove(seed=seed, customers=5)
    proof.assert_holds()
    assert (proof.cutoffs, proof.customers) == (CUTOFFS, 7)


def test_the_rows_that_show_a_leak_are_named(database: Path) -> None:
    # given a customer whose next order after the cutoff is known
    cutoff, world = CUTOFFS[0], World()
    world.customer("c", cutoff - 300 * DAY)
    world.event("c", "Order Completed", cutoff - 9 * DAY, cutoff - 9 * DAY, {"total": 3})
    world.event("c", "page", cutoff + DAY, cutoff + DAY, {})
    bought = world.event("c", "Order Completed", cutoff + 2 * DAY, cutoff + 3 * DAY, {"total": 4})
    # when a feature looks for it
    with build(planted("days_to_the_next_order"), CHURN, cutoffs=AT[:1], on=world.write(database)) as data:
        proof = data.prove()
    # then the report names the feature, the value with and without the order, and the order alone
    (leak,) = proof.leaks
    example = leak.examples[0]
    assert (example.customer, example.cutoff, example.before, example.after) == ("c", cutoff, 2.0, None)
    assert [(row["table"], row["event_id"], row["injected"]) for row in example.rows] == [
        ("customer_events", bought, False)
    ]
    assert "days_to_the_next_order leaks at 2025-06-01; 1 rows differ" in str(proof)
    assert bought in str(proof)


def test_a_leak_that_the_data_do_not_show_yet_is_found(database: Path) -> None:
    # given nothing after the cutoff, when a feature would count what comes late, then an added row shows it
    cutoff, world = CUTOFFS[0], World()
    world.customer("c", cutoff - 300 * DAY)
    world.event("c", "Order Completed", cutoff - 9 * DAY, cutoff - 9 * DAY, {"total": 3})
    with build(planted("by_event_time_alone"), CHURN, cutoffs=AT[:1], on=world.write(database)) as data:
        (leak,) = data.prove().leaks
    assert leak.name == "by_event_time_alone"
    row = leak.examples[0].rows[0]
    assert row["injected"]
    assert row["event_name"] == "Order Completed"
    assert row["event_at"] < AT[0].isoformat() < row["known_at"]


def test_a_proof_tells_what_it_found_or_raises_it_if_asked(database: Path) -> None:
    with build(planted("lifetime_total"), CHURN, cutoffs=AT, on=random_world(3).write(database)) as data:
        proof, again = data.prove(seed=5), data.prove(seed=5)
    assert not proof.holds
    assert proof.verdicts["lifetime_total"] == "leaks"
    assert proof.verdicts["orders_28d"] == "holds"
    told = json.loads(json.dumps(proof.to_dict()))
    assert told["leaks"][0]["examples"][0]["customer_id"]
    assert told == json.loads(json.dumps(again.to_dict()))
    with pytest.raises(FeatureError, match="lifetime_total leaks at 2025-06-01, 2025-09-01"):
        proof.assert_holds()


def test_what_is_true_only_now_is_said_not_to_be_proven(database: Path) -> None:
    features = FeatureSet("now", recency(ORDERS), current("plan"))
    with build(features, cutoffs=[NOW], on=random_world(3).write(database)) as data:
        proof = data.prove(customers=5)
    assert proof.holds
    assert proof.not_proven == ("current_plan",)
    assert "Not proven, for they are true only when the data were read: current_plan" in str(proof)


def test_without_rows_there_is_nothing_to_prove(database: Path) -> None:
    with (
        build(FeatureSet("f", *HONEST), CHURN, cutoffs=AT[:1], on=World().write(database)) as data,
        pytest.raises(FeatureError, match="no customer was at risk"),
    ):
        data.prove()


class AtRiskByEventTime(Inactivity):
    """Takes for at risk who ordered before the cutoff, though it became known later."""

    def customers(self, facts: ir.Table, cutoff: Micros) -> ir.Table:
        return facts.filter(facts.at < cutoff).select("customer_id").distinct()


class BeyondTheHorizon(Inactivity):
    """Counts an event at the end of the horizon."""

    def label(self, facts: ir.Table, *others: Any) -> ir.Table:
        return super().label(facts.mutate(at=facts.at - 1), *others)


class InTheGap(Inactivity):
    """Counts what happens before the horizon begins."""

    def starts(self, cutoff: Micros) -> Micros:
        return cutoff

    def ends(self, cutoff: Micros) -> Micros:
        return super().starts(cutoff) + 91 * DAY

    def label(self, facts: ir.Table, *others: Any) -> ir.Table:
        return super().label(facts.mutate(at=facts.at + DAY), *others)


class NeverImmature(Inactivity):
    """Gives a label before its horizon has passed."""

    def label(self, facts: ir.Table, customers: ir.Table, cutoff: Micros, watermark: Micros | None) -> ir.Table:
        return super().label(facts, customers, cutoff, 2**60)


@pytest.mark.parametrize(
    ("label", "name", "when"),
    [
        (AtRiskByEventTime(ORDERS, "91d", "7d"), AT_RISK, "became known after it"),
        (BeyondTheHorizon(ORDERS, "91d", "7d"), LABEL, "rows outside its horizon"),
        (InTheGap(ORDERS, "91d", "7d"), LABEL, "rows outside its horizon"),
        (NeverImmature(ORDERS, "300d"), LABEL, "its horizon has not passed yet"),
    ],
)
def test_labels_and_who_is_at_risk_are_proven_too(database: Path, label: Label, name: str, when: str) -> None:
    with proving(label, random_world(4), database) as data:
        (leak,) = data.prove(cutoffs=1).leaks
    assert leak.name == name
    assert when in str(leak)


def proving(label: Label, world: World, database: Path) -> Dataset:
    return build(FeatureSet("f", recency(ORDERS)), label, cutoffs=AT, on=world.write(database))
