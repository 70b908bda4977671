"""The baseline: what a churn model has to beat, explained, saved and read back without running what a file says."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from customer_features.encoding import Encoding, Matrix
from customer_features.errors import FeatureError
from customer_features.evaluation import Floats, floats, ranking
from customer_features.trees import Trees

MANIFEST, TREES = "manifest.json", "trees.npz"
_FORMAT = 1
_PACKAGES = ("numpy", "pyarrow", "scikit-learn")


@dataclass(frozen=True, slots=True)
class BaselineModel:
    """Gradient-boosted trees, and a sigmoid that turns their log-odds into probabilities."""

    encoding: Encoding
    trees: Trees
    slope: float
    intercept: float
    trained_on: tuple[datetime, ...]

    def predict(self, table: pa.Table) -> Floats:
        """The probability of churn of each row.

        Raises:
            FeatureError: a feature is missing, or of another kind than in training.
        """
        return self._probabilities(self.encoding.matrix(table))

    def importance(self, table: pa.Table, repeats: int = 5, seed: int = 0) -> dict[str, float]:
        """How much PR-AUC on rows with a label falls when a feature's values are dealt out anew, the greatest first.

        The mean of `repeats` deals; about 0 for a feature that the model does not need. Features that tell nearly the
        same share what they are worth.
        """
        labels, matrix = floats(table["label"]), self.encoding.matrix(table)
        best = ranking(labels, self._probabilities(matrix)).pr_auc
        random = np.random.default_rng(seed)
        fall = {}
        for name, columns in self.encoding.columns().items():
            found = []
            for _ in range(repeats):
                dealt = matrix.copy()
                dealt[:, columns] = matrix[random.permutation(len(matrix))][:, columns]
                found.append(best - ranking(labels, self._probabilities(dealt)).pr_auc)
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
        manifest["manifest_sha256"] = _digest(manifest)
        beside = folder / f".{MANIFEST}"
        beside.write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
        beside.replace(folder / MANIFEST)
        return manifest

    @classmethod
    def load(cls, folder: Path) -> tuple["BaselineModel", dict[str, Any]]:
        """The model and its manifest. Files hold numbers and texts alone: reading them runs no code.

        Raises:
            FeatureError: there is no model, or its two files do not belong together.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise FeatureError(f"{folder} holds no model: intilery train makes one") from None
        except ValueError:
            raise FeatureError(f"{folder / MANIFEST} is no manifest of a model: train anew") from None
        if not isinstance(manifest, dict) or manifest.get("manifest_sha256") != _digest(manifest):
            raise FeatureError(f"{folder / MANIFEST} was changed since it was written: train anew")
        if manifest["format"] != _FORMAT:
            raise FeatureError(
                f"{folder} holds a model of format {manifest['format']}, and {_FORMAT} is read: train anew"
            )
        if manifest["trees_sha256"] != _sha256(folder / TREES):
            raise FeatureError(f"{folder / TREES} is not the file that {MANIFEST} was written for: train anew")
        sigmoid = manifest["sigmoid"]
        trained_on = tuple(datetime.fromisoformat(cutoff) for cutoff in manifest["trained_on"])
        encoding = Encoding.from_dict(manifest["encoding"])
        return cls(encoding, Trees.load(folder / TREES), sigmoid["slope"], sigmoid["intercept"], trained_on), manifest

    def _probabilities(self, matrix: Matrix) -> Floats:
        odds = self.slope * self.trees.log_odds(matrix) + self.intercept
        return np.asarray(np.exp(-np.logaddexp(0.0, -odds)), dtype=np.float64)


def _digest(manifest: Mapping[str, Any]) -> str:
    """Of all that a manifest tells but this."""
    told = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise FeatureError(f"{file} is not there: train anew") from None
