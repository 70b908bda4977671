"""The raw tables of a dataset, as DuckDB sees them: in a file's schema, or as files of Delta tables."""

from collections.abc import Mapping
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from customer_tables.engine import sql


class RawTables:
    """Tables of one schema; a table or column that is not there is empty, since loads make them as they need them.

    Of a column of another type than is asked for, what cannot be read as that is NULL.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._views: dict[tuple[str, ...], ir.Table] = {}

    def table(self, name: str, columns: Mapping[str, dt.DataType]) -> ir.Table:
        """A table's columns with the given types."""
        key = (name, *columns)
        if key not in self._views:
            view = f"raw_{len(self._views)}_{name}"
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {_quoted(view)} AS {self._select(name, columns)}")
            self._views[key] = ibis.table(ibis.schema(columns), name=view)
        return self._views[key]

    def value(self, expression: ir.Scalar) -> Any:
        """What one expression comes to."""
        return self._connection.execute(sql(expression)).fetchall()[0][0]

    def _select(self, name: str, columns: Mapping[str, dt.DataType]) -> str:
        found = self._connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ?",
            [self._schema, name],
        ).fetchall()
        known = dict(found)
        listed = ", ".join(f"{_read(column, kind, known)} AS {_quoted(column)}" for column, kind in columns.items())
        place = f"FROM {_quoted(self._schema)}.{_quoted(name)}" if known else "WHERE false"
        return f"SELECT {listed} {place}"


def _read(column: str, kind: dt.DataType, known: Mapping[str, str]) -> str:
    wanted = "TIMESTAMP WITH TIME ZONE" if kind.is_timestamp() else _TYPES[kind]
    if column not in known:
        return f"NULL::{wanted}"
    return _quoted(column) if known[column] == wanted else f"TRY_CAST({_quoted(column)} AS {wanted})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_TYPES: Mapping[dt.DataType, str] = {
    dt.string: "VARCHAR",
    dt.json: "JSON",
    dt.float64: "DOUBLE",
    dt.boolean: "BOOLEAN",
}
