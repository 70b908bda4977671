"""The canonical tables as features read them, and the facts of a source: one narrow row an event."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.engine_functions import TIMESTAMP, Functions
from customer_features.sources import Condition, Events, Source, keys
from customer_features.spans import Micros

SCHEMAS = {
    "customers": {
        "customer_id": "string", "created_at": TIMESTAMP, "first_seen_at": TIMESTAMP, "deleted_at": TIMESTAMP,
        "merged_from": "int64",
    },
    "customer_absences": {"customer_id": "string", "deleted_at": TIMESTAMP, "returned_at": TIMESTAMP},
    "customer_trait_changes": {
        "customer_id": "string", "trait": "string", "valid_from": TIMESTAMP, "observed_at": TIMESTAMP, "value": "json",
        "origin": "string",
    },
    "customer_events": {
        "event_id": "string", "customer_id": "string", "event_name": "string", "event_at": TIMESTAMP,
        "known_at": TIMESTAMP, "properties": "json",
    },
    "customer_order_items": {
        "event_id": "string", "line_number": "int64", "customer_id": "string", "event_at": TIMESTAMP,
        "known_at": TIMESTAMP, "event_name": "string", "sku": "string", "name": "string", "category": "string",
        "quantity": "float64", "price": "float64",
    },
    "customer_consents": {
        "customer_id": "string", "channel": "string", "valid_from": TIMESTAMP, "observed_at": TIMESTAMP,
        "subscribed": "boolean",
    },
}  # fmt: skip
"""The columns of `customer_tables` that features read."""


@dataclass(frozen=True)
class Canonical:
    """The tables by name, and how their engine is spoken to."""

    tables: dict[str, ir.Table]
    functions: Functions

    def __getitem__(self, name: str) -> ir.Table:
        return self.tables[name]

    def changed(self, **tables: ir.Table) -> "Canonical":
        return replace(self, tables={**self.tables, **tables})


def unbound(functions: Functions) -> Canonical:
    """Tables without an engine, to write SQL from; Spark's may be views, which have no schema."""
    found = {}
    for name, schema in SCHEMAS.items():
        as_text = {column: "string" if kind == "json" else kind for column, kind in schema.items()}
        if functions.dialect == "duckdb":
            found[name] = ibis.table(schema, name=name, database="customer_tables")
        else:
            found[name] = ibis.table(as_text, name=name)
    return Canonical(found, functions)


EVENT_NAME = "(name)"
"""Stands for an event's name where features read its properties as text."""


def text_column(property: str) -> str:
    """What the facts call a property that features read as text."""
    return f"text_{hashlib.sha256(property.encode()).hexdigest()[:12]}"


def facts(canonical: Canonical, source: Source, texts: tuple[str, ...]) -> ir.Table:
    """The facts of a source.

    One row an event or a line: `customer_id`, `event_id`, `line`, `at` and `known` in microseconds since 1970, `value`
    as a decimal or NULL, and a column for each property that is read as text (`text_column`).
    """
    functions = canonical.functions
    if not isinstance(source, Events):
        lines = canonical["customer_order_items"].filter(
            lambda t: t.customer_id.notnull() & t.event_name.isin(source.names())
        )
        amount = (lines.price * lines.quantity).cast("string")
        return lines.select(
            "customer_id",
            "event_id",
            line=lines.line_number.cast("int64"),
            at=functions.micros(lines.event_at),
            known=functions.micros(lines.known_at),
            value=functions.number(amount),
            **{text_column(property): lines[property] for property in texts},
        )
    events = canonical["customer_events"].filter(lambda t: t.customer_id.notnull())
    if source.event is not None:
        events = events.filter(events.event_name.isin(source.names()))
    if source.excluding:
        events = events.filter(events.event_name.isnull() | events.event_name.notin(source.excluding))
    for condition in source.where:
        events = events.filter(_holds(functions, events, condition))
    return events.select(
        "customer_id",
        "event_id",
        line=ibis.literal(0, "int64"),
        at=functions.micros(events.event_at),
        known=functions.micros(events.known_at),
        value=ibis.null("decimal(18, 6)")
        if source.value is None
        else functions.number(functions.text(events.properties, *keys(source.value))),
        **{text_column(property): _text(functions, events, property) for property in texts},
    )


def _text(functions: Functions, events: ir.Table, property: str) -> Any:
    return events.event_name if property == EVENT_NAME else functions.text(events.properties, *keys(property))


def visible(table: ir.Table, cutoff: Micros) -> ir.Table:
    """What had happened before the cutoff and was known at it."""
    return table.filter((table.at < cutoff) & (table.known <= cutoff))


def _holds(functions: Functions, events: ir.Table, condition: Condition) -> Any:
    text = functions.text(events.properties, *keys(condition.property))
    value = condition.value
    if not isinstance(value, tuple):
        return _compared(functions, text, condition.comparison, value)
    found: Any = text.isin([one for one in value if isinstance(one, str)])
    for one in value:
        if not isinstance(one, str):
            found = found | _compared(functions, text, "=", one)
    return found


def _compared(functions: Functions, text: ir.StringValue, comparison: str, value: Any) -> Any:
    if isinstance(value, bool):
        found: Any = text
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        # as text, for DuckDB takes a literal for a decimal, and rounds it a second time as a double
        found, value = functions.double(text), ibis.literal(repr(float(value))).cast("float64")
    else:
        found = text
    compared = {
        "=": found == value,
        "!=": found != value,
        "<": found < value,
        "<=": found <= value,
        ">": found > value,
        ">=": found >= value,
    }
    return compared[comparison]
