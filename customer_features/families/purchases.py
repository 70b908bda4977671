"""How customers come back: repeat purchases as buy-till-you-die models count them, and the gaps between them.

Purchases of one day (UTC) are one. Fader, Hardie and Lee, "Counting Your Customers" the Easy Way (2005), define x, t_x
and T; zbar is the mean of a repeat purchase's value, as in their Gamma-Gamma model of spend (2005).
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from customer_features.families.family import Feature, Known, OfSource, as_number, day_of, last_whole_day, ratio
from customer_features.sources import Source

_WEEK = 7.0


@dataclass(frozen=True)
class Repurchase(OfSource):
    """x, t_x, T and zbar, in weeks."""

    def features(self) -> tuple[Feature, ...]:
        name, words = self.source.name, self.source.words()
        found = [
            Feature(f"{name}_x", f"number of days with {words} after the first such day", "integer", self.source),
            Feature(f"{name}_t_x", f"weeks from the first to the last day with {words}", "number", self.source),
            Feature(
                f"{name}_t", f"weeks from the first day with {words} to the last day that began before the cutoff, "
                "whether or not anything happened on it", "number", self.source,
            ),
        ]  # fmt: skip
        if self.source.value:
            words = f"mean of a day's {self.source.value} over the days with {words} after the first such day"
            found.append(Feature(f"{name}_zbar", words, "number", self.source))
        return tuple(found)

    def table(self, known: Known) -> ir.Table:
        seen = known.visible(self.source)
        days = seen.group_by("customer_id", day=day_of(seen.at)).aggregate(total=seen.value.sum())
        first = days.group_by("customer_id").aggregate(
            first=days.day.min(),
            last=days.day.max(),
            count=days.count(),
            total=days.total.sum(),
            valued=days.total.count(),
        )
        start = days.join(first, ["customer_id", days.day == first.first]).select(
            "customer_id",
            at_first=days.total.fill_null(ibis.literal(0, "decimal(18, 6)")),
            valued_at_first=days.total.notnull().cast("int64"),
        )
        joined = first.join(start, "customer_id")
        x = joined["count"] - 1
        # days without any number for a value have no part in the mean
        valued = joined.valued - joined.valued_at_first
        columns = {
            "x": x,
            "t_x": as_number(joined["last"] - joined["first"]) / _WEEK,
            "t": as_number(ibis.literal(last_whole_day(known.cutoff), "int64") - joined["first"]) / _WEEK,
            "zbar": ratio(joined.total - joined.at_first, valued),
        }
        names = [feature.name for feature in self.features()]
        return joined.select(
            "customer_id", **{name: columns[name.removeprefix(f"{self.source.name}_")] for name in names}
        )


@dataclass(frozen=True)
class Gaps(OfSource):
    """Median and spread of the days between two purchases, and the recency in medians."""

    def features(self) -> tuple[Feature, ...]:
        name, words = self.source.name, f"days between a day with {self.source.words()} and the next one"
        return (
            Feature(f"{name}_gap_median_days", f"median of the {words}", "number", self.source),
            Feature(f"{name}_gap_std_days", f"standard deviation of the {words}", "number", self.source),
            Feature(
                f"{name}_recency_over_gap",
                f"days since the last one over the median of the {words}",
                "number",
                self.source,
            ),
        )

    def table(self, known: Known) -> ir.Table:
        seen = known.visible(self.source)
        days = seen.select("customer_id", day=day_of(seen.at)).distinct()
        before = days.day.lag().over(group_by=days.customer_id, order_by=days.day)
        gaps = days.mutate(gap=days.day - before)
        count, total = as_number(gaps.gap.count()), as_number(gaps.gap.sum())
        squares = as_number((gaps.gap * gaps.gap).sum())
        variance = (squares - total * total / count.nullif(0.0)) / (count - 1.0).nullif(0.0)
        found = gaps.group_by("customer_id").aggregate(
            median=as_number(gaps.gap.median()),
            variance=variance,
            same=gaps.gap.max() == gaps.gap.min(),
            last=gaps.day.max(),
        )
        recency = as_number(ibis.literal(last_whole_day(known.cutoff), "int64") - found["last"])
        median, std, over = (feature.name for feature in self.features())
        return found.select(
            "customer_id",
            **{
                median: found.median,
                std: ibis.cases(
                    (found.variance.isnull(), ibis.null("float64")),
                    (found.same, 0.0),
                    else_=ibis.greatest(found.variance, 0.0).sqrt(),
                ),
                over: ratio(recency, found.median),
            },
        )


def repurchase(source: Source) -> Repurchase:
    """x, t_x, T and zbar of buy-till-you-die models, in weeks: `orders_x`, `orders_t_x`, `orders_t`, `orders_zbar`."""
    return Repurchase(source)


def gaps(source: Source) -> Gaps:
    """Median and spread of the days between purchases, and days since the last one over the median."""
    return Gaps(source)
