"""The baseline model: what it learns, what it is calibrated on, and that what is saved is what is read."""

import hashlib
import json
import pickle
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from training_tables import CUTOFFS, FEATURES, training_table

from customer_features import baseline_model
from customer_features.backtest import backtest
from customer_features.baseline_model import MANIFEST, TREES, BaselineModel
from customer_features.encoding import Encoding, feature_columns
from customer_features.errors import FeatureError
from customer_features.evaluation import calibration, ranking
from customer_features.training import Training
from customer_features.trees import Trees

TRAINING, TEST = CUTOFFS[:7], CUTOFFS[7:8]


def at_cutoffs(table: pa.Table, cutoffs: list[datetime]) -> pa.Table:
    """The rows of some cutoffs."""
    return table.filter(pc.is_in(table["cutoff"], pa.array(cutoffs, table["cutoff"].type)))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Nine cutoffs of 400 customers."""
    return training_table()


@pytest.fixture(scope="module")
def model(table: pa.Table) -> BaselineModel:
    """Trained on the first seven."""
    return Training(at_cutoffs(table, TRAINING), FEATURES).model()


def test_it_ranks_better_than_either_feature_alone(table: pa.Table, model: BaselineModel) -> None:
    """On a cutoff that it never saw."""
    rows = at_cutoffs(table, TEST)
    found = ranking(rows["label"], model.predict(rows))
    recency = pc.fill_null(rows["days_since_order"], 1e6)
    assert found.auc > max(
        ranking(rows["label"], recency).auc, ranking(rows["label"], pc.negate(rows["orders_28d"])).auc
    )
    assert found.auc > 0.75


def test_probabilities_are_calibrated_out_of_time(table: pa.Table, model: BaselineModel) -> None:
    """On a cutoff that it never saw, and better than the trees' own log-odds would be if they were stretched."""
    rows = at_cutoffs(table, TEST)
    probabilities = model.predict(rows)
    assert calibration(rows["label"], probabilities).error < 0.07
    stretched = BaselineModel(model.encoding, model.trees, 3 * model.slope, model.intercept, model.trained_on)
    assert calibration(rows["label"], stretched.predict(rows)).error > 0.07


def test_rows_without_a_label_teach_nothing(table: pa.Table, model: BaselineModel) -> None:
    """Their features can be anything."""
    training = at_cutoffs(table, [*TRAINING, CUTOFFS[8]])
    assert training.num_rows > at_cutoffs(table, TRAINING).num_rows
    rows = at_cutoffs(table, TEST)
    np.testing.assert_array_equal(Training(training, FEATURES).model().predict(rows), model.predict(rows))


def test_the_sigmoid_sees_only_scores_of_trees_that_came_before(table: pa.Table) -> None:
    """With the labels of the first cutoffs dealt out anew, trees foretell nothing, and the sigmoid notices."""
    training = at_cutoffs(table, CUTOFFS[:2])
    early = pc.equal(training["cutoff"], pa.scalar(CUTOFFS[0], training["cutoff"].type)).to_numpy(zero_copy_only=False)
    labels = training["label"].to_numpy().copy()
    labels[early] = np.random.default_rng(3).permutation(labels[early])
    at = training.column_names.index("label")
    dealt = training.set_column(at, "label", pa.array(labels, pa.int8()))
    assert Training(training, FEATURES).model().slope > 0.5 > abs(Training(dealt, FEATURES).model().slope)


def test_one_cutoff_cannot_be_calibrated_out_of_time(table: pa.Table) -> None:
    """The error says what is missing."""
    with pytest.raises(FeatureError, match="add earlier cutoffs, or shorten the horizon"):
        Training(at_cutoffs(table, CUTOFFS[:1]), FEATURES).model()
    with pytest.raises(FeatureError, match="0 training cutoff"):
        Training(at_cutoffs(table, CUTOFFS[8:]), FEATURES).model()


