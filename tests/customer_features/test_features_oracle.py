"""Every family says what a slow reading of its words says, over tables with every boundary and oddity."""

import json
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import oracle
import pytest
from canonical_worlds import CUTOFFS, WATERMARK, World, random_world
from everything import EVERYTHING
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from customer_features import NOW, Events, FeatureSet, Inactivity, build, current, trait
from customer_features.compiled import Compiled
from customer_features.engine_duckdb import DuckDBEngine
from customer_features.labels import Label
from customer_features.spans import DAY, MINUTE, micros, moment

MIDNIGHT, MORNING = micros("2025-06-01"), micros("2025-06-03T09:30")
LABEL = Inactivity(Events("Order Completed", value="total"), horizon="91d", gap="7d", at_risk="182d")
# a try takes half a second, so that to shrink a world would take minutes; what differs is named anyway
_EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(World().write(tmp_path_factory.mktemp("empty") / "empty.duckdb"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def at_midnight(engine: DuckDBEngine) -> Compiled:
    """With a label, at the start of a day."""
    return Compiled(engine, EVERYTHING, LABEL, MIDNIGHT, World().tables())


@pytest.fixture(scope="module")
def in_the_morning(engine: DuckDBEngine) -> Compiled:
    """Of all customers who are known, within a day."""
    return Compiled(engine, EVERYTHING, None, MORNING, World().tables())


# spans before the cutoff at which something changes, and those beside them
_SPANS = sorted(
    {
        span + beside
        for span in [days * DAY for days in (0, 1, 7, 14, 21, 28, 29, 35, 91, 182, 365, 800)]
        + [30 * MINUTE, 60 * MINUTE, 7 * DAY + 30 * MINUTE, 9 * 60 * MINUTE, 33 * 60 * MINUTE, -7 * DAY, -98 * DAY]
        for beside in (-1, 0, 1)
    }
)
_LATE = st.sampled_from([0, 0, 0, 0, 0, 1, 30 * MINUTE, DAY, 45 * DAY, -DAY])
_TEXTS = st.sampled_from([None, "web", "app", "", "Ärger", "äpfel", "a\"b'c\\", 7, 7.0, True, {"of": "web"}, [1, "x"]])
_NUMBERS = [10, 10, 9.999999, 12.5, 0.1, 0.2, -5, 0, 1e3, 1e12, 999999999999, 1.0000005, -1.0000005, 123456.789, None]
_ODD = [
    True,
    {"amount": 3},
    9.9999999,
    1e20,
    "19.99",
    "abc",
    " 7 ",
    "",
    "1e2",
    ".5",
    "5.",
    "+3",
    "NaN",
    "Infinity",
    "0x10",
    "1,5",
    "--1",
]
_TOTALS = st.sampled_from(_NUMBERS + _ODD)
_NAMES = st.sampled_from(
    ["Order Completed"] * 6
    + ["Order Refunded", "Product Viewed", "page", None, "Email Sent", "Email Sent", "Email Delivered", "Email Opened"]
    + ["Email Link Clicked", "Email Bounced", "Unsubscribed"]
)


@st.composite
def worlds(draw: st.DrawFn, cutoff: int) -> World:
    """Some customers whose rows lie where things change, in any order."""
    world, spans = World(watermark=WATERMARK), st.sampled_from(_SPANS)
    for number in range(draw(st.integers(3, 9))):
        customer = f"c{number}"
        deleted = draw(st.sampled_from([None, None, None, cutoff, cutoff + 1, cutoff + 50 * DAY, cutoff + 98 * DAY]))
        world.customer(customer, cutoff - draw(spans), deleted_at=deleted)
        gone = draw(st.sampled_from([None, None, None, cutoff - DAY, cutoff, cutoff + 1]))
        if gone is not None and gone != deleted:
            world.absence(customer, gone, cutoff + draw(st.sampled_from([-1, 0, 1, 2, 60 * DAY])))
        at = None
        for _ in range(draw(st.sampled_from([0, 1, 3, 6, 10, 14]))):
            beside = draw(st.sampled_from([None, None, None, 0, MINUTE, 30 * MINUTE, 30 * MINUTE + 1]))
            at = cutoff - draw(spans) if beside is None or at is None else at - beside
            event = {"total": draw(_TOTALS), "channel": draw(_TEXTS), "coupon": draw(_TEXTS)}
            left_out = draw(st.sampled_from([None, None, None, None, "total", "channel", "all"]))
            properties = None if left_out == "all" else {key: event[key] for key in event if key != left_out}
            name, known = draw(_NAMES), at + draw(_LATE)
            identifier = world.event(customer, name, at, known, properties)
            if name == "Order Completed":
                for line in range(draw(st.integers(0, 2))):
                    category = draw(st.sampled_from([None, "bread", "milk", "", "Ähren"]))
                    quantity, price = draw(
                        st.sampled_from([(1.0, 0.1), (3.0, 0.1), (2.5, 4.0), (None, 1.0), (0.0, 9.0)])
                    )
                    world.item(identifier, line + 1, sku="s", category=category, quantity=quantity, price=price)
        for _ in range(draw(st.integers(0, 5))):
            trait, value = draw(
                st.sampled_from(
                    [("plan", json.dumps(value)) for value in ("gold", "Ä", None, 3, {"a": 1}, True)]
                    + [("age", json.dumps(value)) for value in (31, "44", "old", 1e12, -0.5)]
                    + [("vip", json.dumps(value)) for value in (True, False, "true", 1)]
                    + [("address", json.dumps(value)) for value in ({"city": "Bath"}, {"city": None}, [], "Bath")]
                    + [("plan", None), ("vip", None)]
                )
            )
            valid = cutoff - draw(spans)
            world.trait(customer, trait, valid, valid + draw(_LATE), value)
        for _ in range(draw(st.integers(0, 4))):
            valid = cutoff - draw(spans)
            world.consent(customer, draw(st.sampled_from(["email", "sms", "post"])), valid, valid + draw(_LATE),
                          draw(st.booleans()))  # fmt: skip
    world.mend_first_seen()
    shuffle = random.Random(draw(st.integers(0, 9)))
    for rows in world.rows.values():
        shuffle.shuffle(rows)
    return world


def edges(cutoff: int) -> World:
    """One customer for each place where a definition turns on a microsecond; all of them ordered before."""
    world, order, page = World(watermark=WATERMARK), "Order Completed", "page"
    sent, clicked = "Email Sent", "Email Link Clicked"
    at_edge = {
        "at the horizon's end": [(order, cutoff + 98 * DAY)],
        "at the horizon's start": [(order, cutoff + 7 * DAY)],
        "in the gap": [(order, cutoff + 7 * DAY - 1)],
        "at the cutoff": [(order, cutoff)],
        "sent with a click": [(sent, cutoff - DAY), (clicked, cutoff - DAY), (sent, cutoff - 1)],
        "a pause apart": [(page, cutoff - 90 * MINUTE), (page, cutoff - 60 * MINUTE), (page, cutoff - 30 * MINUTE + 1)],
        "a session across a window": [(page, cutoff - 7 * DAY - 30 * MINUTE), (page, cutoff - 7 * DAY)],
        "at the windows": [(order, cutoff - days * DAY) for days in (7, 14, 21, 28, 35, 91, 182, 365)],
        "before the windows": [(order, cutoff - days * DAY - 1) for days in (7, 14, 21, 28, 35, 91, 182, 365)],
    }  # fmt: skip
    for customer, events in at_edge.items():
        world.customer(customer, cutoff - 400 * DAY)
        world.event(customer, order, cutoff - 40 * DAY, cutoff, {"total": 1})
        world.event(customer, order, cutoff - 3 * DAY, cutoff + 1, {"total": 100})
        for name, at in events:
            world.event(customer, name, at, at, {"total": 10, "channel": "web"})
    return world


def differences(world: World, label: Label | None, cutoff: int, rows: list[dict[str, Any]]) -> list[str]:
    """Where rows are not what the slow reading says."""
    found = [] if len(rows) == len({row["customer_id"] for row in rows}) else ["a customer is there twice"]
    at_risk = oracle.at_risk(world.rows, label, cutoff)
    if at_risk != {row["customer_id"] for row in rows}:
        found.append(f"at risk are {sorted(at_risk)}")
    for row in rows:
        customer = row["customer_id"]
        said = oracle.features_of(world.rows, EVERYTHING, cutoff, customer)
        assert said.keys() == {feature.name for feature in EVERYTHING.features}
        if label is not None:
            said["label"], said["censor_reason"] = oracle.label_of(world.rows, label, cutoff, world.watermark, customer)
        for name, value in said.items():
            if not same(name, value, row[name], world, customer):
                found.append(f"{customer} {name}: the words say {value!r}, and the build {row[name]!r}")
    return found


def same(name: str, said: Any, built: Any, world: World, customer: str) -> bool:
    """Equal, and numbers to 1e-9; a deviation is a difference of squares, and exact to what those leave of it."""
    if said is None or built is None or isinstance(built, str | bool | list):
        return bool(said == built and type(said) is type(built))
    if isinstance(built, int):
        return bool(said == built)
    slack = 0.0
    if name.endswith(("_std", "_std_days")):
        values = [oracle.number_in(oracle.text_in(row["properties"], "total"))
                  for row in world.rows["customer_events"] if row["customer_id"] == customer]  # fmt: skip
        slack = 1e-7 * float(max([Fraction(1), *(abs(value) for value in values if value is not None)]))
    if name.endswith("_entropy"):
        slack = 1e-8
    return math.isclose(float(said), built, rel_tol=1e-9, abs_tol=slack)


@_EXAMPLES
@example(world=edges(MIDNIGHT))
@given(world=worlds(MIDNIGHT))
def test_features_and_labels_are_what_their_words_say(at_midnight: Compiled, world: World) -> None:
    rows = at_midnight.compute(world.tables()).to_pylist()
    assert differences(world, LABEL, MIDNIGHT, rows) == []


@_EXAMPLES
@example(world=edges(MORNING))
@given(world=worlds(MORNING))
def test_features_within_a_day_are_what_their_words_say(in_the_morning: Compiled, world: World) -> None:
    rows = in_the_morning.compute(world.tables()).to_pylist()
    assert differences(world, None, MORNING, rows) == []


def test_a_build_is_what_the_words_say(tmp_path: Path) -> None:
    world = random_world(7)
    cutoff = CUTOFFS[1]
    with build(EVERYTHING, LABEL, cutoffs=[moment(cutoff)], on=world.write(tmp_path / "w.duckdb")) as data:
        assert differences(world, LABEL, cutoff, data.arrow().to_pylist()) == []


def test_what_is_true_now_is_what_the_words_say(tmp_path: Path) -> None:
    world = random_world(3)
    features = FeatureSet("now", current("plan"), current("age", "number"), current("vip", "boolean"))
    read_as = FeatureSet("now", trait("plan"), trait("age", "number"), trait("vip", "boolean"))
    with build(features, cutoffs=[NOW], on=world.write(tmp_path / "w.duckdb")) as data:
        rows = data.arrow().to_pylist()
    assert rows
    for row in rows:
        said = oracle.features_of(world.rows, read_as, 2**62, row["customer_id"])
        assert said == {name.replace("current_", "trait_"): row[name] for name in features.describe()}
