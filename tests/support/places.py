"""The places that an account is loaded to, each read with the same SQL into the same Python values."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import psycopg2.extras
from deltalake import DeltaTable

from pipelines.delta_table import select
from pipelines.destination import Target, target

DATASET = "intilery"
_CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"
Row = dict[str, Any]


@dataclass
class Place(ABC):
    """A destination: how `intilery` names it, and how an analyst's SQL is run there."""

    name: str
    target: Target
    options: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    def _connection(self) -> AbstractContextManager[Any]:
        """What an analyst opens there."""

    def query(self, sql: str) -> list[Row]:
        """The rows of a query over `intilery.<table>`, with times in UTC, numbers as they compare, JSON decoded."""
        with self._connection() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]

    def tables(self) -> set[str]:
        found = self.query(
            "SELECT table_name FROM information_schema.tables "
            f"WHERE table_schema = '{DATASET}' AND table_type = 'BASE TABLE'"
        )
        return {row["table_name"] for row in found if not row["table_name"].startswith("_dlt")}


class DuckdbPlace(Place):
    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with duckdb.connect(str(self.target.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


class PostgresPlace(Place):
    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with closing(psycopg2.connect(self.environment[_CREDENTIALS])) as connection:
            for register in (psycopg2.extras.register_default_json, psycopg2.extras.register_default_jsonb):
                register(connection, loads=str)
            with connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'UTC'")
            yield connection


class DeltaPlace(Place):
    """The tables are read by DuckDB as any reader does: from the Parquet files that the newest version names."""

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with duckdb.connect() as connection:
            connection.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA {DATASET}")
            for name, table in self.delta_tables().items():
                query = select(table, [item.name for item in table.schema().fields])
                connection.execute(f'CREATE VIEW {DATASET}."{name}" AS {query}')
            yield connection

    def tables(self) -> set[str]:
        return set(self.delta_tables())

    def delta_tables(self) -> dict[str, DeltaTable]:
        folders = (Path(self.target.folder or "") / DATASET).glob("*/_delta_log")
        return {log.parent.name: DeltaTable(log.parent) for log in folders}


def duckdb_place(folder: Path) -> Place:
    file = folder / "customers.duckdb"
    return DuckdbPlace("duckdb", target("duckdb", file, DATASET), ["--database", str(file)])


def delta_place(folder: Path) -> DeltaPlace:
    path = str(folder / "lake")
    place = target("parquet", None, DATASET, path)
    return DeltaPlace("delta", place, ["--destination", "parquet", "--path", path])


def postgres_place(address: str) -> Place:
    return PostgresPlace(
        "postgres",
        target("postgres", None, DATASET),
        ["--destination", "postgres"],
        {_CREDENTIALS: address},
    )


def _plain(value: Any) -> Any:
    """The value as all places would give it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(value, parse_float=_number), sort_keys=True)
        except ValueError:
            return value
    return value


def _number(text: str) -> float:
    """A number of JSON, however it is spelled: PostgreSQL's `jsonb` has 1000 for 1e3, and 0.0 for -0.0."""
    value = float(text)
    return int(value) if value.is_integer() else value
