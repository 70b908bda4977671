"""The job `intilery export`: a snapshot of all tables as Parquet files, which comes into place at once."""

import ctypes
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import pyarrow.parquet as pq
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient, WithTableScanners
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source.source import watermark_of
from intilery_source.tables import EVENTS
from pipelines.destination import Target
from pipelines.loaded import attached
from pipelines.lock import exclusive
from pipelines.memory import DUCKDB_BOUNDS

MARKER = "export.json"
_MADE_BY = "intilery export"
_ROWS_A_GROUP = 40_960
_EXCHANGE, _HERE = 2, -100
_SETTINGS: dict[str, Any] = DUCKDB_BOUNDS | {"TimeZone": "UTC"}


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported: rows by table, and the instant before which every event is there."""

    folder: Path
    tables: dict[str, int]
    watermark: str | None


def export(where: Target, folder: Path) -> ExportResult:
    """Export the tables of `where` as Parquet files into `folder`; an earlier export there is replaced.

    Raises:
        ConfigurationError: the folder is no export, or there is nothing to read.
        LockHeldError: a load, or another export, is at work.
    """
    folder = folder.expanduser().resolve()
    _may_be_replaced(where, folder)
    if where.database is None and where.folder is None:
        raise ConfigurationError(
            f"intilery export reads DuckDB files and Delta tables; {where.destination} writes Parquet by itself."
        )
    with exclusive(where.working_folder / "lock", str(where)), _beside(folder) as beside:
        with attached(where) as pipeline:
            tables = _tables(pipeline, where)
            reached = watermark_of(pipeline)
            _copy(pipeline, tables, beside)
        counts = {table: _rows(beside / table) for table in tables}
        (beside / MARKER).write_text(
            json.dumps(
                {
                    "made_by": _MADE_BY,
                    "exported_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "dataset": where.dataset,
                    "watermark": reached,
                    "tables": counts,
                },
                indent=2,
            )
        )
        _put_in_place(beside, folder)
    return ExportResult(folder, counts, reached)


def _may_be_replaced(where: Target, folder: Path) -> None:
    """Refuse a folder that holds anything but an export."""
    if not folder.parent.is_dir():
        raise ConfigurationError(f"--parquet: the folder {folder.parent} does not exist; create it.")
    for source in (where.database, where.folder):
        if source is not None and folder in (Path(source).resolve(), *Path(source).resolve().parents):
            raise ConfigurationError(f"--parquet {folder} holds what is to be exported: name another folder.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        made_by = json.loads((folder / MARKER).read_text())["made_by"]
    except (OSError, ValueError, KeyError, TypeError):
        made_by = None
    if made_by != _MADE_BY:
        raise ConfigurationError(
            f"--parquet {folder} exists, and is no earlier export: nothing was changed. Name a folder that does not."
        )


def _tables(pipeline: Pipeline, where: Target) -> list[str]:
    """The tables that hold rows, dlt's own left out."""
    if not pipeline.schema_names:
        raise ConfigurationError(f"Nothing has been loaded into {where}: run intilery load first.")
    return [
        str(table["name"])
        for table in pipeline.default_schema.data_tables(seen_data_only=True)
        if table.get("parent") or C_DLT_LOAD_ID in table["columns"]
    ]


def _copy(pipeline: Pipeline, tables: list[str], folder: Path) -> None:
    with pipeline.sql_client() as client:
        if not isinstance(client, DuckDbSqlClient):
            raise TypeError(f"{type(client).__name__} is not read by DuckDB")
        if isinstance(client, WithTableScanners):
            client.create_views_for_tables({table: table for table in tables})
        database = client.native_connection
        for name, value in _SETTINGS.items():
            database.execute(f"SET {name} = '{value}'")
        for table in tables:
            name = client.make_qualified_table_name(table)
            _copy_days(database, name, folder / table) if table == EVENTS.name else _copy_table(
                database, f"FROM {name}", folder / f"{table}.parquet"
            )
            there = _first(database, f"SELECT count(*) FROM {name}")  # noqa: S608 - dlt has quoted it
            if there != _rows(folder / table):
                raise RuntimeError(f"{table} has {there} rows, and {_rows(folder / table)} were exported")


def _copy_days(database: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """A folder a day of event time, in UTC; one day after the other, so that memory holds no more than a day's."""
    folder.mkdir()
    found = database.execute(f"SELECT DISTINCT CAST(event_time AS DATE) FROM {name} ORDER BY 1")  # noqa: S608
    days: list[date] = [day for (day,) in found.fetchall()]
    for day in days:
        of_day = folder / f"event_date={day}"
        of_day.mkdir()
        query = (
            f"FROM {name} WHERE event_time >= TIMESTAMPTZ '{day} 00:00:00+00' "
            f"AND event_time < TIMESTAMPTZ '{day} 00:00:00+00' + INTERVAL 1 DAY"
        )
        _copy_table(database, query, of_day / "events.parquet")


def _copy_table(database: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    path = str(file).replace("'", "''")
    database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS_A_GROUP})")


def _first(database: duckdb.DuckDBPyConnection, query: str) -> Any:
    return database.execute(query).fetchall()[0][0]


def _rows(table: Path) -> int:
    """The rows of a table's files, as the files tell them."""
    files = table.rglob("*.parquet") if table.is_dir() else [table.with_name(f"{table.name}.parquet")]
    return sum(pq.read_metadata(file).num_rows for file in files)


def sweep(folder: Path) -> None:
    """Remove what exports into a folder that were killed have left beside it."""
    for left in folder.parent.iterdir():
        if left.name.startswith(_prefix(folder)):
            shutil.rmtree(left)


def _prefix(folder: Path) -> str:
    return f".{folder.name}.export-"


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, of which nothing stays there; those of killed exports are removed first."""
    sweep(folder)
    beside = Path(mkdtemp(prefix=_prefix(folder), dir=folder.parent))
    beside.chmod(0o755)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put_in_place(beside: Path, folder: Path) -> None:
    """Let a folder take the place of another, which is then beside it or gone; a reader finds one or the other."""
    if not folder.exists():
        beside.rename(folder)
        return
    if not _exchange(beside, folder):
        old = beside.with_name(f"{beside.name}-old")
        folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where the operating system can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
