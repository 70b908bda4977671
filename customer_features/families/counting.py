"""How often, how much and how long ago: what one pass over a source's facts gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError, shown
from customer_features.families.family import (
    Feature,
    Known,
    OfSource,
    as_number,
    day_of,
    number_of,
    ratio,
    since,
    spread,
)
from customer_features.sources import Source, as_names, check_source
from customer_features.spans import DAY, LIFETIME, WINDOWS, Window, in_words, length, longest, suffix, windows

STATISTICS = ("sum", "mean", "std", "min", "max")


@dataclass(frozen=True)
class Recency(OfSource):
    """Days since the latest event."""

    def features(self) -> tuple[Feature, ...]:
        words = f"days from the latest {self.source.words()} to the cutoff"
        return (Feature(f"{self.source.name}_recency_days", words, "number", self.source),)

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        days = as_number(ibis.literal(known.cutoff, "int64") - seen.at.max()) / float(DAY)
        return {self.features()[0].name: days}


@dataclass(frozen=True)
class Counts(OfSource):
    """Events in each window."""

    windows: tuple[Window, ...]

    def features(self) -> tuple[Feature, ...]:
        return tuple(
            Feature(
                f"{self.source.name}_{suffix(window)}", f"number of {self.source.words()} {in_words(window)}",
                "integer", self.source, window, 0,
            )
            for window in self.windows
        )  # fmt: skip

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        return {
            feature.name: number_of(since(seen, known, feature.window)) if feature.window != LIFETIME else seen.count()
            for feature in self.features()
        }


@dataclass(frozen=True)
class ActiveDays(OfSource):
    """Days in UTC with at least one event, in each window."""

    windows: tuple[Window, ...]

    def features(self) -> tuple[Feature, ...]:
        return tuple(
            Feature(
                f"{self.source.name}_active_days_{suffix(window)}",
                f"number of days with {self.source.words()} {in_words(window)}", "integer", self.source, window, 0,
            )
            for window in self.windows
        )  # fmt: skip

    def table(self, known: Known) -> ir.Table:
        # the latest instant of a day says in which windows the day counts: no distinct count for each
        seen = known.visible(self.source)
        seen = seen.filter(since(seen, known, longest(self.windows)))
        days = seen.group_by("customer_id", day=day_of(seen.at)).aggregate(at=seen.at.max())
        return days.group_by("customer_id").aggregate(
            **{feature.name: number_of(since(days, known, feature.window)) for feature in self.features()}
        )


@dataclass(frozen=True)
class Aggregation(OfSource):
    """Sum, mean, standard deviation, least and greatest of the events' values, in each window."""

    windows: tuple[Window, ...]
    statistics: tuple[str, ...]

    def _each(self) -> Iterable[tuple[Feature, str]]:
        named = {"sum": "sum", "mean": "mean", "std": "standard deviation", "min": "least", "max": "greatest"}
        for window in self.windows:
            for statistic in self.statistics:
                tail = "" if statistic == "sum" else f"_{statistic}"
                words = f"{named[statistic]} of {self.source.value} over {self.source.words()} {in_words(window)}"
                fill = 0 if statistic == "sum" else None
                name = f"{self.source.value_name}_{suffix(window)}{tail}"
                yield Feature(name, words, "number", self.source, window, fill), statistic

    def features(self) -> tuple[Feature, ...]:
        return tuple(feature for feature, _ in self._each())

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        return {
            feature.name: _statistic(seen.value, statistic, since(seen, known, feature.window))
            for feature, statistic in self._each()
        }


def _statistic(values: Any, statistic: str, where: Any) -> Any:
    if statistic == "sum":
        return as_number(ibis.coalesce(values.sum(where=where), ibis.literal(0, "decimal(18, 6)")))
    if statistic == "mean":
        return ratio(values.sum(where=where), values.count(where=where))
    if statistic == "std":
        return spread(values, where)
    return as_number(values.min(where=where) if statistic == "min" else values.max(where=where))


