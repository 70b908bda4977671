"""How long silence must last before it means something, and at which past cutoffs that is known, from the data."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from customer_features.canonical import facts
from customer_features.engine_duckdb import DuckDBEngine
from customer_features.errors import FeatureError
from customer_features.families.family import day_of
from customer_features.labels import Label
from customer_features.sources import Source
from customer_features.spans import DAY, micros, moment, monthly

_SHARE = 0.95
_HISTORY = 12 * 7 * DAY
_CUTOFFS = 24


def usual_horizon(database: Path, source: Source) -> str:
    """The days within which 95 % of all returns came: from a day with an event to the customer's next such day.

    Raises:
        FeatureError: nobody has come back.
    """
    with _engine(database) as engine:
        days = facts(engine.canonical, source, ()).select("customer_id", day=lambda t: day_of(t.at)).distinct()
        gaps = days.select(gap=days.day - days.day.lag().over(group_by=days.customer_id, order_by=days.day))
        (found,) = engine.arrow(gaps.aggregate(days=gaps.gap.quantile(_SHARE)))["days"].to_pylist()
    if found is None:
        raise FeatureError(f"No customer has {source.words()} on two days: there is no usual horizon, so name one.")
    return f"{math.ceil(found)}d"


def past_cutoffs(database: Path, label: Label, otherwise: str = "name a shorter horizon") -> list[datetime]:
    """The firsts of months that have 12 weeks of history before them and a label that is known; at most the last 24.

    Raises:
        FeatureError: there is none; it says to load more, or `otherwise`.
    """
    with _engine(database) as engine:
        seen = facts(engine.canonical, label.source, ())
        (first,) = engine.arrow(seen.aggregate(first=seen.at.min()))["first"].to_pylist()
        watermark = engine.watermark
    if first is None or watermark is None:
        raise FeatureError(f"There is no {label.source.words()} yet: load some first.")
    months = monthly(moment(first).replace(day=1), moment(max(first, watermark)))
    found = [
        cutoff
        for cutoff in months
        if micros(cutoff) >= first + _HISTORY and label.known_from(micros(cutoff)) <= watermark
    ]
    if not found:
        raise FeatureError(
            f"No first of a month has 12 weeks of history before it and a known label of {label.horizon}: the data "
            f"reach from {moment(first):%Y-%m-%d} to {moment(watermark):%Y-%m-%d}. Load more history, or {otherwise}."
        )
    return found[-_CUTOFFS:]


@contextmanager
def _engine(database: Path) -> Iterator[Any]:
    engine = DuckDBEngine(database)
    try:
        yield engine
    finally:
        engine.close()
