"""What features are made from: which events, and which lines, count."""

import math
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pytest
from canonical_worlds import CUTOFFS, World

from customer_features import (
    LIFETIME,
    Events,
    FeatureError,
    FeatureSet,
    Inactivity,
    OrderItems,
    active_days,
    aggregation,
    build,
    counts,
    custom,
    gaps,
    repurchase,
    variety,
)
from customer_features.families.family import Family, Known
from customer_features.spans import DAY, MINUTE, micros, moment

CUTOFF = CUTOFFS[0]
ORDERS = Events("Order Completed", value="total")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "customers.duckdb"


def row_of(world: World, database: Path, *families: Family) -> dict[str, Any]:
    """The only row at the cutoff."""
    with build(FeatureSet("s", *families), cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        (row,) = data.arrow().to_pylist()
    return dict(row)


def ordering(*properties: dict[str, Any]) -> World:
    """A customer with orders of these properties, a day apart."""
    world = World()
    world.customer("c", CUTOFF - 300 * DAY)
    for number, given in enumerate(properties, 1):
        at = CUTOFF - number * DAY
        world.event("c", "Order Completed", at, at, given)
    return world


def test_lines_are_those_of_the_named_events(database: Path) -> None:
    # given an order, and the same products in a checkout and in a refund
    world, at = ordering(), CUTOFF - 3 * DAY
    for name, category in (("Checkout Started", "tea"), ("Order Completed", "milk"), ("Order Refunded", "bread")):
        world.item(world.event("c", name, at, at, {}), 1, sku="s", category=category, quantity=2.0, price=5.0)
    # when lines are counted, then those of orders are, unless others are named
    ordered, refunded = OrderItems(), OrderItems("Order Refunded", name="refunded_items", value_name="refunded_amount")
    both = OrderItems(("Order Completed", "Order Refunded"), name="both_items", value_name="both_amount")
    families = [counts(each, [28]) for each in (ordered, refunded, both)]
    families += [aggregation(ordered, [28], ["sum"]), variety(ordered, "category", [28], ["list"])]
    row = row_of(world, database, *families)
    assert (row["items_28d"], row["refunded_items_28d"], row["both_items_28d"]) == (1, 1, 2)
    assert (row["items_amount_28d"], row["items_category_28d_list"]) == (10.0, ["milk"])


def test_the_event_of_lines_is_part_of_the_definition() -> None:
    one, other = OrderItems(), OrderItems("Order Refunded")
    assert FeatureSet("s", counts(one)).hash() != FeatureSet("s", counts(other)).hash()
    assert (one.words(), other.words()) == ("a line of an order", "a line of 'Order Refunded'")
    for wrong in ((), "", None):
        with pytest.raises(FeatureError, match="names no event"):
            OrderItems(wrong)  # type: ignore[arg-type]
    with pytest.raises(FeatureError, match="small letters"):
        OrderItems(name="Lines")


def test_a_proof_injects_lines_of_the_named_events(database: Path) -> None:
    world = ordering({"total": 3})
    label = Inactivity(ORDERS, horizon="30d")
    features = FeatureSet("s", counts(OrderItems("Order Refunded"), [28]))
    with build(features, label, cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        data.prove().assert_holds()


@pytest.mark.parametrize(
    ("given", "chosen", "number"),
    [
        ([True], [{"is": True}, {"is": False}, {"is": "true"}, {"is": 1}, {}], 2),
        ([2], [{"is": 2}, {"is": 2.0}, {"is": "2"}, {"is": 2.5}, {"is": True}, {"is": None}], 3),
        ([2, 2.5, "web", False], [{"is": 2.50}, {"is": "web"}, {"is": False}, {"is": "app"}, {"is": 0}], 3),
        (["2"], [{"is": 2}, {"is": 2.0}, {"is": "2"}], 2),
        ([], [{"is": 2}, {"is": ""}, {}], 0),
    ],
)
def test_in_compares_each_value_by_its_type(
    given: list[Any], chosen: list[dict[str, Any]], number: int, database: Path
) -> None:
    events = Events("Order Completed", where=[("is", "in", given)])
    assert row_of(ordering(*chosen), database, counts(events, [28]))["orders_28d"] == number


@pytest.mark.parametrize(
    ("condition", "chosen", "number"),
    [
        (("is", "=", 1234567890123), [1234567890123, "1234567890123", 1234567890124, 1.5], 2),
        (("is", ">", 1700000000000), [1748600000000, 1e300, "1e300", 1600000000000, -1e300, "1e400", "inf", "nan"], 3),
        (("is", "<", -1e12), [-1e13, "-1E13", -1e11, "-1_000_000_000_000_000"], 2),
        (("is", "in", [10**20, 0.38120423768821243, 5e-324]), [1e20, 10**20, 0.38120423768821243, 5e-324, 0.38, 0], 4),
        (("is", "!=", 0), [1e-9, 1e15, 0, "-0", "0e9", "nan", "1_0"], 2),
    ],
)
def test_numbers_are_compared_as_doubles(condition: Any, chosen: list[Any], number: int, database: Path) -> None:
    events = Events("Order Completed", where=[condition])
    properties = [{"is": value} for value in chosen]
    assert row_of(ordering(*properties), database, counts(events, [28]))["orders_28d"] == number


def test_a_proof_injects_what_conditions_on_large_numbers_ask_for(database: Path) -> None:
    # given a feature that sees the future of orders whose number is larger than any that is there
    large = Events("Order Completed", where=[("is", ">", 10**18)], name="large")

    def later(known: Known) -> ir.Table:
        return known.facts[large].group_by("customer_id").aggregate(later=lambda t: t.count())

    features = FeatureSet("s", custom("later", "large orders, of the future too", later, needs=large))
    world = ordering({"is": 3}, {"is": 3})
    with build(features, cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        assert [leak.name for leak in data.prove().leaks] == ["later"]


def test_one_excluded_name_is_one() -> None:
    assert Events(None, excluding="page").excluding == ("page",)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, b"x", {"a": 1}, [("a",)], [None], [1, [2]]])
def test_what_cannot_be_compared_is_refused(wrong: object) -> None:
    with pytest.raises(FeatureError, match="is no text, number, true or false"):
        Events("x", where=[("a", "in" if isinstance(wrong, list) else "=", wrong)])  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [math.inf, math.nan, 10**400])
