"""Raw tables of the dataset `intilery` made by hand, as loads leave them, in a DuckDB file of their own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

import customer_tables
from customer_tables import contract
from customer_tables.contract import Table

T0 = datetime(2026, 1, 1, tzinfo=UTC)
_TABLES: Mapping[str, str] = {
    "events": (
        "event_id VARCHAR, event_time TIMESTAMPTZ, received_time TIMESTAMPTZ, event_name VARCHAR, customer_id VARCHAR, "
        "user_id VARCHAR, anonymous_id VARCHAR, source VARCHAR, call_type VARCHAR, send_type VARCHAR, properties JSON, "
        "context JSON, traits JSON, _dlt_load_id VARCHAR"
    ),
    "profiles": "id VARCHAR, _dlt_load_id VARCHAR",
    "profile_meta": "id VARCHAR, created_by__created_time TIMESTAMPTZ, _dlt_load_id VARCHAR",
    "profile_trait_history": (
        "profile_id VARCHAR, observed_at TIMESTAMPTZ, external_id VARCHAR, trait_hash VARCHAR, traits JSON, "
        "_dlt_load_id VARCHAR"
    ),
    "profile_merges": (
        "profile_id VARCHAR, detected_at TIMESTAMPTZ, merged_into VARCHAR, external_id VARCHAR, _dlt_load_id VARCHAR"
    ),
    "profile_deletions": "profile_id VARCHAR, detected_at TIMESTAMPTZ, _dlt_load_id VARCHAR",
}
_KEYS = {
    "events": ["event_id"],
    "profiles": ["id"],
    "profile_meta": ["id"],
    "profile_trait_history": ["profile_id", "observed_at"],
    "profile_merges": ["profile_id", "detected_at"],
    "profile_deletions": ["profile_id", "detected_at"],
}
Row = dict[str, Any]


def at(hours: float) -> datetime:
    """An instant so many hours after the first."""
    return T0 + timedelta(hours=hours)


class RawCustomers:
    """A file with raw tables; `load` upserts rows, as a load does."""

    def __init__(self, database: Path, tables: Sequence[str] = tuple(_TABLES)) -> None:
        self.database = database
        self._loads = 0
        with self._open() as connection:
            connection.execute("CREATE SCHEMA intilery")
            for name in tables:
                connection.execute(f"CREATE TABLE intilery.{name} ({_TABLES[name]})")

    def load(self, **tables: Sequence[Row]) -> None:
        """Upsert rows of tables in one load; JSON columns are given as values, or as text."""
        self._loads += 1
        with self._open() as connection:
            for name, rows in tables.items():
                for row in rows:
                    self._upsert(connection, name, {**row, "_dlt_load_id": f"load-{self._loads}"})

    def run(self, statement: str, *parameters: Any) -> None:
        with self._open() as connection:
            connection.execute(statement, list(parameters) or None)

    def build(self, **options: Any) -> customer_tables.BuildResult:
        return customer_tables.build(self.database, **options)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(query).fetchall()

    def held(self, table: Table) -> list[tuple[Any, ...]]:
        """The rows of a canonical table, sorted."""
        return sorted(self.rows(f"SELECT {', '.join(table.columns)} FROM customer_tables.{table.name}"), key=repr)

    def all_held(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table.name: self.held(table) for table in contract.TABLES}

    @contextmanager
    def planted(self, statements: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, with what some statements change in it; at the end it is as before."""
        with self._open() as connection:
            connection.execute("BEGIN")
            connection.execute(statements)
            yield connection
            connection.execute("ROLLBACK")

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @staticmethod
    def _upsert(connection: duckdb.DuckDBPyConnection, name: str, row: Row) -> None:
        where = " AND ".join(f"{key} = ?" for key in _KEYS[name])
        connection.execute(f"DELETE FROM intilery.{name} WHERE {where}", [row[key] for key in _KEYS[name]])
        values = [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()]
        places = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO intilery.{name} ({', '.join(row)}) VALUES ({places})", values)


def event(event_id: str, hours: float, **columns: Any) -> Row:
    """An event that was received a minute after it happened."""
    row = {"event_id": event_id, "event_time": at(hours), "received_time": at(hours + 1 / 60), "call_type": "track"}
    return row | {"event_name": "Order Completed"} | columns


def identify(event_id: str, hours: float, customer: str, traits: Any, **columns: Any) -> Row:
    """An identify event."""
    known = {"customer_id": customer, "traits": traits, "call_type": "identify", "event_name": "Customer Identified"}
    return event(event_id, hours, **(known | columns))


def snapshot(profile: str, hours: float, traits: Mapping[str, Any] | None, external_id: str | None = None) -> Row:
    """A version of a profile's traits; None where it was gone."""
    text = None if traits is None else json.dumps(traits, sort_keys=True)
    row = {"profile_id": profile, "observed_at": at(hours), "external_id": external_id, "traits": text}
    return row | {"trait_hash": None if text is None else str(hash(text))}


def merge(profile: str, into: str, hours: float, external_id: str | None = None) -> Row:
    return {"profile_id": profile, "detected_at": at(hours), "merged_into": into, "external_id": external_id}


def deletion(profile: str, hours: float) -> Row:
    return {"profile_id": profile, "detected_at": at(hours)}
