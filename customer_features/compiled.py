"""A build at one cutoff that is compiled once and computed over other rows as often as one likes."""

from collections.abc import Mapping

import ibis.expr.types as ir
import pyarrow as pa

from customer_features.canonical import SCHEMAS, Canonical, facts
from customer_features.computing import at_cutoff, needs
from customer_features.engine import Engine
from customer_features.families.family import Known
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.numbering import numbered
from customer_features.spans import Micros

Rows = Mapping[str, pa.Table]
"""Canonical tables by name, small enough for this process; JSON in them is text."""


class Compiled:
    """Features, and the label if there is one, at a cutoff: the SQL of a build, over tables whose rows are replaced.

    To write a build as SQL takes longer than to compute it over few rows, so it is written once, step by step.
    """

    def __init__(self, engine: Engine, features: FeatureSet, label: Label | None, cutoff: Micros, rows: Rows) -> None:
        self._engine = engine
        self._tables = {name: engine.local(rows[name]) for name in SCHEMAS}
        read = engine.canonical.tables
        canonical = Canonical(
            {
                name: table.cast({column: read[name][column].type() for column in table.columns})
                for name, table in self._tables.items()
            },
            engine.canonical.functions,
        )
        self._steps: list[tuple[str, pa.Schema, ir.Table]] = []
        canonical = numbered(self._keep, canonical)
        kept = {source: self._keep(facts(canonical, source, texts)) for source, texts in needs(features, label).items()}
        rows_of = at_cutoff(self._keep, Known(cutoff, canonical, kept), features, label, engine.watermark)
        self._rows = (engine.sql(rows_of), rows_of.schema().to_pyarrow())

    def _keep(self, expression: ir.Table) -> ir.Table:
        sql, schema = self._engine.sql(expression), expression.schema().to_pyarrow()
        kept = self._engine.local(self._engine.query(sql).cast(schema))
        self._steps.append((sql, schema, kept))
        return kept

    def compute(self, rows: Rows) -> pa.Table:
        """The rows that `build` gives over these tables, in no order."""
        for name, table in self._tables.items():
            self._engine.replace(table, rows[name])
        for sql, schema, kept in self._steps:
            self._engine.replace(kept, self._engine.query(sql).cast(schema))
        sql, schema = self._rows
        return self._engine.query(sql).cast(schema)

    def close(self) -> None:
        """Let go of its tables."""
        for table in (*self._tables.values(), *(kept for _, _, kept in self._steps)):
            self._engine.drop(table)