@dataclass(frozen=True)
class Trend(OfSource):
    """The rate of events in a short window over that in a long one; NULL where the long one has none."""

    short: int
    long: int

    def features(self) -> tuple[Feature, ...]:
        words = (
            f"daily rate of {self.source.words()} in the {self.short} days before the cutoff over that in the "
            f"{self.long} days before it"
        )
        return (
            Feature(f"{self.source.name}_trend_{self.short}d_{self.long}d", words, "number", self.source, self.long),
        )

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        short, long = (number_of(since(seen, known, window)) for window in (self.short, self.long))
        return {
            self.features()[0].name: ratio(as_number(short) / float(self.short), as_number(long) / float(self.long))
        }


@dataclass(frozen=True)
class Lags(OfSource):
    """Events in each of the weeks before the cutoff, week 1 being the last."""

    weeks: int

    def features(self) -> tuple[Feature, ...]:
        return tuple(
            Feature(
                f"{self.source.name}_week_{week}",
                f"number of {self.source.words()} from {7 * week} to {7 * week - 7} days before the cutoff", "integer",
                self.source, 7 * week, 0,
            )
            for week in range(1, self.weeks + 1)
        )  # fmt: skip

    def aggregates(self, known: Known, seen: ir.Table) -> dict[str, ir.Value]:
        return {feature.name: number_of(_in_week(seen, known, feature)) for feature in self.features()}

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        seen = known.visible(self.source)
        return seen.filter(_in_week(seen, known, feature))


def _in_week(seen: ir.Table, known: Known, feature: Feature) -> Any:
    """Whether a fact lies in the week with which the window of a feature begins."""
    start = known.cutoff - (length(feature.window) or 0)
    return (seen.at >= start) & (seen.at < start + 7 * DAY)


def recency(source: Source) -> Recency:
    """Days since the latest event, such as `orders_recency_days`; NULL where there was none."""
    return Recency(source)


def counts(source: Source, within: Iterable[Window] = WINDOWS) -> Counts:
    """Number of events in each window, such as `orders_28d`: Segment's event counter."""
    return Counts(source, windows(within, "counts"))


def active_days(source: Source, within: Iterable[Window] = WINDOWS) -> ActiveDays:
    """Number of days (UTC) with an event in each window, such as `orders_active_days_28d`."""
    return ActiveDays(source, windows(within, "active_days"))


def aggregation(
    source: Source, within: Iterable[Window] = WINDOWS, statistics: Iterable[str] = STATISTICS
) -> Aggregation:
    """Sum, mean, std, min, max of the events' values in each window, such as `revenue_91d_mean`: Segment's aggregation.

    Raises:
        FeatureError: the events have no value, or a statistic is unknown.
    """
    check_source(source, "aggregation")
    chosen = as_names(statistics)
    if not source.value:
        raise FeatureError(
            f"aggregation({source.words()}): say which property to sum, as in Events(..., value='total')."
        )
    if not chosen or set(chosen) - set(STATISTICS):
        raise FeatureError(f"aggregation: {list(chosen)} must be some of {', '.join(STATISTICS)}.")
    return Aggregation(source, windows(within, "aggregation"), chosen)


def trend(source: Source, short: int = 28, long: int = 91) -> Trend:
    """The rate in the last `short` days over the rate in the last `long` days, such as `orders_trend_28d_91d`."""
    windows([short, long], "trend")
    if not isinstance(short, int) or not isinstance(long, int):
        raise FeatureError("trend: both windows are whole days, as in trend(orders, 28, 91).")
    if not short < long:
        raise FeatureError(f"trend: the first window must be the shorter one; {short} is not less than {long}.")
    return Trend(source, short, long)


def lags(source: Source, weeks: int = 5) -> Lags:
    """Number of events in each of the last weeks, such as `orders_week_1`."""
    if not isinstance(weeks, int):
        raise FeatureError(f"lags: {shown(weeks)} is no number of weeks: write a whole one, as in lags(orders, 5).")
    windows([weeks], "lags")
    return Lags(source, weeks)