def test_what_no_double_holds_is_refused(wrong: float) -> None:
    with pytest.raises(FeatureError, match=r"'a': .* is no number that a double can hold"):
        Events("x", where={"a": wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("property", ["*", "a.*", "**", "a*"])
def test_an_asterisk_is_no_property(property: str) -> None:
    with pytest.raises(FeatureError, match="is no property"):
        Events("x", value=property)


def test_days_before_1970_begin_at_midnight(database: Path) -> None:
    # given orders at 23:00 on 30 December 1969 and on 31 December, at midnight and 01:00 on 1 January, and on the 11th
    cutoff, hour, world = micros("1970-02-01"), 60 * MINUTE, World()
    world.customer("c", -300 * DAY)
    for at in (-DAY - hour, -hour, 0, hour, 10 * DAY):
        world.event("c", "Order Completed", at, at, {"total": 5})
    features = FeatureSet("s", active_days(ORDERS, [LIFETIME]), repurchase(ORDERS), gaps(ORDERS))
    with build(features, cutoffs=[moment(cutoff)], on=world.write(database)) as data:
        (row,) = data.arrow().to_pylist()
    # then they are on four days, 1, 1 and 10 days apart
    assert (row["orders_active_days_lifetime"], row["orders_x"], row["orders_t_x"]) == (4, 3, 12 / 7)
    assert row["orders_gap_median_days"] == 1.0
