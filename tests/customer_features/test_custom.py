"""A feature of one's own: one row a customer, any name, and a hash that sees all that makes its value."""

import linecache
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ibis.expr.types as ir
import pytest
from canonical_worlds import CUTOFFS, World

from customer_features import Events, FeatureError, FeatureSet, Inactivity, build, custom
from customer_features.families.custom import Custom
from customer_features.families.family import Known
from customer_features.spans import DAY, moment

ORDERS = Events("Order Completed", value="total")
LABEL = Inactivity(ORDERS, horizon="30d")
CUTOFF = CUTOFFS[0]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three orders of one customer, one of another."""
    world = World()
    for customer, orders in (("a", 3), ("b", 1)):
        world.customer(customer, CUTOFF - 300 * DAY)
        for number in range(1, orders + 1):
            world.event(customer, "Order Completed", CUTOFF - number * DAY, CUTOFF - number * DAY, {"total": 3})
    return world.write(tmp_path / "customers.duckdb")


def number_of_orders(name: str) -> Custom:
    def function(known: Known) -> ir.Table:
        seen = known.visible(ORDERS)
        return seen.group_by("customer_id").aggregate(**{name: seen.count()})

    return custom(name, "orders", function, type="integer", needs=(ORDERS,))


def test_several_rows_a_customer_are_refused(database: Path) -> None:
    def each(known: Known) -> ir.Table:
        return known.visible(ORDERS).select("customer_id", each="value")

    features = FeatureSet("s", number_of_orders("fine"), custom("each", "each order", each, needs=(ORDERS,)))
    with pytest.raises(FeatureError, match="each: its function gives 4 rows of 2 customers, and must give one row"):
        build(features, LABEL, cutoffs=[moment(CUTOFF)], on=database)


def test_a_proof_does_not_hide_several_rows_a_customer(database: Path) -> None:
    # given a function that gives a row a customer only as long as nobody orders at the cutoff or later
    def later(known: Known) -> ir.Table:
        seen = known.facts[ORDERS]
        seen = seen.filter((seen.at >= known.cutoff) | (seen.at == known.cutoff - DAY))
        return seen.select("customer_id", later="value")

    features = FeatureSet("s", custom("later", "later", later, needs=(ORDERS,)))
    with build(features, LABEL, cutoffs=[moment(CUTOFF)], on=database) as data:
        assert len(data.arrow()) == 2
        with pytest.raises(FeatureError, match="several rows a customer"):
            data.prove()


@pytest.mark.parametrize("label", [LABEL, None])
def test_any_name_is_a_features_own(database: Path, label: Inactivity | None) -> None:
    names = [
        "name",
        "deleted",
        "label_id",
        "key_0",
        "key_1",
        "active_id",
        "risk_id",
        "customer_name",
        "select",
        "known",
    ]
    features = FeatureSet("s", *map(number_of_orders, names))
    with build(features, label, cutoffs=[moment(CUTOFF)], on=database) as data:
        rows = {row["customer_id"]: row for row in data.arrow().to_pylist()}
        data.prove().assert_holds()
    assert {customer: {row[name] for name in names} for customer, row in rows.items()} == {"a": {3}, "b": {1}}


@pytest.mark.parametrize("name", ["_name", "Name", "a b", "", "1st", "größe"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(FeatureError, match="cannot name a feature"):
        FeatureSet("s", number_of_orders(name))


_DEFINED = """
from customer_features import Events, FeatureSet, custom

ORDERS, DAYS, NAMES, WHERE = {orders}, {days}, {names}, {where}

def helper(known):
    return {helped}

def recent(known, *, limit={limit}):
    counted = [known.visible(one) for one in (ORDERS,) if DAYS]
    return helper(counted), NAMES, WHERE, limit

def make(number):
    return lambda known: (recent(known), number)