def test_the_trees_are_scikit_learns(table: pa.Table) -> None:
    """Log-odds from the arrays are those of the booster that they were taken from, missing values included."""
    rows = at_cutoffs(table, TRAINING)
    matrix = Encoding.learn(rows, FEATURES).matrix(rows)
    assert np.isnan(matrix).any()
    with threadpool_limits(1):
        booster = HistGradientBoostingClassifier(max_iter=30, random_state=1).fit(matrix, rows["label"].to_numpy())
    fresh = np.vstack([matrix, np.full((1, matrix.shape[1]), np.nan), np.full((1, matrix.shape[1]), 1e12)])
    np.testing.assert_allclose(Trees._of(booster).log_odds(fresh), booster.decision_function(fresh), rtol=1e-12)


def test_what_is_saved_is_what_is_read(table: pa.Table, model: BaselineModel, tmp_path: Path) -> None:
    """The same probabilities to the last digit, and a manifest that a person can read."""
    written = model.save(tmp_path / "churn", {"feature_set": {"name": "churn_v1"}})
    again, manifest = BaselineModel.load(tmp_path / "churn")
    np.testing.assert_array_equal(again.predict(table), model.predict(table))
    assert manifest == written
    assert manifest["feature_set"] == {"name": "churn_v1"}
    assert manifest["features"] == ["days_since_order", "orders_28d", "noise", "plan"]
    assert manifest["encoding"]["left_out"] == ["favourites"]
    assert manifest["trained_on"] == [cutoff.isoformat() for cutoff in TRAINING]
    assert set(manifest["versions"]) == {"python", "numpy", "pyarrow", "scikit-learn"}


def test_a_file_of_another_model_is_refused(table: pa.Table, model: BaselineModel, tmp_path: Path) -> None:
    """A save that was killed between its two files leaves no model that scores wrongly."""
    model.save(tmp_path, {})
    Training(at_cutoffs(table, TRAINING), ["noise"]).model().trees.save(tmp_path / TREES)
    with pytest.raises(FeatureError, match=r"not the file that manifest\.json was written for"):
        BaselineModel.load(tmp_path)
    (tmp_path / TREES).unlink()
    with pytest.raises(FeatureError, match="is not there"):
        BaselineModel.load(tmp_path)
    with pytest.raises(FeatureError, match="holds no model: intilery train makes one"):
        BaselineModel.load(tmp_path / "elsewhere")


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trapped"),)  # type: ignore[return-value]


