"""`intilery train` and `intilery score`: a model that is tested out of time, kept with its manifest, and used again."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from customer_features import FeatureError, build
from customer_features.baseline_model import MANIFEST, BaselineModel
from customer_features.evaluation import ranking
from customer_features.examples import cdnow
from pipelines.command_line import app
from pipelines.exit_codes import ExitCode
from pipelines.failures import explain
from pipelines.recipe import Recipe
from pipelines.score import score

UNTIL = datetime(1997, 7, 15, tzinfo=UTC)


def _intilery(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with customers.duckdb: CDNOW's purchases until mid-July 1997."""
    folder = tmp_path_factory.mktemp("train")
    cdnow.write_tables(folder / "customers.duckdb")
    with duckdb.connect(str(folder / "customers.duckdb")) as connection:
        connection.execute("DELETE FROM customer_tables.customer_events WHERE event_at >= ?", [UNTIL])
        connection.execute("UPDATE customer_tables.builds SET watermark = ?", [UNTIL])
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> dict[str, Any]:
    """What `intilery train --json` printed."""
    done = _intilery(folder, "train", "--model", "churn", "--horizon", "14d", "--at-risk", "91d", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_it_is_trained_and_tested_at_past_months(trained: dict[str, Any]) -> None:
    """Twelve weeks after the first purchase April begins; 14 days after 1 July the label is known."""
    assert trained["trained_on"] == [f"1997-{month:02}-01T00:00:00+00:00" for month in (4, 5, 6, 7)]
    evaluation = trained["evaluation"]
    assert evaluation["recency_feature"] == "orders_recency_days"
    assert [(one["cutoff"][5:7], [cutoff[5:7] for cutoff in one["trained_on"]]) for one in evaluation["by_cutoff"]] == [
        ("06", ["04", "05"]),
        ("07", ["04", "05", "06"]),
    ]
    for name in ("model", "recency"):
        assert evaluation[name]["rows"] == sum(one[name]["rows"] for one in evaluation["by_cutoff"])
    assert evaluation["model"]["auc"] > 0.6
    assert evaluation["calibration"]["error"] < 0.05


def test_recency_alone_is_what_sql_says(folder: Path, trained: dict[str, Any]) -> None:
    """The last test cutoff's baseline, computed apart from features."""
    query = """
        WITH seen AS (
            SELECT customer_id, max(event_at) AS last FROM customer_tables.customer_events
            WHERE event_at < $cutoff GROUP BY ALL HAVING last >= $cutoff - INTERVAL 91 DAY
        ), back AS (
            SELECT DISTINCT customer_id FROM customer_tables.customer_events
            WHERE event_at >= $cutoff AND event_at < $cutoff + INTERVAL 14 DAY
        )
        SELECT (customer_id NOT IN (FROM back))::INT AS label, epoch($cutoff - last)::DOUBLE AS recency FROM seen"""
    with duckdb.connect(str(folder / "customers.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(query, {"cutoff": datetime(1997, 7, 1, tzinfo=UTC)}).fetchnumpy()
    assert trained["evaluation"]["by_cutoff"][-1]["recency"] == ranking(found["label"], found["recency"]).as_dict()


def test_the_manifest_says_what_the_model_is(folder: Path, trained: dict[str, Any]) -> None:
    """Definitions with their hash, the label, the data, versions and figures."""
    manifest = json.loads((folder / "churn" / MANIFEST).read_text())
    assert manifest["definition_hash"] == manifest["data"]["definition_hash"] == trained["definition_hash"]
    assert manifest["data"]["definition"]["label"]["horizon"] == "14d"
    assert manifest["data"]["definition"]["features"]["name"] == "standard_v1"
    assert manifest["evaluation"] == trained["evaluation"]
    assert "orders_recency_days" in manifest["features"]
    assert manifest["data"]["watermark"].startswith("1997-07-15")


def test_scores_are_the_models_of_features_as_of_now(folder: Path, trained: dict[str, Any]) -> None:
    """Everybody at risk has one score, as often as it is run; scores at other cutoffs are kept beside them."""
    database, model_folder = folder / "customers.duckdb", folder / "churn"
    score(database, model_folder)
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE customer_features.scores SET cutoff = cutoff - INTERVAL 1 DAY")
        connection.execute("INSERT INTO customer_features.scores SELECT * REPLACE (cutoff + INTERVAL 1 DAY AS cutoff) "
                           "FROM customer_features.scores LIMIT 50")  # fmt: skip
    done = _intilery(folder, "score", "--model", "churn", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cutoff"] == "1997-07-15T00:00:00+00:00"
    query = """
        SELECT customer_id, score, definition_hash FROM customer_features.scores WHERE cutoff = ? AND model = ?
        ORDER BY customer_id"""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(query, [UNTIL, told["model"]]).fetchall()
        total = connection.execute("SELECT count(*) FROM customer_features.scores").fetchone()
    assert told["customers"] == len(rows) > 100
    assert total == (2 * len(rows),)
    model, manifest = BaselineModel.load(model_folder)
    recipe = Recipe.from_dict(manifest["recipe"])
    with build(recipe.features, recipe.label, cutoffs=[UNTIL], on=database) as data:
        table = data.arrow()
    assert [row[0] for row in rows] == table["customer_id"].to_pylist()
    np.testing.assert_array_equal([row[1] for row in rows], model.predict(table))
    assert {row[2] for row in rows} == {trained["definition_hash"]}


def test_a_model_of_other_features_does_not_score(folder: Path, trained: dict[str, Any]) -> None:
    """A definition that has changed since is an error, and not another meaning of the same columns."""
    manifest = json.loads((folder / "churn" / MANIFEST).read_text())
    other = folder / "other"
    other.mkdir()
    (other / "trees.npz").write_bytes((folder / "churn" / "trees.npz").read_bytes())
    (other / MANIFEST).write_text(json.dumps(manifest | {"definition_hash": "0" * 16}))
    with pytest.raises(FeatureError, match="train anew"):
        score(folder / "customers.duckdb", other)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["score", "--model", "none"], "holds no model: intilery train makes one"),
        (["train", "--model", "m", "--horizon", "soon"], "is no span of time"),
        (["train", "--model", "m", "--horizon", "120d"], "12 weeks of history"),
        (["train", "--model", "m", "--event", "Sneezed"], "No event is called 'Sneezed'"),
        (["train", "--model", "m", "--value", "to.tal"], "'to.tal' is a number in no event 'Order Completed'"),
        (["train", "--model", "m", "--horizon", ""], "is no span of time"),
        (["train", "--model", "m", "--horizon", "40d"], "load more history, or name a shorter --horizon than 40d."),
        (["train", "--model", "m"], "name a shorter --horizon than the 119d within which 95 % of returns came"),
        (["train", "--model", "m", "--horizon", "14d", "--at-risk", "1h"], "name a longer --at-risk than 1h"),
        (["score", "--model", "customers.duckdb"], "customers.duckdb holds no model"),
        (["train", "--model", "m", "--database", "none.duckdb"], "There is no file none.duckdb"),
    ],
)
def test_what_is_missing_is_said(
    folder: Path, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, one sentence, and no traceback."""
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("place", ["customers.duckdb", "customers.duckdb/m", "gone/m", "closed", "closed/new/m"])
def test_a_place_that_cannot_hold_the_model_is_refused_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Nothing is computed for it, and nothing is made there."""
    (tmp_path / "customers.duckdb").touch()
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "closed").mkdir()
    before = sorted(tmp_path.rglob("*"))
    access = os.access
    closed = tmp_path / "closed"
    monkeypatch.setattr(os, "access", lambda path, mode: not (mode & os.W_OK and path == closed) and access(path, mode))
    monkeypatch.setattr("pipelines.train.check_event", lambda *_: pytest.fail("something was computed"))
    database = str(folder / "customers.duckdb")
    done = CliRunner().invoke(app, ["train", "--model", str(tmp_path / place), "--database", database])
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"--model {tmp_path / place}: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_package_that_is_missing_is_named() -> None:
    """Whoever installed the extractor alone is told which extra to add."""
    error = ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    assert explain(error) == (
        ExitCode.USAGE,
        "The package sklearn is not installed: pip install 'customer-platform-extractor[train]'.",
    )


def test_what_nobody_foresaw_names_the_job_and_quotes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr("pipelines.score.score", fail)
    done = CliRunner().invoke(app, ["score", "--model", str(folder / "m")])
    assert done.exit_code == 1
    assert done.stderr.startswith("The scoring failed (RuntimeError).")
    assert "ann@" not in done.output
