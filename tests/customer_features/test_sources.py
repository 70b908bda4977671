"""What features are made from: which events, and which lines, count."""

from pathlib import Path
from typing import Any

import pytest
from canonical_worlds import CUTOFFS, World

from customer_features import (
    Events,
    FeatureError,
    FeatureSet,
    Inactivity,
    OrderItems,
    aggregation,
    build,
    counts,
    variety,
)
from customer_features.families.family import Family
from customer_features.spans import DAY, moment

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
