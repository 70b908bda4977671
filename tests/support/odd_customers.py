"""Canonical tables by hand, full of what engines may read differently, and the same ones as Parquet files."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

CUTOFFS = [datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 10, 1, tzinfo=UTC)]
WATERMARK = datetime(2025, 12, 1, tzinfo=UTC)
"""The labels of the first cutoff are known then, of the second they are not."""
TABLES = ("customers", "customer_trait_changes", "customer_events", "customer_order_items", "customer_consents",
          "customer_absences")  # fmt: skip

_TIME = "TIMESTAMPTZ"
_COLUMNS = {
    "customers": ("customer_id VARCHAR", f"created_at {_TIME}", f"first_seen_at {_TIME}", f"deleted_at {_TIME}",
        "merged_from BIGINT"),
    "customer_trait_changes": ("customer_id VARCHAR", "trait VARCHAR", f"valid_from {_TIME}", f"observed_at {_TIME}",
        "value JSON", "origin VARCHAR"),
    "customer_events": ("event_id VARCHAR", "customer_id VARCHAR", "event_name VARCHAR", "call_type VARCHAR",
        "send_type VARCHAR", "source VARCHAR", f"event_at {_TIME}", f"ingested_at {_TIME}", f"known_at {_TIME}",
        "known_at_imputed BOOLEAN", "properties JSON"),
    "customer_order_items": ("event_id VARCHAR", "line_number BIGINT", "sku VARCHAR", "name VARCHAR",
        "category VARCHAR", "quantity DOUBLE", "price DOUBLE", "customer_id VARCHAR", "event_name VARCHAR",
        f"event_at {_TIME}", f"known_at {_TIME}"),
    "customer_consents": ("customer_id VARCHAR", "channel VARCHAR", f"valid_from {_TIME}", f"observed_at {_TIME}",
        "subscribed BOOLEAN"),
    "customer_absences": ("customer_id VARCHAR", f"deleted_at {_TIME}", f"returned_at {_TIME}"),
    "builds": ("source VARCHAR", f"built_at {_TIME}", f"watermark {_TIME}", "position JSON"),
}  # fmt: skip

# as JSON spells them, for what a parser makes of them is part of the test
VALUES = [
    "1", "0", "-0.0", "2.50", "99.99", "100.01", "-20", "1e3", "1E-3", "12345678.25", "0.0001", "1.5e-7", "1e22",
    "123456789012345678901234567890", "9007199254740993", "0.1234567890123456789", "999999999999.5", "1e12", "6e-8",
    '"7"', '" 7.5 "', '"1e2"', '"1.0E7"', '"1_000"', '"\u0663"', '"0x10"', '"NaN"', '"inf"', '"12,5"', '""', '"."',
    '"a lot"', "true", "false", '"true"', "null", "[]", "[1, 2.50]", '{"of": 3}', '{"of": "\\u00e9\\/"}',
    '"\\u00c5rhus"', '"it\'s \\"quoted\\""', '"Zebra"', '"a\\u0000b"', '"\\ud83d\\ude00"', '"line\\nbreak"', '"null"',
]  # fmt: skip
DOCUMENTS = ["null", "[1]", '"text"', "3", "{}", '{"total": 1, "total": 2}', ' { "total" : 5 } ']
_KEYS = ["total", "channel", "coupon", "odd key-1", "\u00e9t\u00e9", "$price", "0", "gift@home", "SUM", "a:b"]
_NAMES = ["Order Completed"] * 4 + [
    "Order Refunded", "Product Viewed", "Product Viewed", "page", None, "Email Sent", "Email Delivered", "Email Opened",
    "Email Link Clicked", "Email Bounced", "Unsubscribed", "It's \"new\"",
]  # fmt: skip
_MICRO, _DAY = timedelta(microseconds=1), timedelta(days=1)


def write(database: Path, customers: int = 40, seed: int = 7) -> None:
    """Write the tables into `customer_tables` of a new DuckDB file."""
    odds = random.Random(seed)
    tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}
    tables["builds"] = [("odd", WATERMARK, WATERMARK, "{}")]
    for number in range(customers):
        customer = f"customer {number} \u00e6"
        since = _instant(odds) - timedelta(days=200)
        deleted = _instant(odds) if number % 9 == 0 else None
        tables["customers"].append((customer, since, since if number % 7 else _instant(odds), deleted, number % 3))
        if deleted is not None:
            tables["customer_absences"].append((customer, deleted, None))
        elif number % 5 == 0:
            gone = _instant(odds)
            tables["customer_absences"].append((customer, gone, gone + odds.choice([0, 3, 90]) * _DAY))
        _events(odds, tables, customer, number)
        for _ in range(odds.randint(0, 12)):
            at = _instant(odds)
            known = at + odds.choice([0, 0, 1, 40]) * _DAY
            trait, value = odds.choice(["plan", "age", "vip", "address"]), odds.choice([*VALUES, None])
            if trait == "address":
                value = odds.choice(['{"city": "Oslo", "geo": {"lat": 1.50}}', '{"city": null}', "[]", "null", None])
            tables["customer_trait_changes"].append((customer, trait, at, known, value, "identify"))
            channel = odds.choice(["email", "sms", "push"])
            tables["customer_consents"].append((customer, channel, at, known, odds.choice([True, False, None])))
    _store(database, tables)


def _events(odds: random.Random, tables: dict[str, list[tuple[Any, ...]]], customer: str, number: int) -> None:
    last = _instant(odds)
    for place in range(odds.randint(0, 60)):
        # ties, sessions, and the very instants at which windows begin and end
        last = odds.choice([_instant(odds), last, last + timedelta(minutes=30), last + timedelta(minutes=30) + _MICRO])
        known = odds.choice([last, last, last + _MICRO, last + 20 * _DAY, *CUTOFFS])
        keys = odds.sample(_KEYS, odds.randint(0, 4)) + ["total", "channel"] * odds.randint(0, 1)
        document = ", ".join(f"{json.dumps(key)}: {odds.choice(VALUES)}" for key in dict.fromkeys(keys))
        properties = odds.choice([*["{" + document + "}"] * 20, *DOCUMENTS, None])
        event, name = f"event {number}-{place}", odds.choice(_NAMES)
        whose = None if place % 13 == 5 else customer
        tables["customer_events"].append(
            (event, whose, name, "track", None, None, last, known, known, False, properties)
        )
        if name != "Order Completed":
            continue
        for line in range(1, odds.randint(1, 4)):
            tables["customer_order_items"].append(
                (event, line, odds.choice(["sku", "SKU", None]), "name", odds.choice(["tea", "\u00c5l", "", None]),
                odds.choice([1.0, 2.5, 0.1, None, float("nan"), float("inf")]),
                odds.choice([9.99, 0.1, 1e7, 1e-5, 1e20, None]), whose, name, last, known)
            )  # fmt: skip


def _instant(odds: random.Random) -> datetime:
    cutoff = odds.choice(CUTOFFS)
    exact = cutoff - odds.choice([0, 0, 3, 7, 28, 91, 182, 365]) * _DAY + odds.choice([-1, 0, 0, 1]) * _MICRO
    return odds.choice(
        [exact, cutoff - timedelta(microseconds=odds.randint(1, odds.choice([7, 300]) * 86_400_000_000))]
    )


def _store(database: Path, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA customer_tables")
        for name, columns in _COLUMNS.items():
            connection.execute(f"CREATE TABLE customer_tables.{name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO customer_tables.{name} VALUES ({marks})", tables[name])


def export(database: Path, folder: Path) -> Path:
    """The canonical tables of a DuckDB file as Parquet files in a folder."""
    folder.mkdir()
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in (*TABLES, "builds"):
            quoted = str(folder / f"{name}.parquet").replace("'", "''")
            connection.execute(f"COPY customer_tables.{name} TO '{quoted}' (FORMAT parquet)")
    return folder


def some_of(database: Path, one_in: int, new: Path) -> Path:
    """A new DuckDB file with the canonical tables of one in so many customers of another."""
    with duckdb.connect(str(new)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        quoted = str(database).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS whole (READ_ONLY)")
        connection.execute("CREATE SCHEMA customer_tables")
        for name in TABLES:
            connection.execute(
                f"CREATE TABLE customer_tables.{name} AS "
                f"FROM whole.customer_tables.{name} WHERE hash(customer_id) % {one_in} = 0"
            )
        connection.execute("CREATE TABLE customer_tables.builds AS FROM whole.customer_tables.builds")
    return new


def from_delta(folder: Path, database: Path) -> None:
    """The canonical tables of a Delta folder in a new DuckDB file."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA customer_tables")
        for name in (*TABLES, "builds"):
            rows = DeltaTable(str(folder / name)).to_pyarrow_table()
            connection.register("given", rows)
            connection.execute(f"CREATE TABLE customer_tables.{name} ({', '.join(_of(rows, _COLUMNS[name]))})")
            connection.execute(f"INSERT INTO customer_tables.{name} BY NAME SELECT * FROM given")


def _of(rows: pa.Table, columns: tuple[str, ...]) -> list[str]:
    return [column for column in columns if column.split()[0] in rows.column_names]
