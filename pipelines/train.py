"""The job `intilery train`: the baseline model, tried at past cutoffs and saved with its manifest."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from customer_features import Events, FeatureError, build
from customer_features.backtest import Backtest, backtest
from customer_features.encoding import feature_columns
from customer_features.evaluation import rolling_origin
from customer_features.horizon import past_cutoffs, usual_horizon
from customer_features.spans import micros, moment
from customer_features.training import Training
from pipelines.event_names import check_event
from pipelines.recipe import EVENT, VALUE, Recipe

_TESTED = 3


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """From which DuckDB file, into which folder, and what churn is.

    Without an event or a value, it is completed orders and their total; without a horizon, the usual one of the data.
    """

    database: Path
    folder: Path
    event: str | None = None
    value: str | None = None
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
        FeatureError: there is no such event, no data or too little of it, or no place for the model.
    """
    _check_place(request.folder)
    event = EVENT if request.event is None else request.event
    check_event(request.database, event, request.value)
    horizon = usual_horizon(request.database, Events(event)) if request.horizon is None else request.horizon
    of_data = f"the {horizon} within which 95 % of returns came"
    shorter = f"name a shorter --horizon than {of_data if request.horizon is None else horizon}"
    value = VALUE if request.value is None else request.value
    recipe = Recipe(event, value, horizon, request.gap, request.at_risk, request.traits)
    cutoffs = past_cutoffs(request.database, recipe.label, shorter)
    if _first_test({cutoff: moment(recipe.label.ends(micros(cutoff))) for cutoff in cutoffs}, cutoffs) is None:
        raise FeatureError(
            f"There are {len(cutoffs)} past cutoffs with known labels. A model that is trained, calibrated and tested, "
            f"each after the horizons of what came before, needs more: load more history, or {shorter}."
        )
    with build(recipe.features, recipe.label, cutoffs=cutoffs, on=request.database) as data:
        table, made_of = data.arrow(), data.manifest
    training = Training(table, feature_columns(table))
    first_test = _first_test(training.horizon_ends, cutoffs)
    if first_test is None:
        longer = "" if request.at_risk is None else f"name a longer --at-risk than {request.at_risk}, or "
        raise FeatureError(
            f"Of {len(cutoffs)} past cutoffs, {len(training.horizon_ends)} have customers at risk with a known label, "
            f"which are too few for a model: {longer}load more history."
        )
    tried = backtest(training, recipe.recency, first_test)
    about = {
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.as_dict(),
        "definition_hash": made_of["definition_hash"],
        "data": made_of,
        "evaluation": tried.as_dict(),
    }
    return TrainResult(request.folder, training.model().save(request.folder, about), tried)


def _check_place(folder: Path) -> None:
    """Raises FeatureError if no model can be written into a folder, or the folder cannot be made."""
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise FeatureError(f"--model {folder}: {place} is no folder, so that none can be made there; name another one.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise FeatureError(f"--model {folder}: there is no permission to write to {place}; name another folder.")


def _first_test(horizon_ends: Mapping[datetime, datetime], cutoffs: Sequence[datetime]) -> datetime | None:
    """The third cutoff from the end, or the first later one before which a model can be trained and calibrated."""
    for fold in rolling_origin(horizon_ends, cutoffs[-_TESTED:][0]):
        ends = {cutoff: horizon_ends[cutoff] for cutoff in fold.training}
        if rolling_origin(ends, min(ends)):
            return fold.test
    return None
