"""Changes of the canonical tables that must not change a feature at a cutoff."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_features.compiled import Rows
from customer_features.computing import needs
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.proof_sample import INSTANT, TIMES, instant, visible
from customer_features.proof_values import channels, event_documents, lines, trait_values
from customer_features.sources import OrderItems
from customer_features.spans import DAY, MINUTE, Micros

DELETED, AFTER, LATE, REORDERED, OUTSIDE = "deleted", "after", "late", "reordered", "outside"
WORDS = {
    DELETED: "what could not be seen yet is deleted",
    AFTER: "rows are added at the cutoff and after it",
    LATE: "rows are added that happened before the cutoff and became known after it",
    REORDERED: "the tables are in another order",
    OUTSIDE: "rows outside its horizon are deleted and added",
}
NOBODY = "~proof"
"""A customer of the proof's own; begins the identifiers of its events."""
_LEFT_OUT = 0.25
_OF_EVENTS = ("customer_events", "customer_order_items")


def deleted(rows: Rows, cutoff: Micros, of_now: bool) -> Rows:
    """Without what could not be seen at the cutoff.

    `of_now`: the cutoff is when the data were read, so that counts which grow are as they were then.
    """
    found = {name: rows[name].filter(visible(rows[name], name, cutoff)) for name in TIMES}
    customers = rows["customers"]
    customers = customers.filter(pc.fill_null(pc.less_equal(customers["first_seen_at"], instant(cutoff)), False))
    customers = _nulled(customers, "created_at", pc.greater_equal(customers["created_at"], instant(cutoff)))
    customers = _nulled(customers, "deleted_at", pc.greater(customers["deleted_at"], instant(cutoff)))
    if not of_now and "merged_from" in customers.column_names:
        customers = _put(customers, "merged_from", pa.array([0] * customers.num_rows, pa.int64()))
    absences = rows["customer_absences"]
    absences = absences.filter(pc.less_equal(absences["deleted_at"], instant(cutoff)))
    absences = _nulled(absences, "returned_at", pc.greater(absences["returned_at"], instant(cutoff)))
    return {**found, "customers": customers, "customer_absences": absences}


def reordered(rows: Rows, seed: int) -> Rows:
    """The same rows in another order."""
    order = np.random.default_rng(seed)
    return {name: table.take(pa.array(order.permutation(table.num_rows))) for name, table in rows.items()}


def joined(rows: Rows, injected: Rows) -> Rows:
    return {name: pa.concat_tables([table, injected[name]]) for name, table in rows.items()}


def later_facts(rows: Rows, cutoff: Micros, of_now: bool) -> Rows:
    """Customers as they become after the cutoff: those who are still there are deleted, and merged with others.

    Who was found deleted before and is not back at the cutoff comes back after it.
    """
    customers = rows["customers"]
    there = pc.or_kleene(pc.is_null(customers["deleted_at"]), pc.greater(customers["deleted_at"], instant(cutoff)))
    gone = pc.if_else(there, instant(cutoff + 5 * DAY), customers["deleted_at"])
    customers = _put(customers, "deleted_at", gone)
    if not of_now and "merged_from" in customers.column_names:
        customers = _put(customers, "merged_from", pc.add(customers["merged_from"], 7))
    absences = rows["customer_absences"]
    away = pc.and_kleene(
        pc.less_equal(absences["deleted_at"], instant(cutoff)),
        pc.or_kleene(pc.is_null(absences["returned_at"]), pc.greater(absences["returned_at"], instant(cutoff))),
    )
    back = pc.if_else(away, instant(cutoff + 1), absences["returned_at"])
    absences = _put(absences, "returned_at", back)
    everyone = customers["customer_id"].to_pylist()
    new = [{"customer_id": customer, "deleted_at": cutoff + 5 * DAY} for customer in everyone]
    absences = pa.concat_tables([absences, _table(new, absences.schema)])
    return {**rows, "customers": customers, "customer_absences": absences}


def _nulled(table: pa.Table, column: str, where: pa.Array) -> pa.Table:
    empty = pa.scalar(None, table.schema.field(column).type)
    return _put(table, column, pc.if_else(pc.fill_null(where, False), empty, table[column]))


def _put(table: pa.Table, column: str, values: Any) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, table.schema.field(place), values.cast(table.schema.field(place).type))


def instants_after(cutoff: Micros, label: Label | None) -> list[tuple[Micros, Micros]]:
    """When rows happen, and are known, that happen at the cutoff or later; some are known before they happen."""
    far = [0, 1, MINUTE, DAY, 10 * DAY, 40 * DAY, 400 * DAY]
    if label is not None:
        far.append(label.starts(cutoff) - cutoff)
    return [(cutoff + span, cutoff + span) for span in dict.fromkeys(far)] + [
        (cutoff, cutoff - DAY), (cutoff + 3 * DAY, cutoff - DAY), (cutoff + 20 * DAY, cutoff)
    ]  # fmt: skip


