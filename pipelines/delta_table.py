"""One Delta table: rows of a load merged into it, in one commit of its transaction log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from deltalake import DeltaTable, WriterProperties
from dlt.common.libs.deltalake import ensure_delta_compatible_arrow_schema, evolve_delta_table_schema

_DROP = "_drop"
_BATCH = 65_536
_COMMITS_A_ROUND = 16
_KEPT_HOURS = 7 * 24
_PROPERTIES = WriterProperties(compression="ZSTD")
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
_CONFIGURATION: Mapping[str, str | None] = {"delta.dataSkippingNumIndexedCols": "0"}
"""No statistics in the log: the least and greatest e-mail address of a file would outlive the file."""


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


@dataclass(frozen=True, slots=True)
class DeltaPlace:
    """Where a table is, and what the object store wants to know."""

    location: str
    options: Mapping[str, str] = field(default_factory=dict)

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
        evolve_delta_table_schema(table, schema)
        return table


def merge(place: DeltaPlace, files: Sequence[str], how: Merge, stale: pa.Array | None = None) -> None:
    """Merge the rows of Parquet files into a table, which is made if there is none.

    A row is replaced as a whole: what the files do not have of it becomes NULL. Of rows with one key the last counts.
    `stale` are values of the key, of a single column, whose rows are removed.
    """
    schema = _file_schema(files) if files else None
    table = place.table() if schema is None else place.made(schema)
    if table is None:
        return
    before = table.version()
    columns = _columns(table)
    batches = _batches(files, schema, columns, how) if schema is not None else iter(())
    source = pa.schema([column.with_nullable(True) for column in columns]).append(pa.field(_DROP, pa.bool_()))

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _record_batch(batch, source, _dropped(batch, how.deleted))
        if stale is not None and len(stale):
            gone = pa.table({how.key[0]: stale})
            for batch in gone.to_batches(_BATCH):
                yield _record_batch(batch, source, pa.array([True] * len(batch)))

    values = {f"`{name}`": f"source.`{name}`" for name in columns.names}
    merger = table.merge(
        source=pa.RecordBatchReader.from_batches(source, rows()),
        predicate=" AND ".join(f"target.`{name}` = source.`{name}`" for name in how.key),
        source_alias="source",
        target_alias="target",
        writer_properties=_PROPERTIES,
        streamed_exec=True,
    )
    if not how.insert_only:
        changed = " OR ".join(f"(source.`{name}` IS DISTINCT FROM target.`{name}`)" for name in how.compared)
        merger = merger.when_matched_delete(f"source.`{_DROP}`").when_matched_update(values, changed or None)
    merger.when_not_matched_insert(values, f"NOT source.`{_DROP}`").execute()
    if table.version() // _COMMITS_A_ROUND > before // _COMMITS_A_ROUND:
        tidy(table)


def tidy(table: DeltaTable) -> None:
    """Join small files, and remove those that no version of the last seven days needs: a reader may be at work."""
    table.optimize.compact(writer_properties=_PROPERTIES)
    table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False)


def stale_ids(table: DeltaTable, files: Sequence[str], roots: pa.Array, *, key: str, root_key: str) -> pa.Array:
    """The keys of nested rows whose root is among `roots`, and which are not in the files.

    dlt's merge would leave them: it compares each table alone, so a list that became shorter keeps its old end.
    """
    rows = table.to_pyarrow_dataset(schema=_columns(table)).to_table(columns=[key, root_key])
    stored = rows.filter(pc.is_in(rows.column(root_key), value_set=roots)).column(key).combine_chunks()
    if not files:
        return stored
    return stored.filter(pc.invert(pc.is_in(stored, value_set=column_of(files, key))))


def column_of(files: Sequence[str], column: str) -> pa.Array:
    """One column of Parquet files."""
    return pads.dataset(list(files)).to_table(columns=[column]).column(column).combine_chunks()


def select(table: DeltaTable, columns: Sequence[str]) -> str:
    """DuckDB's query for the rows of a table's version, with a column that none of its files has as NULL.

    Arrow's dataset of a Delta table would do for any rows; but it fails to compare text with a constant in files that
    Delta's library wrote as string views.
    """
    types = {item.name: _DUCKDB_TYPES.get(str(item.type.type), str(item.type.type)) for item in table.schema().fields}
    shown = [name for name in columns if name in types]
    nulls = ", ".join(f"NULL::{types[name]} AS {_quoted(name)}" for name in shown)
    query = f"SELECT {nulls} WHERE false"
    if files := table.file_uris():
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], union_by_name=true)"  # noqa: S608
    return f"SELECT {', '.join(map(_quoted, shown))} FROM ({query})"  # noqa: S608 - all of it quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(table: DeltaTable) -> pa.Schema:
    """A table's columns, text as plain text: Arrow compares no other kind with a constant."""
    found = pa.schema(table.schema().to_arrow())
    return pa.schema(
        [column.with_type(pa.string()) if pa.types.is_string_view(column.type) else column for column in found]
    )


def _file_schema(files: Sequence[str]) -> pa.Schema:
    """The columns of all files, as Delta can hold them: a column that is new in a load is in its later files only."""
    found = pa.unify_schemas([pq.read_schema(file) for file in files], promote_options="permissive")
    nullable = pa.schema([column.with_nullable(True) for column in found])
    return ensure_delta_compatible_arrow_schema(nullable)


def _batches(files: Sequence[str], schema: pa.Schema, columns: pa.Schema, how: Merge) -> Iterator[pa.RecordBatch]:
    dataset = pads.dataset(list(files), schema=pa.schema([columns.field(name) for name in schema.names]))
    keys = dataset.to_table(columns=list(how.key))
    keys = keys.append_column(_DROP, pa.array(range(len(keys))))
    last = keys.group_by(list(how.key)).aggregate([(_DROP, "max")]).column(f"{_DROP}_max")
    if len(last) < len(keys):
        return iter(dataset.take(last.combine_chunks().sort()).to_batches(_BATCH))
    return iter(dataset.scanner(batch_size=_BATCH, batch_readahead=2, fragment_readahead=1).to_batches())


def _dropped(batch: pa.RecordBatch, column: str | None) -> pa.Array:
    if column is None or column not in batch.schema.names:
        return pa.array([False] * len(batch))
    values = batch.column(column)
    return values.fill_null(False) if pa.types.is_boolean(values.type) else values.is_valid()


def _record_batch(batch: pa.RecordBatch, schema: pa.Schema, dropped: pa.Array) -> pa.RecordBatch:
    """The columns of `schema`, in its order; NULL where the batch has none."""
    arrays: list[Any] = []
    for column in schema:
        if column.name == _DROP:
            arrays.append(dropped)
        elif column.name in batch.schema.names:
            arrays.append(batch.column(column.name).cast(column.type))
        else:
            arrays.append(pa.nulls(len(batch), column.type))
    return pa.record_batch(arrays, schema=schema)
