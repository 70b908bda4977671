"""Rows merged into a Delta table: only the files that hold a row to be changed are written again, in one commit.

The work is DuckDB's, within a bound on its memory. Delta's own merge holds the whole table while it joins: measured
2 GB for two million small rows (docs/decisions/0012).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from dlt.common.libs.deltalake import ensure_delta_compatible_arrow_schema

from pipelines.delta_files import commit, put
from pipelines.delta_table import DeltaPlace, file_paths, literal, quoted, select_files, tidy, types
from pipelines.memory import DUCKDB_BOUNDS

_DROP, _FILE = "_intilery_drop", "_intilery_file"
_ROWS_A_GROUP = 20_480
_BYTES_A_FILE = 100_000_000


@dataclass(frozen=True, slots=True)
class Merge:
    """How rows are merged: rows of equal `key` are one row.

    `compared` are the columns that decide whether a row changed; without them every row counts as changed. Rows whose
    `deleted` column is true (or, if it is no boolean, not NULL) are removed. With `insert_only` nothing is changed.
    """

    key: Sequence[str]
    compared: Sequence[str] = ()
    deleted: str | None = None
    insert_only: bool = False


def merge(place: DeltaPlace, files: Sequence[str], how: Merge, scratch: Path, stale: pa.Array | None = None) -> None:
    """Merge the rows of Parquet files into a table, which is made if there is none.

    A row is replaced as a whole: what the files do not have of it becomes NULL. Of rows with one key the last counts.
    `stale` are values of the key, of a single column, whose rows are removed. `scratch` is a folder for what DuckDB
    puts aside; whoever gives it removes it if this process is killed.
    """
    schema = _file_schema(files) if files else None
    table = place.table() if schema is None else place.made(schema)
    if table is None:
        return
    before = table.version()
    with _database(place, scratch) as (database, folder):
        known = set() if schema is None else set(schema.names)
        _define_source(database, table, files, known, how, stale)
        touched = _define_changes(database, table, how)
        _write(database, table, touched, folder)
        written = [path for path in sorted(folder.rglob("*.parquet")) if pq.read_metadata(path).num_rows]
        if written or touched:
            names = [os.path.basename(file) for file in touched]  # noqa: PTH119 - a bucket's address, too
            commit(table, [put(path, place) for path in written], names)
    tidy(table, before)


def stale_ids(
    place: DeltaPlace, files: Sequence[str], root_files: Sequence[str], *, key: str, root_key: str
) -> pa.Array | None:
    """The keys of nested rows whose root is in `root_files`, and which are not in `files`.

    dlt's merge would leave them: it looks at each table alone, so a list that became shorter keeps its old end.
    """
    table = place.table()
    if table is None or not root_files:
        return None
    key_types = {key: "VARCHAR", root_key: "VARCHAR"}
    with duckdb.connect(config=DUCKDB_BOUNDS) as database:
        if place.files is not None:
            database.register_filesystem(place.files)
        found = database.execute(
            f"SELECT {quoted(key)} FROM ({select_files(file_paths(table), key_types)}) "
            f"WHERE {quoted(root_key)} IN ({select_files(root_files, {key: 'VARCHAR'})}) "
            f"AND {quoted(key)} NOT IN ({select_files(files, {key: 'VARCHAR'})})"
        ).to_arrow_table()
    return found.column(0).combine_chunks()


@contextmanager
def _database(place: DeltaPlace, scratch: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    with TemporaryDirectory(dir=scratch, prefix="delta-") as name:
        config = DUCKDB_BOUNDS | {"temp_directory": f"{name}/aside"}
        folder = Path(name) / "written"
        with duckdb.connect(config=config) as database:
            if place.files is not None:
                database.register_filesystem(place.files)
            yield database, folder


def _define_source(
    database: duckdb.DuckDBPyConnection,
    table: DeltaTable,
    files: Sequence[str],
    known: set[str],
    how: Merge,
    stale: pa.Array | None,
) -> None:
    """The view `source`, a row a key, and the table `keys`, with which of them are to be dropped."""
    columns = {name: kind for name, kind in types(table).items() if name in known} or types(table)
    key = ", ".join(map(quoted, how.key))
    dropped = "false"
    if how.deleted is not None and how.deleted in columns:
        boolean = columns[how.deleted] == "boolean"
        dropped = f"coalesce({quoted(how.deleted)}, false)" if boolean else f"{quoted(how.deleted)} IS NOT NULL"
    incoming = f"SELECT *, {dropped} AS {_DROP} FROM ({select_files(files, columns, _FILE)})"
    database.execute(f"CREATE TEMP VIEW source AS {incoming}")
    count, distinct = database.execute(
        f"SELECT sum(rows), count(*) FROM (SELECT count(*) AS rows FROM source GROUP BY {key})"
    ).fetchall()[0]
    if count != distinct and files:
        listed = ", ".join(map(literal, files))
        numbered = (
            "SELECT *, row_number() OVER () AS _intilery_row FROM "
            f"read_parquet([{listed}], union_by_name=true, filename='{_FILE}')"
        )
        database.execute("SET preserve_insertion_order = true")
        casts = ", ".join(f"{quoted(name)}::{kind} AS {quoted(name)}" for name, kind in columns.items())
        database.execute(
            f"CREATE TEMP TABLE single AS SELECT {casts}, {_FILE} FROM ({numbered}) "
            f"QUALIFY row_number() OVER (PARTITION BY {key} "
            f"ORDER BY list_position([{listed}], {_FILE}) DESC, _intilery_row DESC) = 1"
        )
        database.execute("SET preserve_insertion_order = false")
        database.execute(f"CREATE OR REPLACE TEMP VIEW source AS SELECT *, {dropped} AS {_DROP} FROM single")
    database.execute(f"CREATE TEMP TABLE keys AS SELECT {key}, {_DROP} FROM source")
    if stale is not None and len(stale):
        database.register("stale", pa.table({how.key[0]: stale}))
        database.execute(f"INSERT INTO keys SELECT {key}, true FROM stale")


def _define_changes(database: duckdb.DuckDBPyConnection, table: DeltaTable, how: Merge) -> list[str]:
    """The tables `settled` (keys that are there and stay as they are) and `changed`; the files that hold the latter."""
    key = ", ".join(map(quoted, how.key))
    columns = types(table)
    keys_there = select_files(file_paths(table), {name: columns[name] for name in how.key}, _FILE)
    database.execute(
        f"CREATE TEMP TABLE hits AS SELECT {key}, {_DROP}, {_FILE} FROM ({keys_there}) JOIN keys USING ({key})"
    )
    if how.insert_only:
        database.execute("CREATE TEMP TABLE changed AS FROM hits WHERE false")
    elif not how.compared:
        database.execute("CREATE TEMP VIEW changed AS FROM hits")
    else:
        held = [file for (file,) in database.execute(f"SELECT DISTINCT {_FILE} FROM hits").fetchall()]
        compared = [name for name in how.compared if name in columns]
        wanted = {name: columns[name] for name in dict.fromkeys([*how.key, *compared])}
        given = {name for (name, *_) in database.execute("DESCRIBE source").fetchall()}
        differs = " OR ".join(
            f"{f's.{quoted(name)}' if name in given else 'NULL'} IS DISTINCT FROM t.{quoted(name)}" for name in compared
        )
        on = " AND ".join(f"s.{quoted(name)} = t.{quoted(name)}" for name in how.key)
        listed = ", ".join(f"t.{quoted(name)}" for name in how.key)
        database.execute(
            f"CREATE TEMP TABLE changed AS SELECT {key}, {_FILE} FROM hits WHERE {_DROP} UNION ALL "
            f"SELECT {listed}, t.{_FILE} FROM ({select_files(held, wanted, _FILE)}) AS t "
            f"JOIN source AS s ON {on} WHERE NOT s.{_DROP} AND ({differs or 'true'})"
        )
    database.execute(f"CREATE TEMP VIEW settled AS SELECT {key} FROM hits ANTI JOIN changed USING ({key})")
    return [file for (file,) in database.execute(f"SELECT DISTINCT {_FILE} FROM changed").fetchall()]


def _write(database: duckdb.DuckDBPyConnection, table: DeltaTable, touched: Sequence[str], folder: Path) -> None:
    """Write the rows that are new, and those beside them in the files that are to be replaced."""
    columns = types(table)
    key_columns = [name for (name, *_) in database.execute("DESCRIBE settled").fetchall()]
    key = ", ".join(map(quoted, key_columns))
    given = {name for (name, *_) in database.execute("DESCRIBE source").fetchall()}
    shown = ", ".join(
        quoted(name) if name in given else f"NULL::{kind} AS {quoted(name)}" for name, kind in columns.items()
    )
    rows = f"SELECT {shown} FROM (SELECT * FROM source WHERE NOT {_DROP}) ANTI JOIN settled USING ({key})"
    if touched:
        rows += f" UNION ALL BY NAME SELECT * FROM ({select_files(touched, columns)}) ANTI JOIN changed USING ({key})"
    folder.mkdir()
    copy(database, rows, folder / "files")


def copy(database: duckdb.DuckDBPyConnection, rows: str, folder: Path) -> None:
    """Write the rows of a query to Parquet files in a folder, which is made."""
    database.execute(
        f"COPY ({rows}) TO {literal(str(folder))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS_A_GROUP}, FILE_SIZE_BYTES {_BYTES_A_FILE})"
    )


def _file_schema(files: Sequence[str]) -> pa.Schema:
    """The columns of all files, as Delta can hold them: a column that is new in a load is in its later files only."""
    found = pa.unify_schemas([pq.read_schema(file) for file in files], promote_options="permissive")
    nullable = pa.schema([column.with_nullable(True) for column in found])
    return ensure_delta_compatible_arrow_schema(nullable)
