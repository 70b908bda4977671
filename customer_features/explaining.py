"""Which rows are behind a value."""

from collections.abc import Iterable

import ibis.expr.types as ir
import pandas as pd

from customer_features.canonical import EVENT_NAME, Canonical, facts, text_column
from customer_features.engine import Engine
from customer_features.errors import FeatureError
from customer_features.families.family import Known, Need
from customer_features.feature_set import FeatureSet
from customer_features.sources import Events
from customer_features.spans import Micros, moment


def explain(
    engine: Engine, rows: ir.Table, features: FeatureSet, customer: str, cutoff: Micros, name: str
) -> pd.DataFrame:
    """The rows that a feature of a customer saw at a cutoff, oldest first, with the properties that it or its source
    reads by their names.

    `.attrs` has `value`, `words` and `customer`, `cutoff`.

    Raises:
        FeatureError: there is no such feature, or no row of the customer at the cutoff.
    """
    family, feature = features.family_of(name)
    at = engine.canonical.functions.instant(cutoff)
    found = engine.arrow(rows.filter((rows.customer_id == customer) & (rows.cutoff == at)).select(name)).to_pylist()
    if not found:
        raise FeatureError(
            f"There is no row of {customer!r} at {moment(cutoff).isoformat()}: they were not at risk then, or it is "
            "none of the cutoffs."
        )
    tables = only(engine.canonical, customer)
    needs = {need.source: _properties(need) for need in family.needs()}
    read = {source: facts(tables, source, properties) for source, properties in needs.items()}
    seen: pd.DataFrame = engine.arrow(family.rows(Known(cutoff, tables, read), feature)).to_pandas()
    seen = seen.rename(columns=_names(seen.columns, [each for properties in needs.values() for each in properties]))
    order = [column for column in ("at", "known", "event_id", "line") if column in seen.columns]
    seen = seen.sort_values(order).reset_index(drop=True) if order else seen
    for column in {"at", "known"} & set(seen.columns):
        seen[column] = pd.to_datetime(seen[column], unit="us", utc=True)
    seen.attrs = {"value": found[0][name], "words": feature.words, "customer": customer, "cutoff": moment(cutoff)}
    return seen


def _properties(need: Need) -> tuple[str, ...]:
    """The properties that a family reads as text, and those that its source's conditions compare."""
    compared = [each.property for each in need.source.where] if isinstance(need.source, Events) else []
    return tuple(dict.fromkeys([*need.texts, *compared]))


def _names(columns: Iterable[str], properties: Iterable[str]) -> dict[str, str]:
    """What to call the columns of properties: as the properties, but for those that a fact has anyway, such as `at`."""
    taken, found = set(columns), {}
    for property in properties:
        name = "event_name" if property == EVENT_NAME else property
        found[text_column(property)] = f"properties.{name}" if name in taken else name
    return found


def only(canonical: Canonical, *customers: str) -> Canonical:
    """The tables with the rows of some customers."""
    return canonical.changed(
        **{name: table.filter(table.customer_id.isin(customers)) for name, table in canonical.tables.items()}
    )
