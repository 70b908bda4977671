"""A Delta table: where it is, what it holds, and how it is kept tidy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties
from dlt.common.libs.deltalake import evolve_delta_table_schema
from fsspec import AbstractFileSystem

_COMMITS_A_ROUND = 16
_KEPT_HOURS = 7 * 24
_PROPERTIES = WriterProperties(compression="ZSTD")
_CONFIGURATION: Mapping[str, str | None] = {"delta.dataSkippingNumIndexedCols": "0"}
"""No statistics in the log: the least and greatest e-mail address of a file would outlive the file."""
_DUCKDB_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
"""Delta's names of types, where DuckDB has others."""


@dataclass(frozen=True, slots=True)
class DeltaPlace:
    """Where a table is: its address, what the object store wants to know, and the bucket's files (None: local ones)."""

    location: str
    options: Mapping[str, str] = field(default_factory=dict)
    files: AbstractFileSystem | None = None

    @property
    def folder(self) -> Path:
        """The table's folder on this machine; a bucket has none."""
        return Path(url2pathname(urlsplit(self.location).path))

    def table(self) -> DeltaTable | None:
        """The table, None where there is none yet."""
        if not DeltaTable.is_deltatable(self.location, dict(self.options)):
            return None
        return DeltaTable(self.location, storage_options=dict(self.options))

    def made(self, schema: pa.Schema) -> DeltaTable:
        """The table, with at least the columns of `schema`; an empty one where there was none."""
        table = self.table()
        if table is None:
            return DeltaTable.create(
                self.location,
                deltalake.Schema.from_arrow(schema),
                mode="ignore",
                configuration=_CONFIGURATION,
                storage_options=dict(self.options),
            )
        return evolve_delta_table_schema(table, schema)


def types(table: DeltaTable) -> dict[str, str]:
    """The columns of a table, and their types in DuckDB."""
    found = {item.name: str(getattr(item.type, "type", item.type)) for item in table.schema().fields}
    return {name: _DUCKDB_TYPES.get(kind, kind) for name, kind in found.items()}


def file_paths(table: DeltaTable) -> list[str]:
    """The files of a table's newest version, as they are named where they are: Delta's library encodes them."""
    return [unquote(uri) for uri in table.file_uris()]


def select(table: DeltaTable, columns: Sequence[str]) -> str:
    """DuckDB's query for the rows of a table's newest version; columns that it does not have are left out.

    Arrow's dataset of a Delta table would do for any rows; but it fails to compare text with a constant in files that
    Delta's library wrote as string views.
    """
    known = types(table)
    return select_files(file_paths(table), {name: known[name] for name in columns if name in known})


def select_files(files: Sequence[str], columns: Mapping[str, str], file_column: str | None = None) -> str:
    """DuckDB's query for the rows of Parquet files; a column that none of them has is NULL.

    Columns keep their given types; `file_column` is to name the file that a row is from.
    """
    wanted = dict(columns) | ({} if file_column is None else {file_column: "VARCHAR"})
    nulls = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in wanted.items())
    query = f"SELECT {nulls} WHERE false"
    if files:
        options = "union_by_name=true" + ("" if file_column is None else f", filename={literal(file_column)}")
        listed = ", ".join(map(literal, files))
        query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], {options})"
    casts = ", ".join(f"{quoted(name)}::{kind} AS {quoted(name)}" for name, kind in wanted.items())
    return f"SELECT {casts} FROM ({query})"


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def tidy(table: DeltaTable, version_before: int) -> None:
    """Every sixteen versions, join small files and remove those that no version of the last seven days needs.

    A reader of a version of these days may be at work. What a killed load left behind goes with them.
    """
    if table.version() // _COMMITS_A_ROUND > version_before // _COMMITS_A_ROUND:
        table.optimize.compact(writer_properties=_PROPERTIES)
        table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False, full=True)