def test_reading_a_model_runs_no_code(model: BaselineModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of trees with a pickle inside, and a manifest that vouches for it, is an error and nothing else."""
    monkeypatch.chdir(tmp_path)
    manifest = model.save(tmp_path, {})
    arrays = {name: getattr(model.trees, name) for name in Trees.__dataclass_fields__}
    np.savez(tmp_path / TREES, **(arrays | {"start": np.array([_Trap()], dtype=object)}))
    vouched = hashlib.sha256((tmp_path / TREES).read_bytes()).hexdigest()
    manifest |= {"trees_sha256": vouched}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"manifest_sha256": baseline_model._digest(manifest)}))
    with pytest.raises(ValueError, match="allow_pickle"):
        BaselineModel.load(tmp_path)
    assert not Path("trapped").exists()
    pickle.loads(pickle.dumps(_Trap()))  # noqa: S301 - the trap works
    assert Path("trapped").exists()


def test_a_manifest_that_was_changed_is_refused(model: BaselineModel, tmp_path: Path) -> None:
    manifest = model.save(tmp_path, {})
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"sigmoid": {"slope": -1.0, "intercept": 0.0}}))
    with pytest.raises(FeatureError, match="changed"):
        BaselineModel.load(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps(manifest)[:-20])
    with pytest.raises(FeatureError, match="no manifest"):
        BaselineModel.load(tmp_path)


def test_importance_names_what_churn_follows_from(table: pa.Table, model: BaselineModel) -> None:
    """The two features that decide come first, noise is worth about nothing, and a list is no feature of it."""
    found = model.importance(at_cutoffs(table, TEST))
    assert list(found)[:2] == ["days_since_order", "orders_28d"] or list(found)[:2] == [
        "orders_28d",
        "days_since_order",
    ]
    assert abs(found["noise"]) < 0.02 < found["days_since_order"]
    assert set(found) == set(FEATURES) - {"favourites"}


def test_a_text_is_encoded_by_what_training_rows_show() -> None:
    """Frequent values have a column, rare ones, new ones and NULL have none; NULL is NaN in numbers."""
    training = pa.table({"plan": ["plus"] * 20 + ["basic"] * 30 + ["rare"] * 19, "n": [True] * 69})
    encoding = Encoding.learn(training, ["plan", "n"])
    assert encoding.texts == {"plan": ("basic", "plus")}
    assert encoding.columns() == {"n": slice(0, 1), "plan": slice(1, 3)}
    later = pa.table(
        {"plan": ["plus", "basic", "rare", "new", None], "n": pa.array([None, False, True, None, None], pa.bool_())}
    )
    expected = [[np.nan, 0, 1], [0, 1, 0], [1, 0, 0], [np.nan, 0, 0], [np.nan, 0, 0]]
    np.testing.assert_array_equal(encoding.matrix(later), expected)
    nothing = training.append_column("none", pa.nulls(69, pa.float64())).append_column(
        "ids", [[str(n) for n in range(69)]]
    )
    assert Encoding.learn(nothing, ["none", "n", "ids"]) == Encoding(("n",), {}, ("none", "ids"))
    assert Encoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding
    as_dictionary = later.set_column(0, "plan", later["plan"].dictionary_encode())
    np.testing.assert_array_equal(encoding.matrix(as_dictionary), expected)


def test_a_table_of_another_feature_set_is_refused(table: pa.Table, model: BaselineModel) -> None:
    """A missing feature, or one of another kind, is named."""
    with pytest.raises(FeatureError, match="no column plan"):
        model.predict(table.drop_columns(["plan"]))
    swapped = table.drop_columns(["noise"]).append_column("noise", table["plan"])
    with pytest.raises(FeatureError, match="feature noise was a number"):
        model.predict(swapped)
    with pytest.raises(FeatureError, match="none of the features favourites"):
        Encoding.learn(table, ["favourites"])


def test_keys_and_labels_are_no_features(table: pa.Table) -> None:
    """What may be trained on is what the feature set made."""
    assert feature_columns(table) == FEATURES


def test_a_backtest_trains_before_each_test_cutoff(table: pa.Table) -> None:
    """February's horizon ends on 1 March: it trains for March, and not for itself."""
    found = backtest(Training(table, FEATURES), "days_since_order", CUTOFFS[6])
    assert [(one.fold.test, one.fold.training) for one in found.tested] == [
        (CUTOFFS[6], tuple(CUTOFFS[:6])),
        (CUTOFFS[7], tuple(CUTOFFS[:7])),
    ]
    for one in found.tested:
        apart = Training(at_cutoffs(table, list(one.fold.training)), FEATURES).model()
        assert one.model.trained_on == one.fold.training
        np.testing.assert_array_equal(one.probabilities, apart.predict(one.rows))
    told = found.as_dict()
    assert told["model"]["rows"] == 800
    assert told["model"]["auc"] > told["recency"]["auc"] > 0.6
    assert [one["model"]["rows"] for one in told["by_cutoff"]] == [400, 400]
    assert told["calibration"]["error"] < 0.07
    assert json.loads(json.dumps(told)) == told
    assert found.ranking_by("orders_28d", descending=False).auc > 0.6
    with pytest.raises(FeatureError, match="no cutoff from"):
        backtest(Training(table, FEATURES), "days_since_order", CUTOFFS[8])
