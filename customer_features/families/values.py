"""Which values a property took: how many, how evenly, the most frequent, the first and last, and all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError
from customer_features.families.family import Feature, Known, OfProperty, as_number, number_of, since
from customer_features.sources import Source, as_names, check_property, snake
from customer_features.spans import LIFETIME, Window, in_words, longest, suffix, windows

MEASURES = ("distinct", "entropy", "favourite", "list")
_EXACT = "decimal(28, 9)"


@dataclass(frozen=True)
class Variety(OfProperty):
    """Number of distinct values, their entropy, the most frequent one and the list of them, in each window."""

    windows: tuple[Window, ...]
    measures: tuple[str, ...]

    def _name(self, window: Window, measure: str) -> str:
        return f"{self.source.name}_{snake(self.property)}_{suffix(window)}_{measure}"

    def features(self) -> tuple[Feature, ...]:
        of = f"{self.property} over {self.source.words()}"
        meaning = {
            "distinct": (f"number of distinct values of {of}", "integer", 0),
            "entropy": (f"Shannon entropy in nats of the values of {of}", "number", None),
            "favourite": (f"most frequent value of {of}, of equals the first by alphabet,", "text", None),
            "list": (f"all values of {of}, by alphabet,", "texts", None),
        }
        return tuple(
            Feature(self._name(window, measure), f"{words} {in_words(window)}", kind, self.source, window, fill)
            for window in self.windows
            for measure in self.measures
            for words, kind, fill in [meaning[measure]]
        )

    def table(self, known: Known) -> ir.Table:
        seen = known.visible(self.source)
        seen = seen.filter(since(seen, known, longest(self.windows)))
        seen = seen.mutate(text=known.text(seen, self.property)).filter(lambda t: t.text.notnull())
        each = seen.group_by("customer_id", "text").aggregate(
            **{f"n_{suffix(window)}": number_of(since(seen, known, window)) for window in self.windows}
        )
        if "favourite" in self.measures:
            each = each.mutate(
                **{
                    f"most_{suffix(window)}": each[f"n_{suffix(window)}"].max().over(group_by=each.customer_id)
                    for window in self.windows
                }
            )
        return each.group_by("customer_id").aggregate(
            **{
                self._name(window, measure): self._measured(each, suffix(window), measure)
                for window in self.windows
                for measure in self.measures
            }
        )

    def _measured(self, each: ir.Table, tail: str, measure: str) -> ir.Value:
        count = each[f"n_{tail}"]
        there = count > 0
        if measure == "distinct":
            return number_of(there)
        if measure == "list":
            # of no values, DuckDB makes NULL and Spark an empty list
            values = each.text.collect(where=there, distinct=True).sort()
            return ibis.cases((number_of(there) > 0, values), else_=ibis.null("array<string>"))
        if measure == "favourite":
            return each.text.min(where=there & (count == each[f"most_{tail}"]))
        # sums of decimals are exact, so that the order of rows does not tell
        part = (as_number(count) * ibis.greatest(as_number(count), 1.0).ln()).round(9).cast(_EXACT)
        total = as_number(count.sum()).nullif(0.0)
        entropy = ibis.greatest(total.ln() - as_number(part.sum()) / total, 0.0)
        # of a single value it is 0, and not what rounding leaves
        return ibis.cases((total.isnull(), ibis.null("float64")), (number_of(there) == 1, 0.0), else_=entropy)


@dataclass(frozen=True)
class Endmost(OfProperty):
    """The value of the first or the last event that has one; of several at one instant, by their identifiers."""

    last: bool

    def features(self) -> tuple[Feature, ...]:
        which = "last" if self.last else "first"
        words = f"{self.property} of the {which} {self.source.words()} that has one"
        return (Feature(f"{self.source.name}_{snake(self.property)}_{which}", words, "text", self.source),)

    def table(self, known: Known) -> ir.Table:
        seen = known.visible(self.source)
        seen = seen.mutate(text=known.text(seen, self.property)).filter(lambda t: t.text.notnull())
        # only the rows of the endmost instant are put in order, not all of them
        ends = seen.group_by(end_of="customer_id").aggregate(end=seen.at.max() if self.last else seen.at.min())
        seen = seen.inner_join(ends, [seen.customer_id == ends.end_of, seen.at == ends.end])
        order = [seen.event_id, seen.line]
        place = ibis.row_number().over(
            group_by=seen.customer_id, order_by=[ibis.desc(key) for key in order] if self.last else order
        )
        found = seen.mutate(place=place).filter(lambda t: t.place == 0)
        return found.select("customer_id", **{self.features()[0].name: found.text})


def variety(
    source: Source,
    property: str,
    within: Iterable[Window] = (91, 365, LIFETIME),
    measures: Iterable[str] = MEASURES[:3],
) -> Variety:
    """Distinct values, their entropy and the favourite, such as `items_category_91d_entropy`; `list` gives them all.

    Segment's most frequent, unique list and unique list count.

    Raises:
        FeatureError: a measure or the property is unknown.
    """
    check_property(source, property, "variety")
    chosen = as_names(measures)
    if not chosen or set(chosen) - set(MEASURES):
        raise FeatureError(f"variety: {list(chosen)} must be some of {', '.join(MEASURES)}.")
    return Variety(source, property, windows(within, "variety"), chosen)


def unique_list(source: Source, property: str, within: Iterable[Window] = (LIFETIME,)) -> Variety:
    """All values of a property, sorted, such as `orders_coupon_lifetime_list`."""
    return variety(source, property, within, ("list",))


def unique_count(source: Source, property: str, within: Iterable[Window] = (LIFETIME,)) -> Variety:
    """Number of distinct values of a property, such as `orders_coupon_lifetime_distinct`."""
    return variety(source, property, within, ("distinct",))


def most_frequent(source: Source, property: str, within: Iterable[Window] = (LIFETIME,)) -> Variety:
    """The most frequent value of a property, such as `orders_channel_lifetime_favourite`."""
    return variety(source, property, within, ("favourite",))


def first_value(source: Source, property: str) -> Endmost:
    """A property of the first event that has it, such as `orders_channel_first`."""
    check_property(source, property, "first_value")
    return Endmost(source, property, last=False)


def last_value(source: Source, property: str) -> Endmost:
    """A property of the last event that has it, such as `orders_channel_last`."""
    check_property(source, property, "last_value")
    return Endmost(source, property, last=True)
