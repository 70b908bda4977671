"""Erasing people from exported Parquet files: each file that shows one of them is written anew and moved into place."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cdp_client import ConfigurationError
from pipelines import export
from pipelines.erasure import Erased, plan
from pipelines.people import People, fill
from pipelines.stored_tables import Change, Store, StoredTable, literal, quoted, store_in

_SCHEMA = "export"
_BESIDE = ".being-rewritten"
_FILE = "intilery_file"


@dataclass(frozen=True)
class ParquetFolder:
    """A folder of Parquet files, one or a folder of them a table."""

    folder: Path

    def files(self) -> Mapping[str, list[Path]]:
        """The files of each table."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.folder.rglob("*.parquet")):
            parts = path.relative_to(self.folder).parts
            found.setdefault(parts[0].removesuffix(".parquet"), []).append(path)
        return found


def folder_of(path: Path) -> ParquetFolder:
    """The exported files beneath a folder.

    Raises:
        ConfigurationError: there are none, or they are Delta's, whose log would no longer be true.
    """
    if not path.is_dir():
        raise ConfigurationError(f"--export {path}: there is no such folder.")
    if next(path.rglob("_delta_log"), None) is not None:
        raise ConfigurationError(
            f"--export {path} holds Delta tables, which are a destination: name it by --destination and --path."
        )
    found = ParquetFolder(path)
    if not found.files():
        raise ConfigurationError(f"--export {path} holds no Parquet file: name the folder of an export.")
    return found


def erase(exported: ParquetFolder, whom: People, key: str, *, dry_run: bool) -> dict[str, Erased]:
    """Erase people from all files of a folder; what killed erasures and exports have left is removed.

    All files are written before the first is moved into place, and each is replaced at once.
    """
    for left in exported.folder.rglob(f"*{_BESIDE}"):
        left.unlink()
    found: dict[str, Erased] = {}
    written: list[Path] = []
    with _opened(exported) as (connection, store, tables):
        fill(store, whom, key)
        for change in plan(store, tables, whom):
            for path in exported.files()[change.table.name]:
                rows, blanked = _count(connection, path, change)
                if not rows and not blanked:
                    continue
                before = found.get(_label(exported, change), Erased(0, 0))
                found[_label(exported, change)] = Erased(before.rows + rows, before.blanked + blanked)
                if not dry_run:
                    _write(connection, path, change)
                    written.append(path)
    for path in written:
        path.with_name(path.name + _BESIDE).replace(path)
    if not dry_run:
        export.sweep(exported.folder.resolve())
    return found


def _label(exported: ParquetFolder, change: Change) -> str:
    return f"{exported.folder.name}/{change.table.name}"


@contextmanager
def _opened(exported: ParquetFolder) -> Iterator[tuple[duckdb.DuckDBPyConnection, Store, list[StoredTable]]]:
    """The files as views of a database in memory."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE SCHEMA {_SCHEMA}")
        columns: dict[str, dict[str, str]] = {}
        for name, paths in exported.files().items():
            view = f"{_SCHEMA}.{quoted(name)}"
            connection.execute(f"CREATE VIEW {view} AS SELECT * FROM {_read(paths)}")  # noqa: S608
            described = connection.execute(f"DESCRIBE {view}").fetchall()
            columns[name] = {column: _kind(column, str(kind)) for column, kind, *_ in described}
        tables: dict[str, StoredTable] = {}
        for name in sorted(columns, key=len):
            parents = [other for other in tables if name.startswith(f"{other}__")]
            parent = tables[max(parents, key=len)] if parents and "_dlt_parent_id" in columns[name] else None
            tables[name] = StoredTable(_SCHEMA, name, columns[name], parent)
        yield connection, store_in(connection, _SCHEMA), list(tables.values())


def _kind(column: str, kind: str) -> str:
    """A column's type; Parquet may have JSON as plain text."""
    return "json" if column in ("properties", "context", "traits", "extra") else kind.lower()


def _read(paths: Sequence[Path]) -> str:
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"


def _count(connection: duckdb.DuckDBPyConnection, path: Path, change: Change) -> tuple[int, int]:
    ((rows, blanked),) = connection.execute(
        f"SELECT count(CASE WHEN {change.erased} THEN 1 END), "  # noqa: S608 - quoted names and literals
        f"count(CASE WHEN ({change.erased}) IS NOT TRUE AND ({change.touched}) THEN 1 END) FROM {_read([path])} r"
    ).fetchall()
    return int(rows), int(blanked)


def _write(connection: duckdb.DuckDBPyConnection, path: Path, change: Change) -> None:
    described = connection.execute(f"DESCRIBE SELECT * FROM {_read([path])}").fetchall()  # noqa: S608
    values = ", ".join(
        f"CAST({change.values[name]} AS {kind}) AS {quoted(name)}" if name in change.values else f"r.{quoted(name)}"
        for name, kind, *_ in described
    )
    connection.execute(
        f"COPY (SELECT {values} FROM {_read([path])} r WHERE ({change.erased}) IS NOT TRUE) "  # noqa: S608
        f"TO {literal(str(path.with_name(path.name + _BESIDE)))} (FORMAT parquet, COMPRESSION zstd)"
    )
