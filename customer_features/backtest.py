"""Rolling origin: what the baseline model would have been worth at each past cutoff, beside recency alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from customer_features.baseline_model import BaselineModel, Floats, at_cutoffs, horizon_ends, labelled
from customer_features.evaluation import Calibration, Fold, Ranking, calibration, floats, ranking, rolling_origin


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


def backtest(table: pa.Table, features: Sequence[str], recency: str, test_from: datetime, seed: int = 0) -> Backtest:
    """Train and test at each cutoff from `test_from` on, on labels that were known at it.

    Args:
        table: a training table, as for the baseline model.
        features: the columns that the model may use.
        recency: the column with the time since the last order.
        test_from: the first test cutoff.
        seed: of the model.

    Raises:
        ValueError: no cutoff can be tested, or one cannot be trained for.
    """
    known = labelled(table)
    ends = horizon_ends(known)
    folds = rolling_origin(ends, test_from)
    if not folds:
        raise ValueError(
            f"no cutoff from {test_from} on has a known label and a training cutoff whose horizon ended before it: "
            f"there are {len(ends)} cutoffs with labels; add earlier ones"
        )
    tested = []
    for fold in folds:
        model = BaselineModel.fit(at_cutoffs(known, fold.training), features, seed)
        rows = at_cutoffs(known, [fold.test])
        tested.append(Tested(fold, model, rows, model.predict(rows)))
    return Backtest(tuple(tested), recency)


def _filled(scores: Floats) -> Floats:
    return np.where(np.isnan(scores), np.nanmax(scores, initial=0) + 1, scores)
