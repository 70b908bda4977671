"""`check`: whether the canonical tables are what their contract says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from customer_tables import contract
from customer_tables.contract import ABSENCES, CUSTOMERS, EVENTS, IDENTIFIERS, ORDER_ITEMS, TABLES, TRAIT_CHANGES, Table
from customer_tables.engine import Engine
from customer_tables.primitives import digest

EXAMPLES = 5
"""Rows that are named of each finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule of a table that `rows` rows break.

    `examples` are keys of some of these; an e-mail address among them is shown as its hash.
    """

    table: str
    rule: str
    rows: int
    examples: list[tuple[str, ...]]

    def __str__(self) -> str:
        shown = "; ".join(", ".join(key) for key in self.examples)
        return f"{self.table}: {self.rule}: {self.rows:,} rows, such as {shown}"


Rule = tuple[Table, str, ir.Table]
"""A table, what must hold, and the rows that break it."""


def findings(engine: Engine, clock_skew: timedelta) -> Iterator[Finding]:
    """What breaks a rule; an event may be dated so much after its receipt."""
    for table in contract.KEPT:
        if not engine.exists(table):
            yield Finding(table.name, "it is there, with the columns of the contract", 0, [])
            return
    for table, rule, broken in _rules(engine.table, clock_skew):
        ((rows,),) = engine.rows(broken.agg(rows=broken.count()))
        if rows:
            yield Finding(table.name, rule, int(rows), _examples(engine, table, broken))


def _examples(engine: Engine, table: Table, broken: ir.Table) -> list[tuple[str, ...]]:
    keys = [broken[name].cast("string").coalesce("NULL") for name in table.key]
    shown = {name: ibis.ifelse(key.contains("@"), digest(key), key) for name, key in zip(table.key, keys, strict=True)}
    return [tuple(map(str, row)) for row in engine.rows(broken.select(**shown).order_by(list(shown)).limit(EXAMPLES))]


def _rules(held: Callable[[Table], ir.Table], clock_skew: timedelta) -> Iterator[Rule]:
    for table in TABLES:
        rows = held(table)
        yield from _of_contract(table, rows)
        if table.customer is not None:
            customer = rows[table.customer]
            known = held(CUSTOMERS).customer_id
            yield table, "its customer is in customers", rows.filter(customer.notnull(), ~customer.isin(known))
    yield from _of_events(held, clock_skew)
    yield from _of_people(held)


def _of_contract(table: Table, rows: ir.Table) -> Iterator[Rule]:
    groups = rows.group_by(list(table.key)).agg(copies=rows.count())
    yield table, f"{', '.join(table.key)} are unique", groups.filter(groups.copies > 1)
    for name in table.required:
        yield table, f"{name} is not NULL", rows.filter(rows[name].isnull())
    for name in (name for name, column in table.columns.items() if column.type == "VARCHAR"):
        if name in table.key or name == table.customer:
            yield table, f"{name} is not empty", rows.filter(rows[name] == "")


def _of_events(held: Callable[[Table], ir.Table], clock_skew: timedelta) -> Iterator[Rule]:
    events, items = held(EVENTS), held(ORDER_ITEMS)
    skew = ibis.interval(seconds=int(clock_skew.total_seconds()))
    ahead = events.filter(events.event_at > events.ingested_at + skew)
    yield EVENTS, f"event_at is at most {clock_skew} after ingested_at", ahead
    early = events.filter(events.known_at < events.ingested_at)
    yield EVENTS, "known_at is not before ingested_at", early
    imputed = events.filter(events.known_at_imputed != events.ingested_at.isnull())
    yield EVENTS, "known_at is imputed where ingested_at is missing, and only there", imputed
    yield ORDER_ITEMS, "its event is in customer_events", items.anti_join(events, "event_id")
    both = items.inner_join(events.select("event_id", of="customer_id", at="event_at", known="known_at"), "event_id")
    differs = ~(both.customer_id.identical_to(both.of) & (both.event_at == both.at) & (both.known_at == both.known))
    yield ORDER_ITEMS, "its customer and times are those of its event", both.filter(differs)
    yield ORDER_ITEMS, "line_number counts from 1", items.filter(items.line_number < 1)
    odd = items.filter(items.quantity.isnan() | items.quantity.isinf() | items.price.isnan() | items.price.isinf())
    yield ORDER_ITEMS, "quantity and price are finite", odd


def _of_people(held: Callable[[Table], ir.Table]) -> Iterator[Rule]:
    customers, found, changes = held(CUSTOMERS), held(IDENTIFIERS), held(TRAIT_CHANGES)
    kinds = ("profile", "external_id", "email", "anonymous_id")
    yield IDENTIFIERS, f"id_type is one of {', '.join(kinds)}", found.filter(~found.id_type.isin(kinds))
    profiles = found.filter(found.id_type == "profile")
    several = profiles.group_by("id_value").agg(owners=profiles.customer_id.nunique())
    several = profiles.semi_join(several.filter(several.owners > 1), "id_value")
    yield IDENTIFIERS, "a profile is one customer's", several
    later = customers.filter(customers.deleted_at < customers.first_seen_at)
    yield CUSTOMERS, "deleted_at is not before first_seen_at", later
    absences = held(ABSENCES)
    back = absences.filter(absences.returned_at < absences.deleted_at)
    yield ABSENCES, "returned_at is not before deleted_at", back
    origins = changes.filter(~changes.origin.isin(["identify", "snapshot"]))
    yield TRAIT_CHANGES, "origin is identify or snapshot", origins
