"""A folder of Delta tables as DuckDB reads it, and as people are erased from it."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import duckdb
import pyarrow.parquet as pq
from deltalake import DeltaTable
from dlt.pipeline.pipeline import Pipeline

from pipelines.delta_destination import DeltaClient
from pipelines.delta_files import put
from pipelines.delta_folder import must_be_local
from pipelines.delta_merge import copy
from pipelines.delta_replacement import Replacement, clean, finish, places_in, replace
from pipelines.delta_table import file_paths, select, select_files, types
from pipelines.duckdb_rewrite import RewriteError
from pipelines.memory import DUCKDB_BOUNDS, FOR_ERASURE
from pipelines.stored_tables import DERIVED, Change, Store, StoredTable, quoted, store_in

_FILE = "_intilery_file"


class DeltaStore(Store):
    """The Delta tables of a dataset as they are when it is opened; after a change it must be opened again."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, json_columns: Mapping[str, set[str]], scratch: Path
    ) -> None:
        """`json_columns` are those that hold JSON, of each table: Delta knows them as text."""
        opened = store_in(connection, folder.name)
        super().__init__(opened.rows, opened.transaction, folder.name, is_duckdb=True)
        self._connection = connection
        self._folder = folder
        self._json_columns = json_columns
        self._scratch = scratch
        self._tables: dict[str, DeltaTable] = {}
        connection.execute(f"CREATE SCHEMA {quoted(self.dataset)}")
        for name, where in places_in(folder).items():
            table = where.table()
            if table is not None:
                self._tables[name] = table
                query = select(table, list(types(table)))
                connection.execute(f"CREATE VIEW {quoted(self.dataset)}.{quoted(name)} AS {query}")

    def tables(self) -> list[StoredTable]:
        """Every table of the dataset."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for name, table in self._tables.items():
            json_columns = self._json_columns.get(name, set())
            found[self.dataset, name] = {
                column: "json" if column in json_columns else kind.lower() for column, kind in types(table).items()
            }
        return [self._table(found, *key) for key in found]

    def carry_out(self, changes: Sequence[Change]) -> None:
        """Write the files that show somebody anew, all of them before the first is replaced.

        Raises:
            RewriteError: a new file has another number of rows than it should; the tables stay as they were.
        """
        planned: dict[str, list[Change]] = {}
        for change in changes:
            planned.setdefault(change.table.name, []).append(change)
        replacements = {name: self._written_anew(name, several) for name, several in planned.items()}
        needed = {name: replacement for name, replacement in replacements.items() if replacement.removed}
        if needed:
            self._remove_derived()
            replace(self._folder, needed)

    def clean(self, changed: Iterable[StoredTable]) -> None:
        """Remove what earlier versions of any table left: rows that are gone from it for another reason, too."""
        for where in places_in(self._folder).values():
            clean(where)

    def _remove_derived(self) -> None:
        """Remove the tables that were made from these, which show the same people; they are simply made again."""
        for schema in DERIVED:
            for log in self._folder.parent.glob(f"{schema}/*/_delta_log"):
                shutil.rmtree(log.parent)

    def _written_anew(self, name: str, changes: Sequence[Change]) -> Replacement:
        table, where = self._tables[name], places_in(self._folder)[name]
        columns = types(table)
        erased = " OR ".join(f"({change.erased})" for change in changes)
        touched = " OR ".join(f"({change.touched})" for change in changes)
        found = self.rows(
            f"SELECT {_FILE}, count(*) - count(CASE WHEN {erased} THEN 1 END) "
            f"FROM ({select_files(file_paths(table), columns, _FILE)}) r GROUP BY ALL "
            f"HAVING count(CASE WHEN ({erased}) OR ({touched}) THEN 1 END) > 0"
        )
        if not found:
            return Replacement([], [])
        rows = select_files([str(file) for file, _ in found], columns)
        for change in changes:
            values = ", ".join(_value(column, kind, change) for column, kind in columns.items())
            rows = f"SELECT {values} FROM ({rows}) r WHERE ({change.erased}) IS NOT TRUE"
        folder = self._scratch / name
        copy(self._connection, rows, folder)
        paths = [path for path in sorted(folder.rglob("*.parquet")) if pq.read_metadata(path).num_rows]
        written, stays = sum(pq.read_metadata(path).num_rows for path in paths), sum(int(rows) for _, rows in found)
        if written != stays:
            raise RewriteError(f"The new files have {written} rows of {name} where {stays} should be.")
        return Replacement([put(path, where) for path in paths], [Path(str(file)).name for file, _ in found])


def _value(column: str, kind: str, change: Change) -> str:
    name = quoted(column)
    if column not in change.values:
        return f"r.{name}"
    return f"CASE WHEN {change.touched} THEN CAST({change.values[column]} AS {kind}) ELSE r.{name} END AS {name}"


@contextmanager
def delta_store(pipeline: Pipeline, *, read_only: bool = False) -> Iterator[DeltaStore]:
    """What the Delta tables of a pipeline's dataset hold; unless they are only read, a killed erasure is completed.

    Raises:
        ConfigurationError: they are in a bucket.
    """
    with pipeline.destination_client() as client:
        where = cast(DeltaClient, client)
        must_be_local(str(where.config.bucket_url))
        folder = Path(where.dataset_path)
    if not read_only:
        finish(folder)
    json_columns = {
        name: {column for column, hint in table["columns"].items() if hint.get("data_type") == "json"}
        for name, table in (pipeline.default_schema.tables.items() if pipeline.schema_names else ())
    }
    working = Path(pipeline.working_dir)
    working.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=working, prefix="erasure-") as scratch:
        config = DUCKDB_BOUNDS | {"memory_limit": FOR_ERASURE, "temp_directory": f"{scratch}/aside"}
        with duckdb.connect(config=config) as connection:
            yield DeltaStore(connection, folder, json_columns, Path(scratch))