def instants_late(cutoff: Micros) -> list[tuple[Micros, Micros]]:
    """When rows happen before the cutoff that are known after it."""
    return [
        (cutoff - 1, cutoff + 1), (cutoff - MINUTE, cutoff + DAY), (cutoff - 5 * DAY, cutoff + 1),
        (cutoff - 50 * DAY, cutoff + 400 * DAY), (cutoff - 300 * DAY, cutoff + DAY), (cutoff - 9000 * DAY, cutoff + 1),
    ]  # fmt: skip


@dataclass(frozen=True)
class Injector:
    """Makes rows of every kind that the tables have or the features ask for."""

    rows: Rows
    features: FeatureSet
    label: Label | None
    seed: int

    def __call__(self, instants: Sequence[tuple[Micros, Micros]], own: tuple[Micros, Micros] | None = None) -> Rows:
        """Rows at the instants, for each customer, for nobody known, and for a customer `own`, created and known then.

        Which of the values a row has goes round over customers and instants. Not all customers get the same number of
        rows, so that their order by it changes.
        """
        chance = random.Random(self.seed)  # noqa: S311
        documents = event_documents(self.rows, self.features, self.label, chance)
        traits = trait_values(self.rows, self.features, chance)
        goods, told = lines(self.rows, chance), channels(self.rows, self.features)
        with_items = self._names_with_items()
        number = count()
        everyone = [*self.rows["customers"]["customer_id"].to_pylist(), None]
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.rows}
        if own is not None:
            everyone.append(NOBODY)
            row = {"customer_id": NOBODY, "created_at": own[0], "first_seen_at": own[1], "merged_from": 0}
            found["customers"].append(row)
        for of, customer in enumerate(everyone):
            for turn, (at, known) in enumerate(instants):
                if chance.random() < _LEFT_OUT:
                    continue
                for name, choices in documents.items():
                    event = {"event_id": f"{NOBODY} {next(number):08}", "customer_id": customer, "event_at": at,
                             "known_at": known}  # fmt: skip
                    properties = choices[(of + turn) % len(choices)]
                    found["customer_events"].append({**event, "event_name": name, "properties": properties})
                    if name in with_items:
                        good = goods[(of + turn) % len(goods)]
                        line = {"event_name": name, "line_number": 1, **good}
                        found["customer_order_items"].append({**event, **line})
                if customer is None:
                    continue
                change = {"customer_id": customer, "valid_from": at, "observed_at": known}
                for trait, values in traits.items():
                    value = values[of % len(values)]
                    row = {**change, "trait": trait, "value": value, "origin": "identify"}
                    found["customer_trait_changes"].append(row)
                for channel in told:
                    found["customer_consents"].append({**change, "channel": channel, "subscribed": of % 2 == 0})
        return {name: _table(found[name], self.rows[name].schema) for name in self.rows}

    def _names_with_items(self) -> set[str]:
        with_items = self.rows["customer_order_items"]["event_id"]
        events = self.rows["customer_events"]
        names = events.filter(pc.is_in(events["event_id"], with_items.combine_chunks()))["event_name"]
        asked = {name for source in needs(self.features, self.label) if isinstance(source, OrderItems)
                 for name in source.names()}  # fmt: skip
        return set(names.unique().to_pylist()) | asked


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.table(
        {column.name: pa.array([row.get(column.name) for row in rows], pa.int64() if column.type == INSTANT
                               else column.type).cast(column.type) for column in schema}
    )  # fmt: skip


def _in_horizon(table: pa.Table, label: Label, cutoff: Micros) -> pa.Array:
    at = table["event_at"]
    from_start = pc.greater_equal(at, instant(label.starts(cutoff)))
    return pc.fill_null(pc.and_kleene(from_start, pc.less(at, instant(label.ends(cutoff)))), False)


def without_horizon(rows: Rows, label: Label, cutoff: Micros) -> Rows:
    """Without what happened in a label's horizon."""
    found = {name: rows[name].filter(pc.invert(_in_horizon(rows[name], label, cutoff))) for name in _OF_EVENTS}
    return {**rows, **found}


def outside(rows: Rows, injector: Injector, label: Label, cutoff: Micros) -> Rows:
    """With other rows outside a label's horizon, but those who were at risk still are."""
    starts, ends = label.starts(cutoff), label.ends(cutoff)
    found = dict(rows)
    for name in _OF_EVENTS:
        kept = pc.or_kleene(_in_horizon(rows[name], label, cutoff), visible(rows[name], name, cutoff))
        found[name] = rows[name].filter(kept)
    instants = [(at, at) for at in (cutoff - 1, cutoff - DAY, cutoff - 100 * DAY, ends, ends + 1, ends + 30 * DAY)]
    if starts > cutoff:
        instants += [(cutoff, cutoff), (starts - 1, starts - 1)]
    customers = rows["customers"]
    later = pc.greater_equal(customers["deleted_at"], instant(ends))
    found["customers"] = _nulled(customers, "deleted_at", later)
    absences = rows["customer_absences"]
    found["customer_absences"] = absences.filter(pc.less(absences["deleted_at"], instant(ends)))
    return joined(found, injector(instants))
