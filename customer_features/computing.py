"""From tables to rows: who is at risk at each cutoff, their features, and their label."""

from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir

from customer_features.canonical import Canonical, facts
from customer_features.engine import Engine
from customer_features.errors import FeatureError
from customer_features.families.custom import Custom
from customer_features.families.family import Known
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.numbering import numbered
from customer_features.one_cutoff import columns_of, parts_of
from customer_features.sources import Source
from customer_features.spans import Micros
from customer_features.spine import spine


def compute(
    engine: Engine, canonical: Canonical, features: FeatureSet, label: Label | None, cutoffs: Sequence[Micros]
) -> ir.Table:
    """Features, and labels if asked for, at each cutoff.

    The rows have `customer_id`, `cutoff` as a timestamp, the features, and with a label `label`, `horizon_end` and
    `censor_reason`. They are the engine's, to be dropped with it.

    Raises:
        FeatureError: a family cannot be computed at one of the cutoffs, and nothing is computed then; a feature of
            the user's own gives several rows a customer.
    """
    for cutoff in cutoffs:
        for family in features.families:
            family.check(cutoff, engine.watermark)
    kept: list[ir.Table] = []

    def keep(table: ir.Table, together: str | None = None) -> ir.Table:
        kept.append(engine.keep(table, together=together))
        return kept[-1]

    tables = numbered(keep, canonical)
    known_facts = {
        source: keep(facts(tables, source, texts), "customer_id") for source, texts in needs(features, label).items()
    }
    of_all_cutoffs = len(kept)
    rows: ir.Table | None = None
    for cutoff in cutoffs:
        found = at_cutoff(keep, Known(cutoff, tables, known_facts), features, label, engine.watermark)
        for family in features.families:
            if isinstance(family, Custom):
                _one_row_a_customer(engine, family, kept[of_all_cutoffs:])
        rows = engine.keep(found) if rows is None else engine.append(rows, found)
        while len(kept) > of_all_cutoffs:
            engine.drop(kept.pop())
    for table in kept:
        engine.drop(table)
    if rows is None:
        raise FeatureError("Give at least one cutoff.")
    return rows


def _one_row_a_customer(engine: Engine, family: Custom, parts: Sequence[ir.Table]) -> None:
    """Raises FeatureError if a feature of the user's own would multiply rows."""
    part = next(part for part in parts if family.name in part.columns).filter(lambda t: t.customer_id.notnull())
    counted = part.aggregate(rows=part.count(), customers=part.customer_id.nunique())
    (found,) = engine.arrow(counted).to_pylist()
    if found["rows"] != found["customers"]:
        raise FeatureError(
            f"{family.name}: its function gives {found['rows']} rows of {found['customers']} customers, and must give "
            "one row a customer. Reduce them, as in table.group_by('customer_id').aggregate(...)."
        )


def _kept(keep: Callable[[ir.Table], ir.Table], part: ir.Table, features: FeatureSet) -> ir.Table:
    """The part, computed.

    Raises:
        FeatureError: it is of the user's own function, and cannot be computed.
    """
    own = [family.name for family in features.families if isinstance(family, Custom) and family.name in part.columns]
    try:
        return keep(part)
    except Exception as error:
        if not own:
            raise
        # what engines say may quote values
        raise FeatureError(
            f"{own[0]}: the table that its function gives cannot be computed ({type(error).__name__}). In Python, the "
            "cause of this error has the engine's message, which may quote data."
        ) from error


def needs(features: FeatureSet, label: Label | None) -> dict[Source, tuple[str, ...]]:
    """The sources that features and label read, and the properties of each that are read as text."""
    found = features.needs()
    if label is not None:
        found.setdefault(label.source, ())
    return found


def at_cutoff(
    keep: Callable[[ir.Table], ir.Table],
    known: Known,
    features: FeatureSet,
    label: Label | None,
    watermark: Micros | None,
) -> ir.Table:
    """The rows of one cutoff, from parts that `keep` computes.

    One by one, each part is quick to plan; as one expression they would take seconds.
    """
    functions = known.tables.functions
    customers = keep(spine(known, label))
    parts = [_kept(keep, part, features) for part in parts_of(features.families, known)]
    # no feature has a name that begins with an underscore
    named = customers.select(_customer="customer_id", _name="name")
    before = {
        "customer_id": named["_name"],
        "cutoff": functions.instant(ibis.literal(known.cutoff, "int64")),
    }
    if label is None:
        return columns_of(features.families, parts, named, named["_customer"], before)
    parts.append(keep(label.label(known.facts[label.source], customers, known.cutoff, watermark)))
    ends = functions.instant(ibis.literal(label.ends(known.cutoff), "int64"))
    after = {"label": ibis._.label, "horizon_end": ends, "censor_reason": ibis._.censor_reason}
    return columns_of(features.families, parts, named, named["_customer"], before, after)
