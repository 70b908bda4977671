"""What a build was made of: definitions and their hash, the data and their watermark, versions, and counts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from customer_features.canonical import Canonical
from customer_features.engine import Engine
from customer_features.feature_set import FeatureSet, as_data, digest
from customer_features.labels import Label
from customer_features.spans import Micros, moment

_PACKAGES = ("duckdb", "ibis-framework", "pyarrow")


def manifest(
    engine: Engine, features: FeatureSet, label: Label | None, cutoffs: Sequence[Micros], counts: dict[str, Any]
) -> dict[str, Any]:
    """The manifest as plain data, without customers' values."""
    definition = {"features": features.definition(), "label": as_data(label)}
    return {
        "definition_hash": digest(definition),
        "features_hash": features.hash(),
        "definition": definition,
        "columns": features.describe(),
        "cutoffs": [moment(cutoff).isoformat() for cutoff in cutoffs],
        "watermark": None if engine.watermark is None else moment(engine.watermark).isoformat(),
        "engine": engine.canonical.functions.dialect,
        "source": engine.source,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in (*_PACKAGES, "customer-platform-extractor")},
        "counts": counts,
    }


def counts(engine: Engine, canonical: Canonical) -> dict[str, int]:
    """Customers, those deleted, profiles merged into others, events of nobody known, and knowledge times imputed."""
    customers, events = canonical["customers"], canonical["customer_events"]
    of_customers = customers.aggregate(
        customers=customers.count(), deleted=customers.deleted_at.count(), merged=customers.merged_from.sum()
    )
    of_events = events.aggregate(events=events.count(), events_of_nobody=events.count() - events.customer_id.count())
    found: dict[str, int] = {}
    for table in (of_customers, of_events):
        (row,) = engine.arrow(table).to_pylist()
        found |= {name: int(value or 0) for name, value in row.items()}
    return found | {"known_at_imputed": engine.imputed()}
