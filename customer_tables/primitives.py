"""DuckDB functions that Ibis has no name for: what JSON holds, and a row's hash.

Ibis reads JSON by fixed paths only, and its maps cannot tell JSON null from nothing; so keys and elements are taken
with DuckDB's own functions. `canonical_json` is Python's: DuckDB cannot sort an object's keys.
"""

# Ibis has no types of its own
# mypy: disallow-untyped-decorators=False

import json
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

_JSONS = dt.Array(dt.json)


@ibis.udf.scalar.builtin(name="json_keys", signature=((dt.json,), dt.Array(dt.string)))
def json_keys(value: Any) -> Any:
    """The keys of an object."""


@ibis.udf.scalar.builtin(name="json_extract", signature=((dt.json, dt.string), _JSONS))
def json_all(value: Any, path: Any) -> Any:
    """All values at a path with a wildcard: `$.*` those of an object, `$[*]` those of a list; else none."""


@ibis.udf.scalar.builtin(name="json_extract_string", signature=((dt.json, dt.string), dt.string))
def json_text(value: Any, path: Any) -> Any:
    """The text at a path, without quotes; JSON null is NULL."""


@ibis.udf.scalar.builtin(name="json_type", signature=((dt.json, dt.string), dt.string))
def json_type_at(value: Any, path: Any) -> Any:
    """OBJECT, ARRAY, VARCHAR, BOOLEAN, NULL or a number's type; SQL NULL where there is nothing."""


@ibis.udf.scalar.builtin(name="contains", signature=((dt.json, dt.string), dt.boolean))
def mentions(value: Any, part: Any) -> Any:
    """Whether a JSON text has a part in it: much faster than reading it."""


@ibis.udf.scalar.builtin(name="hash", signature=((dt.string, dt.string, dt.string, dt.string), dt.uint64))
def row_hash(a: Any, b: Any, c: Any, d: Any) -> Any:
    """A number that is equal for equal texts, NULL included."""


@ibis.udf.scalar.builtin(name="canonical_json", signature=((dt.string,), dt.string))
def canonical_json(value: Any) -> Any:
    """JSON with sorted keys; `register` makes it known to a connection."""


@ibis.udf.scalar.builtin(name="sha256", signature=((dt.string,), dt.string))
def digest(value: Any) -> Any:
    """The SHA-256 of a text, as hexadecimal digits."""


@ibis.udf.agg.builtin(name="arg_min", signature=((dt.string, dt.Timestamp(timezone="UTC", scale=6)), dt.string))
def earliest(value: Any, at: Any) -> Any:
    """The value of the earliest row; Ibis would sort all rows for it."""


def entries(table: ir.Table, value: str, *kept: str, key: str, item: str) -> ir.Table:
    """A row for each entry of the objects in column `value`, in their order; other rows give none.

    `place` counts the entries, from 1.
    """
    objects = table.filter(json_type_at(table[value], "$") == "OBJECT")
    keys = json_keys(objects[value])
    return objects.select(
        *kept,
        keys.unnest().name(key),
        json_all(objects[value], "$.*").unnest().name(item),
        place=ibis.range(1, keys.length() + 1).unnest(),
    )


def elements(table: ir.Table, value: str, path: str, *kept: str, item: str) -> ir.Table:
    """A row for each element of the lists at a path in column `value`, `place` counted from 1; else none."""
    lists = table.filter(json_type_at(table[value], path) == "ARRAY")
    found = json_all(lists[value], f"{path}[*]")
    return lists.select(*kept, found.unnest().name(item), place=ibis.range(1, found.length() + 1).unnest())


def number(value: ir.StringValue) -> ir.FloatingValue:
    """A text as a finite number, NULL where it is none."""
    found = value.try_cast(dt.float64)
    finite = ~(found.isnan() | found.isinf())
    return ibis.ifelse(finite, found, ibis.null(dt.float64))


def same_json(one: ir.JSONValue, other: ir.JSONValue) -> ir.BooleanValue:
    """Whether two values are equal, whatever the order of their keys; NULL equals nothing but is never the answer.

    The order of keys does not change a text's length, so that few are sorted.
    """
    left, right = one.cast(dt.string), other.cast(dt.string)
    nested = left[0:1].isin(["{", "["])
    return ibis.cases(
        (left.isnull() | right.isnull(), False),
        (left == right, True),
        (nested & (left.length() == right.length()), canonical_json(left) == canonical_json(right)),
        else_=False,
    )


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `canonical_json` known to a connection, which may know it already."""
    known = connection.execute("SELECT count(*) FROM duckdb_functions() WHERE function_name = 'canonical_json'")
    if known.fetchall()[0][0] == 0:
        connection.create_function("canonical_json", _canonical, ["VARCHAR"], "VARCHAR")


def _canonical(value: str) -> str:
    return json.dumps(json.loads(value), sort_keys=True)
