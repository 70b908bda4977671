"""The rows of some customers, taken out of the canonical tables to be changed."""

import random
import struct
from collections.abc import Sequence
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from customer_features.canonical import SCHEMAS, Canonical
from customer_features.compiled import Rows
from customer_features.engine import Engine
from customer_features.engine_functions import TIMESTAMP
from customer_features.errors import FeatureError
from customer_features.spans import Micros

TIMES = {
    "customer_trait_changes": ("valid_from", "observed_at"),
    "customer_events": ("event_at", "known_at"),
    "customer_order_items": ("event_at", "known_at"),
    "customer_consents": ("valid_from", "observed_at"),
}
"""When a row of a table happened, and when it was known."""
INSTANT = pa.timestamp("us", tz="UTC")
_ARROW = {
    "string": pa.string(), "json": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_(),
    TIMESTAMP: INSTANT,
}  # fmt: skip


def some_cutoffs(engine: Engine, rows: ir.Table, cutoffs: Sequence[Micros], number: int, seed: int) -> list[Micros]:
    """Some of the cutoffs that have rows.

    Raises:
        FeatureError: none has.
    """
    functions = engine.canonical.functions
    there = engine.arrow(rows.select(at=functions.micros(rows.cutoff)).distinct())["at"].to_pylist()
    found = [cutoff for cutoff in cutoffs if cutoff in set(there)]
    if not found:
        raise FeatureError("prove: no customer was at risk at any of the cutoffs, so there is nothing to prove.")
    return sorted(random.Random(seed).sample(found, min(number, len(found))))  # noqa: S311


def some_customers(engine: Engine, rows: ir.Table, cutoffs: Sequence[Micros], number: int, seed: int) -> list[str]:
    """Some of the customers who were at risk at the cutoffs, and a fourth as many of all the others."""
    chance = random.Random(seed)  # noqa: S311
    at = [engine.canonical.functions.instant(cutoff) for cutoff in cutoffs]
    at_risk = _identifiers(engine, rows.filter(rows.cutoff.isin(at)))
    chosen = chance.sample(at_risk, min(number, len(at_risk)))
    others = sorted(set(_identifiers(engine, engine.canonical["customers"])) - set(chosen))
    return chosen + chance.sample(others, min((number + 3) // 4, len(others)))


def _identifiers(engine: Engine, table: ir.Table) -> list[str]:
    return sorted(engine.arrow(table.select("customer_id").distinct())["customer_id"].to_pylist())


def rows_of(engine: Engine, canonical: Canonical, customers: Sequence[str]) -> Rows:
    """All rows of the customers, in one order whatever the engine."""
    found = {}
    for name, table in canonical.tables.items():
        as_text = [column for column in table.columns if SCHEMAS[name][column] == "json"]
        mine = table.filter(table.customer_id.isin(list(customers)))
        held = engine.arrow(mine.mutate(**{column: mine[column].cast("string") for column in as_text}))
        held = pa.table({column: held[column].cast(_ARROW[SCHEMAS[name][column]]) for column in held.column_names})
        found[name] = held.sort_by([(column, "ascending") for column in held.column_names])
    return found


def instant(at: Micros) -> pa.Scalar:
    return pa.scalar(at, pa.int64()).cast(INSTANT)


def visible(table: pa.Table, name: str, cutoff: Micros) -> pa.Array:
    """Which rows of a table with `TIMES` had happened before the cutoff and were known at it."""
    at, known = (table[column] for column in TIMES[name])
    seen = pc.and_kleene(pc.less(at, instant(cutoff)), pc.less_equal(known, instant(cutoff)))
    return pc.fill_null(seen, False)


def bits(value: Any) -> Any:
    """A value that is equal only to one of the same bits."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    return (type(value), tuple(value) if isinstance(value, list) else value)
