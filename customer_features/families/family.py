"""What a family of features is: named columns, and the expression that computes them at one cutoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.canonical import Canonical, text_column, visible
from customer_features.errors import FeatureError
from customer_features.sources import Source, check_source, snake
from customer_features.spans import DAY, Micros, Window, length, moment

TYPES = {"integer": "int64", "number": "float64", "text": "string", "boolean": "boolean", "texts": "array<string>"}
"""The types of features, and what columns of them are."""


@dataclass(frozen=True)
class Feature:
    """One column: its name, what it means in words, and its type, one of `TYPES`.

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
        check_source(source, "known.visible")
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


@dataclass(frozen=True)
class OfSource(Family):
    """Features of one source.

    Raises:
        FeatureError: it is none.
    """

    source: Source

    def __post_init__(self) -> None:
        check_source(self.source, snake(type(self).__name__))

    def needs(self) -> tuple[Need, ...]:
        return (Need(self.source),)


@dataclass(frozen=True)
class OfProperty(OfSource):
    """Features of a source's property, read as text."""

    property: str

    def needs(self) -> tuple[Need, ...]:
        return (Need(self.source, (self.property,)),)


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
    # engines round towards zero and give negative remainders before 1970
    return (instant - (instant % DAY + DAY) % DAY) // DAY


def last_whole_day(cutoff: Micros) -> int:
    """The last day of which something lies before the cutoff."""
    return (cutoff - 1) // DAY


def spread(values: Any, where: Any = None) -> Any:
    """The sample's standard deviation; NULL for fewer than two values, and 0 where all are equal.

    `values` are decimals. Sums of decimals do not depend on the order of rows, which sums of floating-point numbers do.
    """
    count, total = as_number(values.count(where=where)), values.sum(where=where)
    same = values.max(where=where) == values.min(where=where)
    variance = ibis.greatest(_squares_about_mean(values, where) / (count - 1.0).nullif(0.0), 0.0)
    return ibis.cases((count < 2.0, ibis.null("float64")), (same, 0.0), (total.notnull(), variance.sqrt()))


def _squares_about_mean(values: Any, where: Any) -> Any:
    """The sum of the squared distances from the mean.

    The difference of two large sums leaves few digits of a small spread, unless it is exact. So it is taken of
    decimals, from a mean with six digits; what that leaves out of all distances is `rest`. Types are those that
    neither engine rounds: 38 digits at most, and more than 18 in one factor, or DuckDB has but 18 for the product.
    Where numbers do not fit them, from 10^10 on, it is the difference of rounded sums.
    """
    count, total = values.count(where=where), values.sum(where=where)
    square = ibis.cases((values.between(-_LARGE, _LARGE), values.cast(_SUM) * values))
    all_fit = (values.max(where=where) <= _LARGE) & (values.min(where=where) >= -_LARGE)
    of_squares = ibis.cases((all_fit, square.sum(where=where).try_cast(_SQUARE)))
    mean = (as_number(total) / as_number(count).nullif(0.0)).round(6).try_cast("decimal(18, 6)")
    rest = (total.try_cast(_SUM) - mean.cast(_SUM) * count.try_cast("decimal(9, 0)")).try_cast("decimal(17, 6)")
    exact = of_squares - (mean * total.try_cast(_SUM)).try_cast(_SQUARE) - (mean.cast(_SUM) * rest).try_cast(_SQUARE)
    left_out = as_number(rest) * as_number(rest) / as_number(count).nullif(0.0)
    sums = (as_number(values) * as_number(values)).cast("decimal(38, 9)").sum(where=where)
    rough = as_number(sums) - as_number(total) * as_number(total) / as_number(count).nullif(0.0)
    return ibis.coalesce(as_number(exact) - left_out, rough)


_SUM, _SQUARE = "decimal(19, 6)", "decimal(36, 12)"
_LARGE = Decimal(10**11)


def at(cutoff: Micros) -> str:
    return moment(cutoff).isoformat()
