"""The features as pandas computes them are the same ones: the benchmark compares like with like."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contenders.pandas_features import at_cutoff, read
from benchmarks.feature_world import write
from customer_features import Inactivity, build
from customer_features.standard import ORDERS, standard


def test_pandas_gives_the_same_values(tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 60_000, 600)
    cutoff = pd.Timestamp("2025-10-01", tz="UTC")
    theirs = at_cutoff(read(str(database)), cutoff).set_index("customer_id").sort_index()
    label = Inactivity(ORDERS, horizon="28d", at_risk="365d")
    with build(standard(traits=["plan"]), label, cutoffs=[cutoff], on=database) as data:
        ours = data.pandas().set_index("customer_id").sort_index()
    assert list(theirs.index) == list(ours.index)
    assert len(ours) > 500
    for feature in data.features.features:
        mine, other = ours[feature.name], theirs[feature.name]
        if feature.type in ("integer", "number"):
            same = np.allclose(mine.astype(float), other.astype(float), rtol=1e-9, atol=1e-7, equal_nan=True)
        else:
            same = mine.fillna("?").astype(str).equals(other.fillna("?").astype(str).rename(mine.name))
        assert same, feature.name
