"""DuckDB at work: Ibis expressions carried out on an open connection, their results in tables of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from customer_tables import contract
from customer_tables.primitives import register

_KINDS: Mapping[str, dt.DataType] = {
    "VARCHAR": dt.string,
    "TIMESTAMPTZ": dt.Timestamp(timezone="UTC", scale=6),
    "JSON": dt.json,
    "BOOLEAN": dt.boolean,
    "DOUBLE": dt.float64,
    "BIGINT": dt.int64,
}


_NAMES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
"""Types that DuckDB calls otherwise."""


def sql(expression: ir.Expr) -> str:
    """An expression in DuckDB's SQL."""
    return str(ibis.to_sql(expression, dialect="duckdb", pretty=False))


class Engine:
    """A connection, with the canonical tables as Ibis tables; names are the contract's, values never part of SQL."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        register(connection)

    def table(self, table: contract.Table) -> ir.Table:
        """A canonical table."""
        schema = ibis.schema({name: _KINDS[column.type] for name, column in table.columns.items()})
        return ibis.table(schema, name=table.name, database=contract.SCHEMA)

    def make(self, table: contract.Table) -> None:
        """Make a table anew, empty."""
        columns = ", ".join(f"{name} {column.type}" for name, column in table.columns.items())
        self.run(f"DROP TABLE IF EXISTS {place(table)}")
        self.run(f"CREATE TABLE {place(table)} ({columns})")

    def insert(self, table: contract.Table, rows: ir.Table) -> None:
        """Put rows into a table."""
        names = ", ".join(table.columns)
        self.run(f"INSERT INTO {place(table)} ({names}) SELECT {names} FROM ({sql(rows)})")

    def delete(self, table: contract.Table, those: ir.Table) -> None:
        """Take out the rows that agree with one of `those` in all its columns, none of which is NULL."""
        names = ", ".join(those.columns)
        self.run(f"DELETE FROM {place(table)} WHERE ({names}) IN (SELECT ({names}) FROM ({sql(those)}))")

    def replace(self, table: contract.Table, rows: ir.Table) -> None:
        """Let a small table hold these rows, and touch those only that are not there yet."""
        fresh, held = self.keep(f"fresh_{table.name}", rows.select(list(table.columns))), self.table(table)
        self.delete(table, self.keep(f"stale_{table.name}", held.difference(fresh).select(list(table.key))))
        self.insert(table, self.keep(f"added_{table.name}", fresh.difference(held)))

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """The result of an expression under a name that nothing else has, kept until `drop_kept`."""
        self.run(f"CREATE TEMP TABLE building_{name} AS {sql(rows)}")
        return ibis.table(rows.schema(), name=f"building_{name}")

    def of_values(self, name: str, columns: Mapping[str, dt.DataType], rows: Sequence[tuple[Any, ...]]) -> ir.Table:
        """Rows of Python's as a table."""
        kinds = {key: "TIMESTAMPTZ" if kind.is_timestamp() else "VARCHAR" for key, kind in columns.items()}
        listed = ", ".join(f"{key} {kind}" for key, kind in kinds.items())
        self.run(f"CREATE TEMP TABLE building_{name} ({listed})")
        if rows:
            values = ", ".join(f"unnest(?::{kind}[])" for kind in kinds.values())
            self.run(
                f"INSERT INTO building_{name} SELECT {values}", *(list(column) for column in zip(*rows, strict=True))
            )
        return ibis.table(ibis.schema(columns), name=f"building_{name}")

    def rows(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        """The rows of an expression."""
        return self.run(sql(expression)).fetchall()

    def is_empty(self, expression: ir.Table) -> bool:
        """Whether an expression has no rows."""
        return not self.rows(expression.limit(1))

    def exists(self, table: contract.Table) -> bool:
        """Whether a table is there, with the columns and types of the contract: times with a zone are UTC's."""
        found = self.run(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? ORDER BY column_index",
            contract.SCHEMA,
            table.name,
        ).fetchall()
        wanted = [(name, _NAMES.get(column.type, column.type)) for name, column in table.columns.items()]
        return [(str(name), str(kind)) for name, kind in found] == wanted

    def count(self, table: contract.Table) -> int:
        """The rows of a table."""
        return int(self.run(f"SELECT count(*) FROM {place(table)}").fetchall()[0][0])

    def run(self, statement: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        """Carry out a statement."""
        return self._connection.execute(statement, list(parameters) or None)

    def drop_kept(self) -> None:
        """Drop what was kept."""
        found = self.run("SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'building\\_%' "
                         "ESCAPE '\\'").fetchall()  # fmt: skip
        for (name,) in found:
            self.run(f"DROP TABLE {name}")


def place(table: contract.Table) -> str:
    """A table's name in SQL."""
    return f"{contract.SCHEMA}.{table.name}"
