"""`build` and `check`: the canonical tables of a dataset, in a DuckDB file or a folder of Delta tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from customer_tables import checks, contract, delta
from customer_tables.builder import Builder
from customer_tables.checks import Finding
from customer_tables.contract import BUILDS
from customer_tables.engine import Engine, place
from customer_tables.errors import NothingLoadedError, UnsupportedPlaceError
from customer_tables.increment import Increment
from customer_tables.position import Position, position_of, read_position
from customer_tables.raw import RawTables
from customer_tables.staging.contract import Staging
from customer_tables.staging.intilery import Intilery

FULL, INCREMENTAL, NOTHING = "full", "incremental", "nothing new"
CLOCK_SKEW = timedelta(hours=24)
"""How far the clocks of senders are believed to be ahead."""

On = str | Path | duckdb.DuckDBPyConnection
_BOUNDS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "500MB",
    "preserve_insertion_order": False,
    # a few rows are sought by their places, and not in a scan of the table
    "dynamic_or_filter_threshold": 100_000,
}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did: `how` is full, incremental or nothing new; `rows` those of each table now."""

    how: str
    rows: dict[str, int]
    watermark: datetime | None


def build(on: On = "customers.duckdb", *, dataset: str = "intilery", full: bool = False) -> BuildResult:
    """Build the canonical tables of a dataset from what is new in it; `full` builds all of them anew.

    `on` is a DuckDB file, an open connection to one, or a folder of Delta tables. In DuckDB it is done in one
    transaction: whoever is killed leaves the tables as they were. Delta tables are all written anew, one after the
    other, if anything is new.

    Raises:
        NothingLoadedError: there is no such dataset.
        UnsupportedPlaceError: Delta's library is not installed.
    """
    if _is_folder(on):
        return _build_delta(Path(str(on)), dataset, full=full)
    with connected(on) as connection:
        _require(connection, dataset)
        engine, staging = Engine(connection), Intilery(RawTables(connection, dataset))
        how = None if full else _increment(connection, engine, staging, dataset)
        if how is None:
            how = FULL
            with _transaction(connection):
                engine.run(f"CREATE SCHEMA IF NOT EXISTS {contract.SCHEMA}")
                _fill(engine, staging, dataset, position_of(engine, staging))
        return _result(how, engine, staging)


def check(
    on: On = "customers.duckdb", *, dataset: str = "intilery", clock_skew: timedelta = CLOCK_SKEW
) -> list[Finding]:
    """What of the canonical tables is not as their contract says; nothing is changed.

    An event dated more than `clock_skew` after its receipt is a finding.

    Raises:
        NothingLoadedError: nothing was built.
    """
    with delta.opened(Path(str(on)), dataset) if _is_folder(on) else connected(on, read_only=True) as connection:
        engine = Engine(connection)
        if not engine.exists(BUILDS):
            raise NothingLoadedError(f"Nothing was built from the dataset {dataset}: run intilery tables build first.")
        return list(checks.findings(engine, clock_skew))


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


def _build_delta(folder: Path, dataset: str, *, full: bool) -> BuildResult:
    with delta.opened(folder, dataset) as connection:
        engine, staging = Engine(connection), Intilery(RawTables(connection, dataset))
        before, now = _built(engine, dataset), position_of(engine, staging)
        if before == now and not full:
            return _result(NOTHING, engine, staging)
        delta.hide(connection, contract.CREATIONS)
        _fill(engine, staging, dataset, now)
        delta.write(connection, folder)
        return _result(FULL, engine, staging)


def _is_folder(on: On) -> bool:
    return not isinstance(on, duckdb.DuckDBPyConnection) and Path(on).is_dir()


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
    if not done:
        connection.rollback()
        return None
    connection.commit()
    return NOTHING if before == now else INCREMENTAL


def _built(engine: Engine, dataset: str) -> Position | None:
    """What the tables were built from, None where they are not there, or are another version's or dataset's."""
    if not all(engine.exists(table) for table in contract.KEPT):
        return None
    found = engine.run(f"SELECT source, position FROM {place(BUILDS)}").fetchall()
    return read_position(str(found[0][1])) if [source for source, _ in found] == [dataset] else None


def _fill(engine: Engine, staging: Staging, dataset: str, now: Position) -> None:
    Builder(engine, staging).fill()
    _write(engine, staging, dataset, now)


def _write(engine: Engine, staging: Staging, dataset: str, position: Position) -> None:
    engine.run(f"DELETE FROM {place(BUILDS)} WHERE source = ?", dataset)
    row = (dataset, datetime.now(UTC), staging.standing().watermark, position.text())
    engine.run(f"INSERT INTO {place(BUILDS)} VALUES (?, ?, ?, ?)", *row)


def _result(how: str, engine: Engine, staging: Staging) -> BuildResult:
    engine.drop_kept()
    rows = {table.name: engine.count(table) for table in contract.TABLES}
    return BuildResult(how, rows, staging.standing().watermark)


def _require(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    """Refuse a file that holds no such dataset, or whose name DuckDB could not tell from that of a schema."""
    ((tables, name),) = connection.execute(
        "SELECT count(*), current_database() FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = ?",
        [dataset],
    ).fetchall()
    if contract.SCHEMA in (str(name).lower(), dataset.lower()):
        raise UnsupportedPlaceError(
            f"A DuckDB file or dataset may not be called {contract.SCHEMA}, which is the canonical tables' schema: "
            "give it another name."
        )
    if tables == 0:
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
