"""Tables of features beside the tables that they were made from."""

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from customer_features.errors import FeatureError, FileBusyError

SCHEMA = "customer_features"
_VIEWS = {
    "spine": ("customer_id", "cutoff"),
    "labels": ("customer_id", "cutoff", "label", "horizon_end", "censor_reason"),
}


def write_table(database: Path, name: str, rows: pa.Table, manifest: dict[str, Any]) -> None:
    """Put rows into `customer_features.<name>` of a DuckDB file, in place of what was there, and add to its manifest.

    Raises:
        FileBusyError: another program has the file open.
        FeatureError: the file may not be written, or a table of that name is there that holds something else.
    """
    check_writable(database)
    try:
        connection = duckdb.connect(str(database))
    except duckdb.Error:
        raise FileBusyError(
            f"{database} cannot be written to now: another program, or another dataset or connection of this one, has "
            "it open. Close that first, as in data.close()."
        ) from None
    with connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.begin()
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {SCHEMA}.manifest (name VARCHAR, built_at TIMESTAMPTZ, "
            "definition_hash VARCHAR, watermark TIMESTAMPTZ, manifest JSON)"
        )
        if _is_anothers(connection, name):
            raise FeatureError(f"{SCHEMA}.{name} is there and was not made as features: choose another name.")
        connection.register("new_rows", rows)
        connection.execute(f'CREATE OR REPLACE TABLE {SCHEMA}."{name}" AS SELECT * FROM new_rows')  # noqa: S608
        for view, columns in _VIEWS.items():
            if set(columns) <= set(rows.column_names):
                connection.execute(
                    f'CREATE OR REPLACE VIEW {SCHEMA}.{view} AS SELECT {", ".join(columns)} FROM {SCHEMA}."{name}"'  # noqa: S608
                )
            else:
                connection.execute(f"DROP VIEW IF EXISTS {SCHEMA}.{view}")
        connection.execute(
            f"INSERT INTO {SCHEMA}.manifest VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            [name, manifest["built_at"], manifest["definition_hash"], manifest["watermark"], json.dumps(manifest)],
        )
        connection.commit()


def check_writable(database: Path) -> None:
    """See that a DuckDB file may be written if it is there; its folder, too, where DuckDB keeps a log beside it.

    Raises:
        FeatureError: it may not.
    """
    for place in (database, database.resolve().parent):
        if place.exists() and not os.access(place, os.W_OK):
            raise FeatureError(
                f"{database} cannot be written to, for want of permission to write to {place}: ask for that, or write "
                "the rows elsewhere with --parquet FILE."
            )


def _is_anothers(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table of that name is there of which no manifest tells."""
    found = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND lower(table_name) = lower(?)", [SCHEMA, name]
    ).fetchone()
    told = connection.execute(
        f"SELECT count(*) FROM {SCHEMA}.manifest WHERE lower(name) = lower(?)",  # noqa: S608
        [name],
    ).fetchone()
    return bool(found and found[0]) and not (told and told[0])
