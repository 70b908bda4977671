"""`build`: the canonical tables of a dataset, in a DuckDB file or a folder of Delta tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from customer_tables import contract
from customer_tables.build import Builder
from customer_tables.contract import BUILDS
from customer_tables.engine import Engine, place
from customer_tables.increment import Increment
from customer_tables.position import Position, position_of, read_position
from customer_tables.raw import RawTables
from customer_tables.staging.contract import Staging
from customer_tables.staging.intilery import Intilery

FULL, INCREMENTAL, NOTHING = "full", "incremental", "nothing new"

On = str | Path | duckdb.DuckDBPyConnection
_BOUNDS: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "600MB", "preserve_insertion_order": False}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did: `how` is full, incremental or nothing new; `rows` those of each table now."""

    how: str
    rows: dict[str, int]
    watermark: datetime | None


def build(on: On = "customers.duckdb", *, dataset: str = "intilery", full: bool = False) -> BuildResult:
    """Build the canonical tables of a dataset from what is new in it; `full` builds all of them anew.

    `on` is a DuckDB file, or an open connection to one. It is done in one transaction: whoever is killed leaves the
    tables as they were.

    Raises:
        NothingLoadedError: there is no such dataset.
    """
    with connected(on) as connection:
        _require(connection, dataset)
        engine, staging = Engine(connection), Intilery(RawTables(connection, dataset))
        how = None if full else _increment(connection, engine, staging, dataset)
        if how is None:
            with _transaction(connection):
                engine.run(f"CREATE SCHEMA IF NOT EXISTS {contract.SCHEMA}")
                Builder(engine, staging).fill()
                _write(engine, staging, dataset, position_of(engine, staging))
            how = FULL
        engine.drop_kept()
        rows = {table.name: int(engine.run(f"SELECT count(*) FROM {place(table)}").fetchall()[0][0])
                for table in contract.TABLES}  # fmt: skip
        return BuildResult(how, rows, staging.standing().watermark)


class NothingLoadedError(Exception):
    """There is nothing to build from; the text is one sentence for the user."""


def _increment(connection: duckdb.DuckDBPyConnection, engine: Engine, staging: Staging, dataset: str) -> str | None:
    """Take in what is new; how that was done, None where it could not be."""
    before = _built(engine, dataset)
    if before is None:
        return None
    now = position_of(engine, staging)
    connection.begin()
    try:
        done = before == now or Increment(engine, staging, before, now).take_in()
        if done:
            _write(engine, staging, dataset, now)
    except BaseException:
        connection.rollback()
        raise
    connection.commit() if done else connection.rollback()
    return None if not done else NOTHING if before == now else INCREMENTAL


def _built(engine: Engine, dataset: str) -> Position | None:
    """What the tables were built from, None where they are not there, or are another version's or dataset's."""
    if not all(engine.exists(table) for table in contract.KEPT):
        return None
    found = engine.run(f"SELECT source, position FROM {place(BUILDS)}").fetchall()
    return read_position(str(found[0][1])) if [source for source, _ in found] == [dataset] else None


def _write(engine: Engine, staging: Staging, dataset: str, position: Position) -> None:
    engine.run(f"DELETE FROM {place(BUILDS)} WHERE source = ?", dataset)
    row = (dataset, datetime.now(UTC), staging.standing().watermark, position.text())
    engine.run(f"INSERT INTO {place(BUILDS)} VALUES (?, ?, ?, ?)", *row)


@contextmanager
def connected(on: On, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a DuckDB file, closed at the end, or one that is given, which stays open."""
    if isinstance(on, duckdb.DuckDBPyConnection):
        yield on
        return
    if not Path(on).is_file():
        raise NothingLoadedError(f"{on}: there is no such DuckDB file; intilery load makes it.")
    with duckdb.connect(str(on), read_only=read_only, config=_BOUNDS) as connection:
        yield connection


def _require(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    found = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ?", [dataset]
    ).fetchall()
    if found[0][0] == 0:
        raise NothingLoadedError(f"Nothing has been loaded into the dataset {dataset}: run intilery load first.")


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
