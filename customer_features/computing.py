"""From tables to rows: who is at risk at each cutoff, their features, and their label."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from customer_features.canonical import Canonical, facts
from customer_features.engine import Engine
from customer_features.families.family import Known
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.one_cutoff import columns_of
from customer_features.sources import Source
from customer_features.spans import Micros


def compute(
    engine: Engine, canonical: Canonical, features: FeatureSet, label: Label | None, cutoffs: Sequence[Micros]
) -> ir.Table:
    """Features, and labels if asked for, at each cutoff.

    The rows have `customer_id`, `cutoff` as a timestamp, the features, and with a label `label`, `horizon_end` and
    `censor_reason`. They are the engine's, to be dropped with it.

    Raises:
        FeatureError: a family cannot be computed at one of the cutoffs; nothing is computed then.
    """
    for cutoff in cutoffs:
        for family in features.families:
            family.check(cutoff, engine.watermark)
    kept = {source: engine.keep(facts(canonical, source, texts)) for source, texts in _needs(features, label).items()}
    first, *others = (
        at_cutoff(Known(cutoff, canonical, kept), features, label, engine.watermark) for cutoff in cutoffs
    )
    rows = engine.keep(first)
    for other in others:
        engine.append(rows, other)
    for table in kept.values():
        engine.drop(table)
    return rows


def _needs(features: FeatureSet, label: Label | None) -> dict[Source, tuple[str, ...]]:
    needs = features.needs()
    if label is not None:
        needs.setdefault(label.source, ())
    return needs


def at_cutoff(known: Known, features: FeatureSet, label: Label | None, watermark: Micros | None) -> ir.Table:
    """The rows of one cutoff, as an expression."""
    functions, cutoff = known.tables.functions, known.cutoff
    customers = spine(known, label)
    table = columns_of(features.families, known, customers.select("customer_id"))
    names = [feature.name for feature in features.features]
    at = functions.instant(ibis.literal(cutoff, "int64"))
    if label is None:
        return table.select("customer_id", cutoff=at, **{name: table[name] for name in names})
    labels = label.label(known.facts[label.source], customers, cutoff, watermark).rename(label_id="customer_id")
    joined = table.join(labels, table.customer_id == labels.label_id)
    return joined.select(
        "customer_id",
        cutoff=at,
        **{name: joined[name] for name in names},
        label=joined.label,
        horizon_end=functions.instant(ibis.literal(label.ends(cutoff), "int64")),
        censor_reason=joined.censor_reason,
    )


def spine(known: Known, label: Label | None) -> ir.Table:
    """Who is at risk at the cutoff, `customer_id` and `deleted` in microseconds or NULL.

    With a label those it says, else every customer known by then; nobody who was found deleted by then.
    """
    micros, cutoff = known.tables.functions.micros, known.cutoff
    customers = known.tables["customers"]
    all_of_them = customers.select(
        "customer_id",
        created=micros(customers.created_at),
        known=micros(customers.first_seen_at),
        deleted=micros(customers.deleted_at),
    )
    there = all_of_them.filter(all_of_them.deleted.isnull() | (all_of_them.deleted > cutoff))
    if label is None:
        there = there.filter((there.created < cutoff) & (there.known <= cutoff))
        return there.select("customer_id", "deleted")
    at_risk = label.customers(known.facts[label.source], cutoff).rename(risk_id="customer_id")
    return there.join(at_risk, there.customer_id == at_risk.risk_id).select("customer_id", "deleted")
