"""Delta tables of a folder, read by DuckDB file by file, and written anew in one commit a table.

A build here takes place in a DuckDB file beside; `builds` is written last, so that a build
that was killed is done again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote

import duckdb

from customer_tables import contract
from customer_tables.contract import Table
from customer_tables.errors import NothingLoadedError, UnsupportedPlaceError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_BOUNDS: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "500MB", "preserve_insertion_order": False}
_LOG = "_delta_log"
_ROWS_A_BATCH = 50_000
_KEPT_HOURS = 7 * 24
_NO_STATISTICS = {"delta.dataSkippingNumIndexedCols": "0"}
"""The least and greatest identifier of a file would outlive the file in the log."""
_BEING_BUILT = ".customer_tables-"


@contextmanager
def opened(folder: Path, dataset: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB file of its own with the dataset's tables as views, and the canonical ones as far as they are there.

    Raises:
        NothingLoadedError: there is no such dataset.
        UnsupportedPlaceError: Delta's library is not installed.
    """
    if not any((folder / dataset).glob(f"*/{_LOG}")):
        raise NothingLoadedError(f"{folder} holds no Delta tables of the dataset {dataset}; intilery load makes them.")
    with TemporaryDirectory(prefix=_BEING_BUILT, dir=folder) as scratch:
        config = _BOUNDS | {"temp_directory": f"{scratch}/aside"}
        with duckdb.connect(f"{scratch}/work.duckdb", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for schema in (dataset, contract.SCHEMA):
                _show(connection, folder / schema, schema)
            yield connection


def _show(connection: duckdb.DuckDBPyConnection, folder: Path, schema: str) -> None:
    """Make a view of each table of a folder that has rows."""
    connection.execute(f"CREATE SCHEMA {_quoted(schema)}")
    kinds = {table.name: table for table in contract.KEPT} if schema == contract.SCHEMA else {}
    for log in sorted(folder.glob(f"*/{_LOG}")):
        files = [unquote(uri) for uri in _table(log.parent).file_uris()]
        table = kinds.get(log.parent.name)
        if not files and table is None:
            continue
        listed = ", ".join(map(_literal, files))
        rows = f"FROM read_parquet([{listed}], union_by_name = true)"
        if table is not None:
            columns = ", ".join(f"{_value(name, kind.type, bool(files))}" for name, kind in table.columns.items())
            rows = f"SELECT {columns} {rows if files else 'WHERE false'}"
        connection.execute(f"CREATE VIEW {_quoted(schema)}.{_quoted(log.parent.name)} AS {rows}")


def _value(name: str, kind: str, there: bool) -> str:
    return f"{_quoted(name) if there else 'NULL'}::{kind} AS {_quoted(name)}"


def hide(connection: duckdb.DuckDBPyConnection, kept: Table) -> None:
    """Take the views of the canonical tables away, so that tables of these names can be made; one is a table then."""
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = ?", [contract.SCHEMA])
    for (name,) in found.fetchall():
        place = f"{contract.SCHEMA}.{_quoted(name)}"
        if name == kept.name:
            connection.execute(f"CREATE TEMP TABLE held AS FROM {place}")
        connection.execute(f"DROP VIEW {place}")
        if name == kept.name:
            connection.execute(f"CREATE TABLE {place} AS FROM held")
            connection.execute("DROP TABLE held")


def write(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Put what was built in the place of the Delta tables, `builds` last; earlier files stay for seven days."""
    for table in contract.KEPT:
        _write(connection, folder / contract.SCHEMA / table.name, table)


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, table: Table) -> None:
    from deltalake import WriterProperties, write_deltalake

    columns = ", ".join(
        f"{name}::VARCHAR AS {name}" if column.type == "JSON" else name for name, column in table.columns.items()
    )
    rows = connection.execute(f"SELECT {columns} FROM {contract.SCHEMA}.{table.name}")
    folder.mkdir(parents=True, exist_ok=True)
    write_deltalake(
        str(folder),
        rows.to_arrow_reader(_ROWS_A_BATCH),
        mode="overwrite",
        schema_mode="overwrite",
        configuration=_NO_STATISTICS,
        writer_properties=WriterProperties(compression="ZSTD"),
    )
    _table(folder).vacuum(retention_hours=_KEPT_HOURS, dry_run=False, full=True)


def _table(folder: Path) -> "DeltaTable":
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise UnsupportedPlaceError(
            "Delta tables need Delta's library: pip install 'customer-platform-extractor[delta]'."
        ) from None
    return DeltaTable(str(folder))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
