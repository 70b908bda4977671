"""How well scores foretell churn: ranking, calibration, and folds in which no label of the future trains a model.

A label is 1 (churned), 0 (stayed) or NULL (not known: left out of every figure). A score is higher for those more
likely to churn. No figure depends on the order of rows: rows with the same score are one group throughout.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from customer_features.errors import FeatureError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a score puts those who churn first; `lift_5` is of the 5 % with the highest scores."""

    rows: int
    churned: int
    auc: float
    pr_auc: float
    lift_5: float
    lift_10: float

    @property
    def churn_rate(self) -> float:
        """The share that churned: PR-AUC of a score that says nothing."""
        return self.churned / self.rows

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"churn_rate": self.churn_rate}


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose probabilities are next to one another."""

    rows: int
    mean_probability: float
    churn_rate: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities are from shares: `error` is the expected calibration error over `bins`."""

    brier: float
    error: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"brier": self.brier, "error": self.error, "bins": [asdict(one) for one in self.bins]}


@dataclass(frozen=True, slots=True)
class Fold:
    """A test cutoff, and the cutoffs whose labels were all known at it."""

    training: tuple[datetime, ...]
    test: datetime


def ranking(labels: Any, scores: Any) -> Ranking:
    """The ranking of scores, of rows with a label.

    AUC counts a tie as half right; PR-AUC is average precision over the distinct scores; a lift's share is rounded up
    to whole rows, and of a group of equal scores that it cuts through, it takes the expected number.

    Raises:
        FeatureError: a score is NULL, NaN or infinite, or there are no rows of both kinds.
    """
    truth, known = _known(labels, scores)
    return Ranking(
        rows=len(truth),
        churned=int(truth.sum()),
        auc=float(roc_auc_score(truth, known)),
        pr_auc=float(average_precision_score(truth, known)),
        lift_5=_lift(truth, known, 5),
        lift_10=_lift(truth, known, 10),
    )


def calibration(labels: Any, probabilities: Any, bins: int = 10) -> Calibration:
    """The calibration of probabilities, of rows with a label, in at most `bins` bins of about as many rows each.

    Raises:
        FeatureError: a probability is not within 0 and 1, or there are no rows of both kinds.
    """
    truth, known = _known(labels, probabilities)
    if known.min() < 0 or known.max() > 1:
        raise FeatureError("a probability is between 0 and 1: calibration has no meaning for other scores")
    _, group, counts = np.unique(known, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    bin_of_row = np.floor(bins * middle / len(known)).astype(np.int64)[group]
    found = []
    for number in np.unique(bin_of_row):
        inside = bin_of_row == number
        found.append(Bin(int(inside.sum()), float(known[inside].mean()), float(truth[inside].mean())))
    error = sum(one.rows * abs(one.mean_probability - one.churn_rate) for one in found) / len(known)
    return Calibration(float(brier_score_loss(truth, known)), error, tuple(found))


def rolling_origin(horizon_ends: Mapping[datetime, datetime], test_from: datetime) -> list[Fold]:
    """A fold for each cutoff from `test_from` on, of cutoffs with the ends of their labels' horizons.

    A cutoff trains if its horizon ended at or before the test cutoff, so that a model is never told what nobody knew
    yet. A test cutoff before which no horizon ended makes no fold.
    """
    folds = []
    for test in sorted(cutoff for cutoff in horizon_ends if cutoff >= test_from):
        training = tuple(sorted(cutoff for cutoff, end in horizon_ends.items() if end <= test))
        if training:
            folds.append(Fold(training, test))
    return folds


def floats(values: Any) -> Floats:
    """Any column as float64, NULL as NaN."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    column = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    plain: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return plain


def _known(labels: Any, scores: Any) -> tuple[Floats, Floats]:
    truth, scored = floats(labels), floats(scores)
    if truth.shape != scored.shape:
        raise FeatureError(f"{len(truth)} labels and {len(scored)} scores: they must be of the same rows")
    there = ~np.isnan(truth)
    truth, scored = truth[there], scored[there]
    # in one order always, so that sums come out the same to the last digit
    order = np.lexsort((truth, scored))
    truth, scored = truth[order], scored[order]
    if not np.isfinite(scored).all():
        raise FeatureError(f"{int((~np.isfinite(scored)).sum())} rows with a label have no finite score")
    if not np.isin(truth, (0, 1)).all():
        raise FeatureError("a label is 1 (churned), 0 (stayed) or NULL")
    if not 0 < truth.sum() < len(truth):
        raise FeatureError(f"{len(truth)} rows with a label, {int(truth.sum())} of them churned: both kinds are needed")
    return truth, scored


def _lift(truth: Floats, scores: Floats, percent: int) -> float:
    """The churn rate of the highest scores over the churn rate of all."""
    taken = -(-len(scores) * percent // 100)
    values, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    churned = np.bincount(group, weights=truth, minlength=len(values))
    before = np.cumsum(counts) - counts
    share = np.clip((taken - before) / counts, 0, 1)
    return float((churned * share).sum() / taken / truth.mean())
