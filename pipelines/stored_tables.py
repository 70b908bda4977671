"""The tables that a destination holds, found by asking it, and SQL on them that DuckDB and PostgreSQL both speak."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError

DERIVED = ("customer_tables", "customer_features")
"""Schemas beside the dataset that are made from it; in a DuckDB file every schema is looked at."""
LISTS = frozenset({"varchar[]"})
_TEXT = frozenset({"varchar", "text", "character varying"}) | LISTS
_JSON = frozenset({"json", "jsonb"})


@dataclass(frozen=True)
class StoredTable:
    """A table with the types of its columns; `parent` is the table whose lists it holds."""

    schema: str
    name: str
    columns: Mapping[str, str]
    parent: "StoredTable | None" = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def id_column(self) -> str | None:
        """The column with the profile's identifier."""
        if self.parent is not None:
            return None
        found = [name for name in ("profile_id", "customer_id") if name in self.columns]
        if not found and "id" in self.columns and self.name.startswith("profile"):
            return "id"
        return found[0] if found else None

    def has_json(self, column: str) -> bool:
        return self.columns.get(column) in _JSON

    @property
    def texts(self) -> list[str]:
        """The columns that hold text or JSON, without dlt's own."""
        return [name for name, kind in self.columns.items() if kind in _TEXT | _JSON and not name.startswith("_dlt_")]


@dataclass(frozen=True)
class Change:
    """What becomes of a table: the rows `erased`, and new values for those of the rest that are `touched`.

    All of it is SQL on a row `r`.
    """

    table: StoredTable
    erased: str
    touched: str = "FALSE"
    values: Mapping[str, str] = field(default_factory=dict)


class Store:
    """SQL on a destination; values are given as parameters, written `%s`."""

    def __init__(
        self,
        run: Callable[..., Iterable[Sequence[Any]] | None],
        transaction: Callable[[], AbstractContextManager[Any]],
        dataset: str,
        *,
        is_duckdb: bool,
    ) -> None:
        """`run` takes a statement and its parameters, and gives its rows."""
        self._run = run
        self.transaction = transaction
        self.dataset = dataset
        self.is_duckdb = is_duckdb

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, or none."""
        return [tuple(row) for row in self._run(query, *parameters) or ()]

    def many(self, query: str, values: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement once for each of some values."""
        for value in values:
            self._run(query, *value)

    def tables(self) -> list[StoredTable]:
        """Every table that may hold somebody's data: of the dataset, of dlt's staging, of what is derived from them."""
        database = "current_database()" if self.is_duckdb else "current_catalog"
        found: dict[tuple[str, str], dict[str, str]] = {}
        for schema, table, column, kind in self.rows(
            "SELECT c.table_schema, c.table_name, c.column_name, lower(c.data_type) "  # noqa: S608 - no datum in it
            "FROM information_schema.columns c "
            "JOIN information_schema.tables t ON t.table_catalog = c.table_catalog "
            "AND t.table_schema = c.table_schema AND t.table_name = c.table_name "
            f"WHERE t.table_type = 'BASE TABLE' AND c.table_catalog = {database} "
            "ORDER BY c.table_schema, c.table_name, c.ordinal_position"
        ):
            if not table.startswith("_dlt_") and self._is_ours(schema):
                found.setdefault((schema, table), {})[column] = kind
        return [self._table(found, *key) for key in found]

    def carry_out(self, changes: Sequence[Change]) -> None:
        """Carry out a plan in place, in one transaction."""
        with self.transaction():
            for change in changes:
                where = place(change.table)
                if change.values:
                    assigned = ", ".join(f"{quoted(name)} = {value}" for name, value in change.values.items())
                    self.rows(
                        f"UPDATE {where} AS r SET {assigned} "  # noqa: S608 - quoted names and literals
                        f"WHERE ({change.touched}) AND ({change.erased}) IS NOT TRUE"
                    )
                if change.erased != "FALSE":
                    self.rows(f"DELETE FROM {where} AS r WHERE {change.erased}")  # noqa: S608

    def clean(self, changed: Iterable[StoredTable]) -> None:
        """Have PostgreSQL write changed tables anew, without the rows that are dead."""
        for table in changed:
            self.rows(f"VACUUM FULL {place(table)}")

    def _is_ours(self, schema: str) -> bool:
        if self.is_duckdb:
            return True
        return schema in DERIVED or schema in (self.dataset, f"{self.dataset}_staging")

    def _table(self, found: Mapping[tuple[str, str], Mapping[str, str]], schema: str, name: str) -> StoredTable:
        columns = found[schema, name]
        parent = None
        if "_dlt_parent_id" in columns:
            begins = [other for of, other in found if of == schema and name.startswith(f"{other}__")]
            if begins:
                parent = self._table(found, schema, max(begins, key=len))
        return StoredTable(schema, name, columns, parent)


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


def place(table: StoredTable) -> str:
    """A table's name as SQL takes it."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


@contextmanager
def store_of(pipeline: Pipeline, *, read_only: bool = False) -> Iterator[Store]:
    """What a pipeline's destination holds; unless it is only read, an erasure that was killed is completed first.

    Raises:
        ConfigurationError: it is none that can be erased from.
    """
    kind = pipeline.destination.destination_type.rpartition(".")[2]
    if kind == "DeltaTables":
        from pipelines.delta_store import delta_store  # its library need not be installed

        with delta_store(pipeline, read_only=read_only) as store:
            yield store
        return
    if kind not in ("duckdb", "postgres"):
        raise ConfigurationError(
            "People can be erased from DuckDB, Delta tables and PostgreSQL; in another warehouse delete their rows by "
            "SQL: docs/personal_data.md says by which columns."
        )
    with pipeline.sql_client() as client:
        yield Store(client.execute_sql, client.begin_transaction, pipeline.dataset_name, is_duckdb=kind == "duckdb")


def store_in(connection: duckdb.DuckDBPyConnection, dataset: str) -> Store:
    """What an open DuckDB file holds."""

    def run(query: str, *parameters: Any) -> list[Any]:
        return connection.execute(query.replace("%s", "?") if parameters else query, parameters or None).fetchall()

    @contextmanager
    def transaction() -> Iterator[None]:
        connection.begin()
        try:
            yield
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    return Store(run, transaction, dataset, is_duckdb=True)
