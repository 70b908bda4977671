"""The columns of several families at one cutoff, as one expression."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError
from customer_features.families.family import TYPES, Family, Feature, Known
from customer_features.sources import Source


def parts_of(families: Iterable[Family], known: Known) -> Iterator[ir.Table]:
    """Tables of `customer_id` and columns of features, which together have all features of the families.

    Families that only reduce a source's facts share one pass over them.
    """
    chosen = tuple(families)
    yield from _passes(chosen, known)
    for family in chosen:
        table = family.table(known)
        if table is not None:
            yield table


def columns_of(
    families: Iterable[Family],
    parts: Iterable[ir.Table],
    customers: ir.Table,
    customer: ir.Value,
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None = None,
) -> ir.Table:
    """One row a row of `customers`, and one column a feature, from the families' parts.

    `customer` is the column of `customers` to find a part's rows by; their names begin with an underscore, which no
    feature's does. Columns `before` and `after` the features may refer to those of `customers` and of any part.
    """
    joined = customers
    for number, part in enumerate(parts):
        keyed = part.rename({f"_key_{number}": "customer_id"})
        joined = joined.left_join(keyed, customer == keyed[f"_key_{number}"])
    features = [feature for family in families for feature in family.features()]
    columns = {feature.name: _typed(joined, feature) for feature in features}
    return joined.select(**before, **columns, **(after or {}))


def _passes(families: tuple[Family, ...], known: Known) -> Iterator[ir.Table]:
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
    column = joined[feature.name].cast(TYPES[feature.type])
    return column if feature.fill is None else ibis.coalesce(column, ibis.literal(feature.fill, TYPES[feature.type]))