features = FeatureSet("mine", custom("recent", "recent orders", {function}, needs=(ORDERS,)))
print(features.hash())
"""
_PLAIN = {
    "orders": "Events('Order Completed')", "days": "5", "names": "{'a', 'b', 'c'}", "where": "{'x': (1, [2.5])}",
    "helped": "known", "limit": "3", "function": "make(5)",
}  # fmt: skip


def defined(folder: Path, **changes: str) -> str:
    """The hash of a definition in a file."""
    file = folder / "mine.py"
    file.write_text(_DEFINED.format(**(_PLAIN | changes)))
    linecache.checkcache(str(file))
    return str(runpy.run_path(str(file))["features"].hash())


@pytest.mark.parametrize(
    "change",
    [
        {"orders": "Events('Order Completed', where={'a': 1})"},
        {"days": "50"},
        {"names": "{'a', 'b'}"},
        {"where": "{'x': (1, [2.0])}"},
        {"helped": "known.cutoff"},
        {"limit": "4"},
        {"function": "make(500)"},
    ],
)
def test_what_a_function_takes_from_around_it_is_part_of_the_hash(change: dict[str, str], tmp_path: Path) -> None:
    assert defined(tmp_path) == defined(tmp_path)
    assert defined(tmp_path) != defined(tmp_path, **change)


def test_the_hash_is_the_same_in_each_process(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(_DEFINED.format(**_PLAIN))

    def printed(seed: str) -> str:
        found = subprocess.run(
            [sys.executable, file], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        return found.stdout

    assert printed("1") == printed("2")


def test_values_from_around_a_function_are_not_in_the_definition() -> None:
    def secret(word: str) -> Callable[[Known], ir.Table]:
        return lambda known: known.tables["customers"].select("customer_id", secret=word)

    assert "someone@example" not in str(FeatureSet("s", custom("secret", "s", secret("someone@example"))).definition())


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(FeatureError, match="is no function"):
        custom("a", "a", "a")  # type: ignore[arg-type]


PAGES = Events("page")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda known: known.visible(ORDERS), "IbisTypeError: Column 'mine' is not found in table."),
        (lambda known: None, "must give an Ibis table of customer_id and mine."),
        (lambda known: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda known: {}["page"], "KeyError: 'page'"),
        (lambda known: known.visible(PAGES), "reads 'page', and needs= has no such source: add it there."),
        (lambda known: known.facts[PAGES], "reads 'page', and needs= has no such source: add it there."),
        (lambda known: known.visible("page"), "known.visible: 'page' is no source: write Events('page')"),
    ],
)
def test_what_a_function_does_wrong_names_the_feature(
    function: Callable[[Known], ir.Table], said: str, database: Path
) -> None:
    features = FeatureSet("s", custom("mine", "mine", function, needs=ORDERS))
    for ask in (lambda: build(features, LABEL, cutoffs=[moment(CUTOFF)], on=database), features.sql):
        with pytest.raises(FeatureError, match=r"^mine: ") as raised:
            ask()  # type: ignore[operator]
        assert said in str(raised.value)
        assert raised.value.__cause__ is not None


def test_what_cannot_be_computed_names_the_feature_and_no_value(database: Path) -> None:
    def named(known: Known) -> ir.Table:
        customers = known.tables["customers"]
        return customers.select("customer_id", named=customers["customer_name"].cast("int64"))

    with pytest.raises(FeatureError, match=r"^named: .* cannot be computed \(ConversionException\)") as raised:
        build(FeatureSet("s", custom("named", "n", named)), cutoffs=[moment(CUTOFF)], on=database)
    assert "'a'" in str(raised.value.__cause__)
    assert "'a'" not in str(raised.value)


def test_one_source_is_needed_as_several_are(database: Path) -> None:
    def number(known: Known) -> ir.Table:
        return known.visible(ORDERS).group_by("customer_id").aggregate(n=lambda t: t.count())

    one, several = custom("n", "n", number, needs=ORDERS), custom("n", "n", number, needs=[ORDERS])
    assert FeatureSet("s", one).hash() == FeatureSet("s", several).hash()
    with build(FeatureSet("s", one), cutoffs=[moment(CUTOFF)], on=database) as data:
        assert data.arrow()["n"].to_pylist() == [3.0, 1.0]
