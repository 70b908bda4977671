"""The job `intilery score`: how likely each customer at risk is to churn, into `customer_features.scores`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from customer_features import NOW, FeatureError, build
from customer_features.baseline_model import BaselineModel
from pipelines.destination import opened, target
from pipelines.recipe import Recipe

_MAKE = """
CREATE SCHEMA IF NOT EXISTS customer_features;
CREATE TABLE IF NOT EXISTS customer_features.scores (
    customer_id VARCHAR, cutoff TIMESTAMPTZ, score DOUBLE, model VARCHAR, definition_hash VARCHAR, scored_at TIMESTAMPTZ
)"""
_CLEAR = "DELETE FROM customer_features.scores WHERE model = ? AND cutoff = ?"
_FILL = "INSERT INTO customer_features.scores SELECT customer_id, cutoff, score, ?, ?, ? FROM new_scores"


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """How many customers were scored, at which cutoff, and by which model."""

    customers: int
    cutoff: datetime
    model: str
    mean_score: float | None


def score(database: Path, folder: Path, cutoff: str = NOW) -> ScoreResult:
    """Score the customers at risk at a cutoff by the model in `folder`; scores of theirs by this model are replaced.

    Raises:
        FeatureError: there is no model, or its features are defined otherwise now; or there are no tables.
        FileHeldError: another program has the file open.
    """
    model, manifest = BaselineModel.load(folder)
    recipe = Recipe.from_dict(manifest["recipe"])
    with build(recipe.features, recipe.label, cutoffs=[cutoff], on=database) as data:
        table, made_of = data.arrow(), data.manifest
    if made_of["definition_hash"] != manifest["definition_hash"]:
        raise FeatureError(
            f"The features of the model in {folder} ({manifest['definition_hash']}) are defined otherwise in this "
            f"version ({made_of['definition_hash']}): train anew."
        )
    name = f"{folder.resolve().name}-{manifest['trees_sha256'][:12]}"
    scores = model.predict(table)
    rows = table.select(["customer_id", "cutoff"]).append_column("score", pa.array(scores))
    at = datetime.fromisoformat(made_of["cutoffs"][0])
    with opened(target("duckdb", database, "intilery")) as place:
        if place.connection is None:
            raise TypeError("a DuckDB file was opened, and there is no connection")
        connection = place.connection
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("new_scores", rows)
        connection.begin()
        connection.execute(_MAKE)
        connection.execute(_CLEAR, [name, at])
        connection.execute(_FILL, [name, manifest["definition_hash"], datetime.now(UTC)])
        connection.commit()
    return ScoreResult(len(rows), at, name, float(scores.mean()) if len(scores) else None)
