"""Tables of features beside the tables that they were made from."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from customer_features.errors import FeatureError

SCHEMA = "customer_features"


def write_table(database: Path, name: str, rows: pa.Table, manifest: dict[str, Any]) -> None:
    """Put rows into `customer_features.<name>` of a DuckDB file, in place of what was there, and add to its manifest.

    Raises:
        FeatureError: another program has the file open.
    """
    try:
        connection = duckdb.connect(str(database))
    except duckdb.IOException as error:
        raise FeatureError(f"{database} cannot be written to; close the program that has it open: {error}") from None
    with connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.begin()
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.register("new_rows", rows)
        connection.execute(f'CREATE OR REPLACE TABLE {SCHEMA}."{name}" AS SELECT * FROM new_rows')  # noqa: S608
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {SCHEMA}.manifest (name VARCHAR, built_at TIMESTAMPTZ, "
            "definition_hash VARCHAR, watermark TIMESTAMPTZ, manifest JSON)"
        )
        connection.execute(
            f"INSERT INTO {SCHEMA}.manifest VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            [name, manifest["built_at"], manifest["definition_hash"], manifest["watermark"], json.dumps(manifest)],
        )
        connection.commit()
