"""Boosted trees as plain arrays: read back without running anything that a file says, by any version of any library."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

Matrix = npt.NDArray[np.float64]

_ROWS_AT_ONCE = 2048
_ROWS_FOR_THREADS = 100_000
"""With fewer, threads wait for each other longer than they work: on two busy cores, one was ten times as fast."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All nodes of all trees in one row of numbers each; a leaf leads to itself, so that `depth` steps end at one."""

    start: Matrix
    """What the leaves' values are added to: the log-odds before the first tree."""
    depth: npt.NDArray[np.int64]
    roots: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    threshold: Matrix
    missing_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    value: Matrix

    @classmethod
    def grow(cls, matrix: Matrix, churned: Matrix, seed: int) -> "Trees":
        """Trees that part those who churned from those who stayed, by scikit-learn's gradient boosting."""
        booster = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=120,
            max_leaf_nodes=12,
            max_depth=5,
            min_samples_leaf=40,
            l2_regularization=5.0,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
        )
        with threadpool_limits(1 if len(matrix) < _ROWS_FOR_THREADS else None, user_api="openmp"):
            booster.fit(matrix, churned)
        return cls._of(booster)

    @classmethod
    def _of(cls, booster: HistGradientBoostingClassifier) -> "Trees":
        trees = [tree.nodes for (tree,) in booster._predictors]
        sizes = [len(nodes) for nodes in trees]
        roots = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        nodes = np.concatenate(trees)
        offset = np.repeat(roots, sizes)
        leaf = nodes["is_leaf"].astype(np.bool_)
        itself = np.arange(len(nodes), dtype=np.int64)
        return cls(
            start=np.asarray(booster._baseline_prediction, dtype=np.float64).reshape(1),
            depth=np.array([nodes["depth"].max()], dtype=np.int64),
            roots=roots,
            column=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
            threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
            missing_left=nodes["missing_go_to_left"].astype(np.bool_),
            left=np.where(leaf, itself, nodes["left"] + offset),
            right=np.where(leaf, itself, nodes["right"] + offset),
            value=np.where(leaf, nodes["value"], 0.0),
        )

    def log_odds(self, matrix: Matrix) -> Matrix:
        """The log-odds of churn of each row."""
        found = np.empty(len(matrix))
        for begin in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = matrix[begin : begin + _ROWS_AT_ONCE]
            at = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
            for _ in range(int(self.depth[0])):
                values = np.take_along_axis(rows, self.column[at], axis=1)
                go_left = (values <= self.threshold[at]) | (np.isnan(values) & self.missing_left[at])
                at = np.where(go_left, self.left[at], self.right[at])
            found[begin : begin + len(rows)] = self.start[0] + self.value[at].sum(axis=1)
        return found

    def save(self, file: Path) -> None:
        """Write the arrays as NumPy's .npz."""
        np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, file: Path) -> "Trees":
        """Read what `save` wrote; nothing in the file is run."""
        with np.load(file, allow_pickle=False) as stored:
            return cls(**{field.name: stored[field.name] for field in fields(cls)})
