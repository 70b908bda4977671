"""`prove`: build again from tables whose future was deleted, added to and shuffled, and compare bit by bit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from customer_features.compiled import Compiled, Rows
from customer_features.engine import Engine
from customer_features.errors import ExtractionTimeError, FeatureError
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.proof import AT_RISK, IMMATURE, LABEL, Difference, Leak, Proof
from customer_features.proof_changes import (
    AFTER,
    DELETED,
    LATE,
    OUTSIDE,
    REORDERED,
    Injector,
    deleted,
    instants_after,
    instants_late,
    joined,
    later_facts,
    outside,
    reordered,
    without_horizon,
)
from customer_features.proof_rows import telling_rows
from customer_features.proof_sample import bits, rows_of, some_customers, some_cutoffs
from customer_features.spans import DAY, Micros

_EXAMPLES = 3
_LABEL_COLUMNS = (LABEL, "censor_reason")


def prove(
    engine: Engine,
    rows: ir.Table,
    features: FeatureSet,
    label: Label | None,
    cutoffs: Sequence[Micros],
    *,
    customers: int,
    some: int,
    seed: int,
) -> Proof:
    """Prove a build on a sample of its customers and of its cutoffs.

    Raises:
        FeatureError: no customer was at risk at any cutoff.
    """
    chosen = some_cutoffs(engine, rows, cutoffs, some, seed)
    sample = rows_of(engine, engine.canonical, some_customers(engine, rows, chosen, customers, seed))
    found: list[Difference] = []
    number = 0
    for cutoff in chosen:
        proving = AtCutoff(engine, features, label, cutoff, sample)
        differences, compared = proving.differences(sample, seed)
        found += differences
        number += compared
        proving.close()
    return report(features, label, found, chosen, len(cutoffs), sample, number, seed, _of_now(features, engine, chosen))


class AtCutoff:
    """The proof at one cutoff, over any sample."""

    def __init__(self, engine: Engine, features: FeatureSet, label: Label | None, cutoff: Micros, rows: Rows) -> None:
        self._features, self._label, self._cutoff, self._watermark = features, label, cutoff, engine.watermark
        self._of_now = engine.watermark is not None and cutoff >= engine.watermark
        self._timeless = _true_when_read(features, engine.watermark)
        self._compiled = Compiled(engine, features, label, cutoff, rows)

    def differences(self, rows: Rows, seed: int) -> tuple[list[Difference], int]:
        """What differs, and how many rows were compared."""
        cutoff, label = self._cutoff, self._label
        names = [feature.name for feature in self._features.features]
        base = self._rows(rows)
        inject = Injector(rows, self._features, label, seed)
        after = inject(instants_after(cutoff, label), own=(cutoff, cutoff))
        late = inject(instants_late(cutoff), own=(cutoff - 10 * DAY, cutoff + 1))
        changed = {
            DELETED: deleted(rows, cutoff, self._of_now),
            AFTER: later_facts(joined(rows, after), cutoff, self._of_now),
            LATE: joined(rows, late),
            REORDERED: reordered(rows, seed),
        }
        found: list[Difference] = []
        for change, tables in changed.items():
            other = self._rows(tables)
            for customer in sorted(base.keys() ^ other.keys()):
                found.append(Difference(AT_RISK, customer, cutoff, change, customer in base, customer in other))
            compared = names if change == REORDERED else [name for name in names if name not in self._timeless]
            for customer in sorted(base.keys() & other.keys()):
                found += self._compared(base[customer], other[customer], compared, change)
        if label is not None:
            found += self._of_label(base, rows, inject, label)
        injected = {name: pa.concat_tables([after[name], late[name]]) for name in rows}
        return self._explained(found, rows, injected, seed), len(base)

    def _rows(self, tables: Rows) -> dict[str, dict[str, Any]]:
        rows = self._compiled.compute(tables)
        found = {row["customer_id"]: row for row in rows.to_pylist()}
        if len(found) != rows.num_rows:
            raise FeatureError(
                f"{self._features.name}: {rows.num_rows} rows of {len(found)} customers at one cutoff. A custom "
                "feature gives several rows a customer; it must give one."
            )
        return found

    def _compared(
        self, one: dict[str, Any], other: dict[str, Any], names: Sequence[str], change: str
    ) -> Iterator[Difference]:
        for name in names:
            if bits(one[name]) != bits(other[name]):
                yield Difference(name, one["customer_id"], self._cutoff, change, one[name], other[name])

    def _of_label(
        self, base: dict[str, dict[str, Any]], rows: Rows, inject: Injector, label: Label
    ) -> Iterator[Difference]:
        """A label reads its horizon and nothing else, and is NULL until that has passed."""
        immature = self._watermark is None or label.known_from(self._cutoff) > self._watermark
        for customer, row in sorted(base.items()):
            if immature and row[LABEL] is not None:
                yield Difference(LABEL, customer, self._cutoff, IMMATURE, row[LABEL], None)
        # with the horizon as it is, and empty: what lies outside would hide behind an event in it
        empty = without_horizon(rows, label, self._cutoff)
        for tables, before in ((rows, base), (empty, self._rows(empty))):
            after = self._rows(outside(tables, inject, label, self._cutoff))
            for customer in sorted(before.keys() & after.keys()):
                for change in self._compared(before[customer], after[customer], _LABEL_COLUMNS, OUTSIDE):
                    yield replace(change, column=LABEL)

    def _explained(self, found: list[Difference], rows: Rows, injected: Rows, seed: int) -> list[Difference]:
        """Add to one difference of each feature the rows that alone make it."""
        of: dict[str, list[Difference]] = {}
        for difference in found:
            if difference.column not in (AT_RISK, LABEL) and difference.change != REORDERED:
                of.setdefault(difference.column, []).append(difference)
        # one customer for as many features as possible: its copies are computed once
        many: dict[str, set[str]] = {}
        for column, differences in of.items():
            for difference in differences:
                many.setdefault(difference.customer, set()).add(column)
        explained: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {}
        for customer, columns in sorted(many.items(), key=lambda each: (-len(each[1]), each[0]))[:_EXAMPLES]:
            open_columns = sorted(columns - explained.keys())
            if not open_columns:
                continue
            told = telling_rows(self._compiled, rows, injected, self._cutoff, customer, open_columns, seed)
            explained |= {column: (customer, told_rows) for column, told_rows in told.items() if told_rows}
        return [self._with_rows(difference, *explained.get(difference.column, ("", ()))) for difference in found]

    def _with_rows(self, difference: Difference, customer: str, rows: tuple[dict[str, Any], ...]) -> Difference:
        """Rows that are there explain what their deletion changed, and injected rows what injecting changed."""
        changes = (AFTER, LATE) if rows and rows[0]["injected"] else (DELETED,)
        told = difference.customer == customer and difference.change in changes
        return replace(difference, rows=rows) if told else difference

    def close(self) -> None:
        self._compiled.close()


def _true_when_read(features: FeatureSet, watermark: Micros | None) -> set[str]:
    """The features that no cutoff before the watermark can have."""
    found: set[str] = set()
    for family in features.families if watermark is not None else ():
        try:
            family.check((watermark or 0) - 1, watermark)
        except ExtractionTimeError:
            found |= {feature.name for feature in family.features()}
    return found


def _of_now(features: FeatureSet, engine: Engine, cutoffs: Sequence[Micros]) -> tuple[str, ...]:
    found = _true_when_read(features, engine.watermark)
    return tuple(feature.name for feature in features.features if feature.name in found)


def report(
    features: FeatureSet, label: Label | None, found: Sequence[Difference], cutoffs: Sequence[Micros],
    of_cutoffs: int, sample: Rows, rows: int, seed: int, not_proven: tuple[str, ...],
) -> Proof:  # fmt: skip
    """Differences, gathered by feature in the features' order."""
    words = {AT_RISK: "who has a row at a cutoff", **features.describe()}
    if label is not None:
        words[LABEL] = "the label"
    leaks = []
    for name, meaning in words.items():
        mine = [difference for difference in found if difference.column == name]
        if not mine:
            continue
        # those that come with rows first, then one of each change
        changes = tuple(dict.fromkeys(difference.change for difference in mine))
        shown = [difference for difference in mine if difference.rows][:1]
        shown += [next(one for one in mine if one.change == change) for change in changes]
        examples = tuple(one for place, one in enumerate(shown) if one not in shown[:place])[:_EXAMPLES]
        at = tuple(sorted({difference.cutoff for difference in mine}))
        differing = len({(difference.customer, difference.cutoff) for difference in mine})
        leaks.append(Leak(name, meaning, at, differing, changes, examples))
    names = tuple(feature.name for feature in features.features)
    number = sample["customers"].num_rows
    return Proof(features.name, names, tuple(leaks), tuple(cutoffs), of_cutoffs, number, rows, seed, not_proven)
