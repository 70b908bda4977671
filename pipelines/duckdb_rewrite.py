"""A DuckDB file written anew, without what is erased.

A DELETE leaves what it deletes in the file's free space. So a new file is made beside the old one, of the rows that
stay, and then moved into its place: whoever is killed midway leaves the old file as it was.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.memory import DUCKDB_BOUNDS, FOR_ERASURE
from pipelines.stored_tables import Change, literal, quoted

_BESIDE = ".being-rewritten"


class RewriteError(Exception):
    """The new file is not what it should be; the old one stays."""


def beside(database: Path) -> Path:
    """Where the new file is made: beside the file itself, also where `database` is a symbolic link to it."""
    real = database.resolve()
    return real.with_name(real.name + _BESIDE)


def sweep(database: Path) -> None:
    """Remove what a rewriting that was killed has left."""
    for path in (beside(database), Path(f"{beside(database)}.wal")):
        path.unlink(missing_ok=True)


def write_anew(connection: duckdb.DuckDBPyConnection, database: Path, changes: Sequence[Change] = ()) -> None:
    """Write all that stays of an open file into a new one beside it: schemas, views and tables as they are.

    Raises:
        RewriteError: a table of the new file has another number of rows than it should.
    """
    sweep(database)
    try:
        _write(connection, database, changes)
    except BaseException:
        sweep(database)
        raise


def _write(connection: duckdb.DuckDBPyConnection, database: Path, changes: Sequence[Change]) -> None:
    old, new = quoted(_catalog(connection)), quoted("intilery_anew")
    planned = {(change.table.schema, change.table.name): change for change in changes}
    connection.execute(f"ATTACH {literal(str(beside(database)))} AS {new}")
    try:
        connection.execute(f"COPY FROM DATABASE {old} TO {new} (SCHEMA)")
        for schema, table in _tables(connection):
            change = planned.get((schema, table))
            name = f"{quoted(schema)}.{quoted(table)}"
            columns = _columns(connection, schema, table)
            listed = ", ".join(map(quoted, columns))
            connection.execute(
                f"INSERT INTO {new}.{name} ({listed}) SELECT {_values(columns, change)} "  # noqa: S608 - quoted names
                f"FROM {old}.{name} r {_where(change)}"
            )
            ((stays,),) = connection.execute(f"SELECT count(*) FROM {old}.{name} r {_where(change)}").fetchall()  # noqa: S608
            ((written,),) = connection.execute(f"SELECT count(*) FROM {new}.{name}").fetchall()  # noqa: S608
            if stays != written:
                raise RewriteError(f"The new file has {written} rows of {schema}.{table} where {stays} should be.")
    finally:
        connection.execute(f"DETACH {new}")


def move_into_place(database: Path) -> None:
    """Put the new file in the old one's place; both must be closed. A symbolic link stays one."""
    new, real = beside(database), database.resolve()
    with duckdb.connect(str(new), read_only=True) as connection:
        connection.execute("SELECT count(*) FROM duckdb_tables()")
    with new.open("rb") as handle:
        os.fsync(handle.fileno())
    new.chmod(real.stat().st_mode & 0o777)
    for wal in (Path(f"{database}.wal"), Path(f"{real}.wal")):
        if wal.exists():
            raise RewriteError(f"{wal.name} is still there: another program has the file open.")
    new.replace(real)
    folder = os.open(real.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def rewrite(database: Path) -> None:
    """Write a file anew that nobody has open, so that its free space holds nothing of what was deleted.

    Raises:
        RewriteError: it did not come out right; the file stays as it was.
    """
    with duckdb.connect(str(database), config=DUCKDB_BOUNDS | {"memory_limit": FOR_ERASURE}) as connection:
        connection.execute("CHECKPOINT")
        write_anew(connection, database)
    move_into_place(database)


def _catalog(connection: duckdb.DuckDBPyConnection) -> str:
    ((name,),) = connection.execute("SELECT current_database()").fetchall()
    return str(name)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "AND NOT temporary ORDER BY table_oid"
    ).fetchall()


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    found = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = ? "
        "AND table_name = ? ORDER BY column_index",
        [schema, table],
    ).fetchall()
    return [str(name) for (name,) in found]


def _values(columns: Sequence[str], change: Change | None) -> str:
    values = {} if change is None else change.values
    touched = "FALSE" if change is None else change.touched
    return ", ".join(
        f"CASE WHEN {touched} THEN {values[name]} ELSE r.{quoted(name)} END AS {quoted(name)}"
        if name in values
        else f"r.{quoted(name)}"
        for name in columns
    )


def _where(change: Change | None) -> str:
    return "" if change is None or change.erased == "FALSE" else f"WHERE ({change.erased}) IS NOT TRUE"
