"""The columns of several families at one cutoff, as one expression."""

from collections.abc import Iterable
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError
from customer_features.families.family import Family, Feature, Known
from customer_features.sources import Source

_TYPES = {"integer": "int64", "number": "float64", "text": "string", "boolean": "boolean", "texts": "array<string>"}


def columns_of(families: Iterable[Family], known: Known, customers: ir.Table) -> ir.Table:
    """`customer_id` of each row of `customers`, and one column a feature.

    Families that only reduce a source's facts share one pass over them.
    """
    chosen = tuple(families)
    parts = [*_passes(chosen, known)]
    parts += [table for family in chosen if (table := family.table(known)) is not None]
    joined = customers
    for number, part in enumerate(parts):
        key = f"key_{number}"
        joined = joined.left_join(part.rename({key: "customer_id"}), joined.customer_id == part.customer_id).drop(key)
    features = [feature for family in chosen for feature in family.features()]
    return joined.select("customer_id", **{feature.name: _typed(joined, feature) for feature in features})


def _passes(families: tuple[Family, ...], known: Known) -> Iterable[ir.Table]:
    reductions: dict[Source, dict[str, ir.Value]] = {}
    seen: dict[Source, ir.Table] = {}
    for family in families:
        needs = family.needs()
        if len(needs) == 1:
            source = needs[0].source
            if source not in seen:
                seen[source] = known.visible(source)
            reductions.setdefault(source, {}).update(family.aggregates(known, seen[source]))
    for source, columns in reductions.items():
        if columns:
            yield seen[source].group_by("customer_id").aggregate(**columns)


def _typed(joined: ir.Table, feature: Feature) -> Any:
    if feature.name not in joined.columns:
        raise FeatureError(f"{feature.name}: its family gives no such column.")
    column = joined[feature.name].cast(_TYPES[feature.type])
    return column if feature.fill is None else ibis.coalesce(column, ibis.literal(feature.fill, _TYPES[feature.type]))
