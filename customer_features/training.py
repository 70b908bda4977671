"""Training at past instants: each model from labels that were known then, each tree grown once.

A training table has a row a customer and cutoff: `customer_id`, `cutoff`, the features, `label` (1 = churned, 0, NULL)
and `horizon_end`, the instant at which the label was known.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.linear_model import LogisticRegression

from customer_features.baseline_model import BaselineModel
from customer_features.encoding import Encoding
from customer_features.errors import FeatureError
from customer_features.evaluation import Floats, floats, rolling_origin
from customer_features.trees import Trees

_CALIBRATED_ON = 3
"""Cutoffs: the newest ones that a model of earlier ones can be tried on."""


class Training:
    """A training table, and the trees that were grown from some of its cutoffs.

    Rows without a label are left out.
    """

    def __init__(self, table: pa.Table, features: Sequence[str], seed: int = 0) -> None:
        self.rows = labelled(table)
        self.horizon_ends = _horizon_ends(self.rows)
        self._features, self._seed = tuple(features), seed
        self._grown: dict[tuple[datetime, ...], tuple[Encoding, Trees]] = {}

    def model(self, cutoffs: Sequence[datetime] | None = None) -> BaselineModel:
        """The baseline model of some cutoffs, or of all.

        Its sigmoid is fitted out of time: each of the newest cutoffs is scored by trees of the cutoffs whose horizons
        had ended at it. The trees that are kept are then grown on all rows.

        Raises:
            FeatureError: no cutoff lies at or after the end of another's horizon, or the rows are of one kind.
        """
        ends = {cutoff: self.horizon_ends[cutoff] for cutoff in cutoffs or self.horizon_ends}
        folds = rolling_origin(ends, min(ends))[-_CALIBRATED_ON:] if ends else []
        if not folds:
            raise FeatureError(
                f"{len(ends)} training cutoff(s) with known labels: calibration out of time needs one that lies at or "
                "after the end of another's horizon; add earlier cutoffs, or shorten the horizon"
            )
        scored, truth = [], []
        for fold in folds:
            test = self.at([fold.test])
            encoding, trees = self._grow(fold.training)
            scored.append(trees.log_odds(encoding.matrix(test)))
            truth.append(floats(test["label"]))
        slope, intercept = _sigmoid(np.concatenate(scored), np.concatenate(truth))
        all_of_them = tuple(sorted(ends))
        return BaselineModel(*self._grow(all_of_them), slope, intercept, all_of_them)

    def at(self, cutoffs: Sequence[datetime]) -> pa.Table:
        """The rows of some cutoffs."""
        column = self.rows["cutoff"]
        return self.rows.filter(pc.is_in(column, pa.array(cutoffs, column.type)))

    def _grow(self, cutoffs: tuple[datetime, ...]) -> tuple[Encoding, Trees]:
        if cutoffs not in self._grown:
            rows = self.at(cutoffs)
            encoding = Encoding.learn(rows, self._features)
            churned = floats(rows["label"])
            if not 0 < churned.sum() < len(churned):
                raise FeatureError(
                    f"{len(churned)} training rows, {int(churned.sum())} of them churned: both kinds are needed"
                )
            self._grown[cutoffs] = encoding, Trees.grow(encoding.matrix(rows), churned, self._seed)
        return self._grown[cutoffs]


def labelled(table: pa.Table) -> pa.Table:
    """The rows whose label is known."""
    return table.filter(pc.is_valid(table["label"]))


def _horizon_ends(table: pa.Table) -> dict[datetime, datetime]:
    pairs = table.select(["cutoff", "horizon_end"]).group_by(["cutoff", "horizon_end"]).aggregate([])
    return dict(zip(pairs["cutoff"].to_pylist(), pairs["horizon_end"].to_pylist(), strict=True))


def _sigmoid(log_odds: Floats, churned: Floats) -> tuple[float, float]:
    """Platt's: slope and intercept that make log-odds those of the shares that churned."""
    fitted = LogisticRegression(C=np.inf).fit(log_odds.reshape(-1, 1), churned)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
