"""`build`: features and labels at cutoffs, from the canonical tables."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.computing import compute
from customer_features.dataset import Dataset
from customer_features.engine import Engine
from customer_features.engine_duckdb import DuckDBEngine
from customer_features.errors import FeatureError, shown
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.manifest import counts, manifest
from customer_features.spans import Cutoff, Micros, micros, moment

NOW = "now"
"""A cutoff: the watermark, up to which all events are there."""


def build(
    features: FeatureSet,
    label: Label | None = None,
    *,
    cutoffs: Cutoff | Iterable[Cutoff],
    on: str | Path | Engine = "customers.duckdb",
) -> Dataset:
    """Features, and labels where a label is given, of every customer at risk at each cutoff.

    Without a label, every customer who was known at the cutoff has a row. Cutoffs are one or several instants, or
    `"now"`: the watermark of the data, and the latest that there can be. `on` is a DuckDB file with `customer_tables`,
    or an engine such as `SparkEngine`, which is closed with the result.

    Raises:
        FeatureError: features, label or a cutoff is none; a cutoff is later than the watermark; a family cannot be
            computed at it; tables are missing.
    """
    if not isinstance(features, FeatureSet):
        raise FeatureError(
            f"build: features must be a set, as FeatureSet('churn', recency(orders)) is; this is {shown(features)}."
        )
    if not isinstance(label, Label | None):
        raise FeatureError(
            f"build: label must be one, as Inactivity(orders, horizon='91d') is, or None; this is {shown(label)}."
        )
    given = _given(cutoffs)
    engine = on if not isinstance(on, str | Path) else DuckDBEngine(Path(on))
    try:
        chosen = _instants(given, engine.watermark)
        computed = compute(engine, engine.canonical, features, label, chosen)
        told = manifest(engine, features, label, chosen, counts(engine, engine.canonical))
    except BaseException:
        engine.close()
        raise

    store = engine.store if isinstance(engine, DuckDBEngine) else _no_place
    return Dataset(engine, computed, features, label, chosen, told, store)


def _no_place(name: str, rows: pa.Table, told: dict[str, Any]) -> None:
    raise FeatureError(f"table: this engine has no place for {name}; write the rows with parquet() instead.")


def _given(cutoffs: Cutoff | Iterable[Cutoff]) -> list[Micros | None]:
    """The cutoffs in microseconds since 1970, None for now."""
    given = cutoffs if isinstance(cutoffs, Iterable) and not isinstance(cutoffs, str) else [cutoffs]
    try:
        found = [None if isinstance(cutoff, str) and cutoff == NOW else micros(cutoff) for cutoff in given]
    except FeatureError as error:
        raise FeatureError(f"cutoffs: {error}") from None
    if not found:
        raise FeatureError("cutoffs: give at least one, as in cutoffs=monthly('2025-01', '2026-06').")
    ((often, times),) = Counter(found).most_common(1)
    if times > 1:
        named = NOW if often is None else moment(often).isoformat()
        raise FeatureError(f"cutoffs: {named} is there {times} times; give each cutoff once.")
    return found


def _instants(given: list[Micros | None], watermark: Micros | None) -> list[Micros]:
    if None in given and watermark is None:
        raise FeatureError("There are no events yet, so there is no 'now': load some first.")
    found = {watermark if cutoff is None else cutoff for cutoff in given}
    instants = sorted(cutoff for cutoff in found if cutoff is not None)
    if watermark is not None and instants[-1] > watermark:
        raise FeatureError(
            f"The cutoff {moment(instants[-1]).isoformat()} is later than the data, which are whole until "
            f"{moment(watermark).isoformat()}: events before it are missing. Use the cutoff 'now', or load more first."
        )
    return instants
