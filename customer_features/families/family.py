"""What a family of features is: named columns, and the expression that computes them at one cutoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.canonical import Canonical, text_column, visible
from customer_features.errors import FeatureError
from customer_features.sources import Source
from customer_features.spans import DAY, Micros, Window, length, moment


@dataclass(frozen=True)
class Feature:
    """One column: its name, what it means in words, and its type (`integer`, `number`, `text`, `boolean`, `texts`).

    `source` and `window` say which rows it sees, as far as events make it; `fill` is its value for a customer without
    any.
    """

    name: str
    words: str
    type: str
    source: Source | None = None
    window: Window = "lifetime"
    fill: int | None = None


@dataclass(frozen=True)
class Need:
    """The facts that a family reads, and which of their properties as text."""

    source: Source
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What was known at one cutoff, in microseconds since 1970.

    `tables` are whole, with rows of the future: only `visible`, `traits` and `consents` leave those out.
    """

    cutoff: Micros
    tables: Canonical
    facts: Mapping[Source, ir.Table]

    def visible(self, source: Source) -> ir.Table:
        """The facts of a source that had happened and were known."""
        return visible(self.facts[source], self.cutoff)

    def text(self, table: ir.Table, property: str) -> ir.StringValue:
        """A property of the facts that a `Need` asked for."""
        column: ir.StringValue = table[text_column(property)]
        return column

    def ago(self, window: Window) -> Micros | None:
        """When a window before the cutoff begins; None for a lifetime."""
        span = length(window)
        return None if span is None else self.cutoff - span

    def changes(self, name: str) -> ir.Table:
        """Rows of `customer_trait_changes` or `customer_consents` that held before the cutoff and were known at it."""
        micros = self.tables.functions.micros
        table = self.tables[name].mutate(at=lambda t: micros(t.valid_from), known=lambda t: micros(t.observed_at))
        return visible(table, self.cutoff)


class Family:
    """Features that are computed together, for one cutoff at a time.

    A family either has `aggregates`, which share one pass over a source with those of other families, or a `table`.
    """

    def features(self) -> tuple[Feature, ...]:
        raise FeatureError(f"{type(self).__name__} has no features.")

    def needs(self) -> tuple[Need, ...]:
        return ()

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        """Reductions of the visible facts of its one source."""
        return {}

    def table(self, known: Known) -> ir.Table | None:
        """`customer_id` and the family's columns; None where `aggregates` has them all."""
        return None

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        """The rows that a feature sees, to explain its value with."""
        if feature.source is None:
            raise FeatureError(f"{feature.name}: it does not say which rows it sees.")
        seen = known.visible(feature.source)
        return seen.filter(since(seen, known, feature.window))

    def check(self, cutoff: Micros, watermark: Micros | None) -> None:
        """Raises FeatureError if the family cannot be computed at a cutoff."""


def since(seen: ir.Table, known: Known, window: Window) -> Any:
    """Whether a fact lies in a window; of a lifetime, all do."""
    start = known.ago(window)
    return seen.at.notnull() if start is None else seen.at >= start


def number_of(condition: Any) -> Any:
    """How many rows fulfil a condition."""
    return condition.cast("int64").sum()


def as_number(value: Any) -> Any:
    return value.cast("float64")


def ratio(over: Any, under: Any) -> Any:
    """A quotient of two numbers; NULL where the divisor is 0."""
    return as_number(over) / as_number(under).nullif(0.0)


def day_of(instant: Any) -> Any:
    """The day in UTC, counted from 1970-01-01."""
    return (instant - instant % DAY) // DAY


def last_whole_day(cutoff: Micros) -> int:
    """The last day of which something lies before the cutoff."""
    return (cutoff - 1) // DAY


def spread(values: Any, where: Any = None) -> Any:
    """The sample's standard deviation, from exact sums; NULL for fewer than two values, and 0 where all are equal.

    `values` are decimals. Sums of decimals do not depend on the order of rows, which sums of floating-point numbers do.
    """
    squares = (as_number(values) * as_number(values)).cast("decimal(38, 9)")
    count = as_number(values.count(where=where))
    total, of_squares = as_number(values.sum(where=where)), as_number(squares.sum(where=where))
    variance = (of_squares - total * total / count.nullif(0.0)) / (count - 1.0).nullif(0.0)
    same = values.max(where=where) == values.min(where=where)
    return ibis.cases((count < 2.0, ibis.null("float64")), (same, 0.0), else_=ibis.greatest(variance, 0.0).sqrt())


def at(cutoff: Micros) -> str:
    return moment(cutoff).isoformat()
