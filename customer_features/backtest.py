"""Rolling origin: what the baseline model would have been worth at each past cutoff, beside recency alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from customer_features.baseline_model import BaselineModel
from customer_features.errors import FeatureError
from customer_features.evaluation import (
    Calibration,
    Floats,
    Fold,
    Ranking,
    calibration,
    floats,
    ranking,
    rolling_origin,
)
from customer_features.training import Training


@dataclass(frozen=True, slots=True)
class Tested:
    """A model trained before a cutoff, and that cutoff's rows."""

    fold: Fold
    model: BaselineModel
    rows: pa.Table
    probabilities: Floats


@dataclass(frozen=True, slots=True)
class Backtest:
    """The test cutoffs, oldest first; figures are of all their rows together, or of each."""

    tested: tuple[Tested, ...]
    recency: str

    def ranking(self) -> Ranking:
        """Of the model, over all test cutoffs."""
        return ranking(self._labels(), self._probabilities())

    def calibration(self) -> Calibration:
        """Of the model, over all test cutoffs."""
        return calibration(self._labels(), self._probabilities())

    def ranking_by(self, feature: str, *, descending: bool = True) -> Ranking:
        """Of one feature as the score, over all test cutoffs; `descending`: the more, the likelier to churn.

        NULL counts as likeliest to churn: who has no order to count from has been away longest.
        """
        scores = floats(pa.concat_tables([one.rows.select([feature]) for one in self.tested])[feature])
        return ranking(self._labels(), _filled(scores if descending else -scores))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the model and recency alone, over all test cutoffs and at each."""
        by_cutoff = [
            {
                "cutoff": one.fold.test.isoformat(),
                "trained_on": [cutoff.isoformat() for cutoff in one.fold.training],
                "model": ranking(one.rows["label"], one.probabilities).as_dict(),
                "recency": ranking(one.rows["label"], _filled(floats(one.rows[self.recency]))).as_dict(),
            }
            for one in self.tested
        ]
        return {
            "recency_feature": self.recency,
            "model": self.ranking().as_dict(),
            "calibration": self.calibration().as_dict(),
            "recency": self.ranking_by(self.recency).as_dict(),
            "by_cutoff": by_cutoff,
        }

    def _labels(self) -> Floats:
        return np.concatenate([floats(one.rows["label"]) for one in self.tested])

    def _probabilities(self) -> Floats:
        return np.concatenate([one.probabilities for one in self.tested])


def backtest(training: Training, recency: str, test_from: datetime) -> Backtest:
    """Train and test at each cutoff from `test_from` on, on labels that were known at it.

    `recency` is the column with the time since the last order.

    Raises:
        FeatureError: no cutoff can be tested, or one cannot be trained for.
    """
    folds = rolling_origin(training.horizon_ends, test_from)
    if not folds:
        raise FeatureError(
            f"no cutoff from {test_from} on has known labels and a training cutoff whose horizon ended before it; "
            f"there are {len(training.horizon_ends)} cutoffs with labels: add earlier ones"
        )
    tested = []
    for fold in folds:
        model, rows = training.model(fold.training), training.at([fold.test])
        tested.append(Tested(fold, model, rows, model.predict(rows)))
    return Backtest(tuple(tested), recency)


def _filled(scores: Floats) -> Floats:
    return np.where(np.isnan(scores), np.nanmax(scores, initial=0) + 1, scores)
