"""The jobs `intilery features build`, `prove` and `explain`: a set of features over the canonical tables."""

import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from customer_features import NOW, Dataset, FeatureError, FeatureSet, Inactivity, build, monthly
from pipelines.recipe import Recipe

_FEATURES, _LABEL = "features", "label"


@dataclass(frozen=True, slots=True)
class FeaturesRequest:
    """Which features, of which DuckDB file, at which cutoffs.

    `definition` is a Python file with `features`, a `FeatureSet`, and perhaps `label`; without one it is the recipe's.
    Without a horizon or a label in the file there are no labels.
    """

    database: Path
    cutoffs: tuple[str, ...]
    definition: Path | None
    event: str
    value: str
    horizon: str | None
    gap: str
    at_risk: str | None
    traits: tuple[str, ...]


def dataset(request: FeaturesRequest) -> Dataset:
    """Compute what was asked for.

    Raises:
        FeatureError: a definition, cutoff or table is wrong or missing.
    """
    features, label = _defined(request)
    return build(features, label, cutoffs=cutoffs(request.cutoffs), on=request.database)


def cutoffs(given: Sequence[str]) -> list[str | datetime]:
    """Instants, `now`, and ranges of months such as `2025-01..2026-06`; `now` if nothing is given."""
    found: list[str | datetime] = []
    for text in given or [NOW]:
        first, between, last = text.partition("..")
        found += monthly(first, last) if between else [text]
    return found


def _defined(request: FeaturesRequest) -> tuple[FeatureSet, Inactivity | None]:
    if request.definition is None:
        recipe = Recipe(
            request.event, request.value, request.horizon or "1d", request.gap, request.at_risk, request.traits
        )
        return recipe.features, recipe.label if request.horizon else None
    if not request.definition.is_file():
        raise FeatureError(
            f"There is no file {request.definition}: write one that defines {_FEATURES} = FeatureSet(...)."
        )
    try:
        found = runpy.run_path(str(request.definition))
    except FeatureError:
        raise
    except Exception as error:
        raise FeatureError(f"{request.definition} cannot be run: {type(error).__name__}: {error}") from error
    features, label = found.get(_FEATURES), found.get(_LABEL)
    if not isinstance(features, FeatureSet) or not isinstance(label, Inactivity | None):
        raise FeatureError(
            f"{request.definition} must define {_FEATURES} = FeatureSet(...); it may define {_LABEL} = Inactivity(...)."
        )
    return features, label
