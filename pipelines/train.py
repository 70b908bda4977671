"""The job `intilery train`: the baseline model, tried at past cutoffs and saved with its manifest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from customer_features import Events, FeatureError, build
from customer_features.backtest import Backtest, backtest
from customer_features.encoding import feature_columns
from customer_features.evaluation import rolling_origin
from customer_features.horizon import past_cutoffs, usual_horizon
from customer_features.training import Training
from pipelines.recipe import Recipe

_TESTED = 3


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """From which DuckDB file, into which folder, and what churn is; without a horizon, the usual one of the data."""

    database: Path
    folder: Path
    event: str = "Order Completed"
    value: str = "total"
    horizon: str | None = None
    gap: str = "0d"
    at_risk: str | None = None
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What was trained: the manifest that was written, and how the model did at past cutoffs."""

    folder: Path
    manifest: dict[str, Any]
    backtest: Backtest


def train(request: TrainRequest) -> TrainResult:
    """Train at the firsts of past months, test at the last three of them, and save a model of all of them.

    Raises:
        FeatureError: there is no data, or too little of it.
    """
    horizon = request.horizon or usual_horizon(request.database, Events(request.event))
    recipe = Recipe(request.event, request.value, horizon, request.gap, request.at_risk, request.traits)
    cutoffs = past_cutoffs(request.database, recipe.label)
    with build(recipe.features, recipe.label, cutoffs=cutoffs, on=request.database) as data:
        table, made_of = data.arrow(), data.manifest
    training = Training(table, feature_columns(table))
    tried = backtest(training, recipe.recency, _first_test(training, cutoffs))
    about = {
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.as_dict(),
        "definition_hash": made_of["definition_hash"],
        "data": made_of,
        "evaluation": tried.as_dict(),
    }
    return TrainResult(request.folder, training.model().save(request.folder, about), tried)


def _first_test(training: Training, cutoffs: list[datetime]) -> datetime:
    """The third cutoff from the end, or the first later one before which a model can be trained and calibrated."""
    for fold in rolling_origin(training.horizon_ends, cutoffs[-_TESTED:][0]):
        ends = {cutoff: training.horizon_ends[cutoff] for cutoff in fold.training}
        if rolling_origin(ends, min(ends)):
            return fold.test
    raise FeatureError(
        f"There are {len(cutoffs)} past cutoffs with known labels. A model that is trained, calibrated and tested, "
        "each after the horizons of what came before, needs more: load more history, or name a shorter --horizon."
    )
