"""The baseline: what a churn model has to beat, trained, calibrated out of time, saved and read back.

A training table has a row a customer and cutoff: `customer_id`, `cutoff`, the features, `label` (1 = churned, 0, NULL)
and `horizon_end`, the instant at which the label was known.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.linear_model import LogisticRegression

from customer_features.encoding import Encoding, Matrix
from customer_features.evaluation import floats, ranking, rolling_origin
from customer_features.trees import Trees

MANIFEST, TREES = "manifest.json", "trees.npz"
_FORMAT = 1
_CALIBRATED_ON = 3
"""Cutoffs: the newest ones that a model of earlier ones can be tried on."""
_PACKAGES = ("numpy", "pyarrow", "scikit-learn")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BaselineModel:
    """Gradient-boosted trees, and a sigmoid that turns their log-odds into probabilities."""

    encoding: Encoding
    trees: Trees
    slope: float
    intercept: float
    trained_on: tuple[datetime, ...]

    @classmethod
    def fit(cls, table: pa.Table, features: Sequence[str], seed: int = 0) -> "BaselineModel":
        """Train on the rows that have a label.

        The sigmoid is fitted out of time: each of the newest training cutoffs is scored by trees of the cutoffs whose
        horizons had ended at it. The trees that are kept are then grown on all rows.

        Raises:
            ValueError: no training cutoff lies at or after the end of another's horizon, or the rows are of one kind.
        """
        known = labelled(table)
        ends = horizon_ends(known)
        folds = rolling_origin(ends, min(ends))[-_CALIBRATED_ON:] if ends else []
        if not folds:
            raise ValueError(
                f"{len(ends)} training cutoff(s) with known labels: calibration out of time needs one that lies at or "
                "after the end of another's horizon; add earlier cutoffs, or shorten the horizon"
            )
        scored, truth = [], []
        for fold in folds:
            test = at_cutoffs(known, [fold.test])
            encoding, trees = _grow(at_cutoffs(known, fold.training), features, seed)
            scored.append(trees.log_odds(encoding.matrix(test)))
            truth.append(floats(test["label"]))
        slope, intercept = _sigmoid(np.concatenate(scored), np.concatenate(truth))
        return cls(*_grow(known, features, seed), slope, intercept, tuple(sorted(ends)))

    def predict(self, table: pa.Table) -> Floats:
        """The probability of churn of each row.

        Raises:
            ValueError: a feature is missing, or of another kind than in training.
        """
        return self._probabilities(self.encoding.matrix(table))

    def importance(self, table: pa.Table, repeats: int = 5, seed: int = 0) -> dict[str, float]:
        """How much PR-AUC on rows with a label falls when a feature's values are dealt out anew, the greatest first.

        The mean of `repeats` deals; about 0 for a feature that the model does not need. Features that tell nearly the
        same share what they are worth.
        """
        known = labelled(table)
        best = ranking(known["label"], self.predict(known)).pr_auc
        random = np.random.default_rng(seed)
        matrix = self.encoding.matrix(known)
        fall = {}
        for name, columns in self.encoding.columns().items():
            found = []
            for _ in range(repeats):
                dealt = matrix.copy()
                dealt[:, columns] = matrix[random.permutation(len(matrix))][:, columns]
                found.append(best - ranking(known["label"], self._probabilities(dealt)).pr_auc)
            fall[name] = float(np.mean(found))
        return dict(sorted(fall.items(), key=lambda one: (-one[1], one[0])))

    def save(self, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write the model and its manifest into `folder`, over a model that is there; the manifest is returned.

        Args:
            folder: is made if it does not exist.
            about: what the manifest tells besides: the feature set, the label, the evaluation.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.trees.save(folder / TREES)
        manifest = {
            "format": _FORMAT,
            **about,
            "features": list(self.encoding.features),
            "trained_on": [cutoff.isoformat() for cutoff in self.trained_on],
            "encoding": self.encoding.as_dict(),
            "sigmoid": {"slope": self.slope, "intercept": self.intercept},
            "trees_sha256": _sha256(folder / TREES),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        }
        beside = folder / f".{MANIFEST}"
        beside.write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
        beside.replace(folder / MANIFEST)
        return manifest

    @classmethod
    def load(cls, folder: Path) -> tuple["BaselineModel", dict[str, Any]]:
        """The model and its manifest. Files hold numbers and texts alone: reading them runs no code.

        Raises:
            ValueError: there is no model, or its two files do not belong together.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(f"{folder} holds no model: intilery train makes one") from None
        if manifest["format"] != _FORMAT:
            raise ValueError(
                f"{folder} holds a model of format {manifest['format']}, and {_FORMAT} is read: train anew"
            )
        if manifest["trees_sha256"] != _sha256(folder / TREES):
            raise ValueError(f"{folder / TREES} is not the file that {MANIFEST} was written for: train anew")
        sigmoid = manifest["sigmoid"]
        trained_on = tuple(datetime.fromisoformat(cutoff) for cutoff in manifest["trained_on"])
        encoding = Encoding.from_dict(manifest["encoding"])
        return cls(encoding, Trees.load(folder / TREES), sigmoid["slope"], sigmoid["intercept"], trained_on), manifest

    def _probabilities(self, matrix: Matrix) -> Floats:
        odds = self.slope * self.trees.log_odds(matrix) + self.intercept
        return np.asarray(np.exp(-np.logaddexp(0.0, -odds)), dtype=np.float64)


def labelled(table: pa.Table) -> pa.Table:
    """The rows whose label is known."""
    return table.filter(pc.is_valid(table["label"]))


def at_cutoffs(table: pa.Table, cutoffs: Sequence[datetime]) -> pa.Table:
    """The rows of some cutoffs."""
    return table.filter(pc.is_in(table["cutoff"], pa.array(cutoffs, table["cutoff"].type)))


def horizon_ends(table: pa.Table) -> dict[datetime, datetime]:
    """The end of the labels' horizon of each cutoff."""
    pairs = table.select(["cutoff", "horizon_end"]).group_by(["cutoff", "horizon_end"]).aggregate([])
    return dict(zip(pairs["cutoff"].to_pylist(), pairs["horizon_end"].to_pylist(), strict=True))


def _grow(table: pa.Table, features: Sequence[str], seed: int) -> tuple[Encoding, Trees]:
    encoding = Encoding.learn(table, features)
    churned = floats(table["label"])
    if not 0 < churned.sum() < len(churned):
        raise ValueError(f"{len(churned)} training rows, {int(churned.sum())} of them churned: both kinds are needed")
    return encoding, Trees.grow(encoding.matrix(table), churned, seed)


def _sigmoid(log_odds: Floats, churned: Floats) -> tuple[float, float]:
    """Platt's: slope and intercept that make log-odds those of the shares that churned."""
    fitted = LogisticRegression(C=np.inf).fit(log_odds.reshape(-1, 1), churned)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise ValueError(f"{file} is not there: train anew") from None
