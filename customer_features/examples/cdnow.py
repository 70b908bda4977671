"""CDNOW: the purchases of 2,357 customers of a music shop, who first bought in early 1997, until June 1998.

The one-in-ten sample of Fader, Hardie & Lee (2005), with the summary that they fitted BG/NBD to, from the data files
of the package lifetimes. Of that package nothing is imported: its models are abandoned, its data is the paper's.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa

from customer_tables.contract import KEPT, SCHEMA

CUTOFF = datetime(1997, 10, 1, tzinfo=UTC)
"""Midnight after the last day that the summary knows of."""
ENDS_AT = datetime(1998, 7, 1, tzinfo=UTC)
"""Midnight after the last day of the sample."""
ORDER = "Order Completed"


def summary() -> pa.Table:
    """The summary as it was published: customer_id, x repeat orders, the last at t_x, observed until T (weeks)."""
    with (_folder() / "cdnow_customers_summary.csv").open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    return pa.table(
        {
            "customer_id": [row["ID"] for row in rows],
            "x": [int(row["frequency"]) for row in rows],
            "t_x": [float(row["recency"]) for row in rows],
            "T": [float(row["T"]) for row in rows],
        }
    )


def transactions() -> pa.Table:
    """One row an order: event_id, customer_id, event_at (midnight UTC of its day), quantity, total (dollars)."""
    return pa.Table.from_pylist(list(_transactions()))


def write_tables(database: Path) -> None:
    """Write the sample as canonical tables into the schema `customer_tables` of a DuckDB file.

    An order was known when it happened. The tables that CDNOW has nothing for are there, and empty.
    """
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for table in KEPT:
            columns = ", ".join(f"{name} {column.type}" for name, column in table.columns.items())
            connection.execute(f"CREATE OR REPLACE TABLE {SCHEMA}.{table.name} ({columns})")
        connection.register("transactions", transactions())
        connection.execute(
            "INSERT INTO customer_tables.customer_events BY NAME SELECT event_id, customer_id, ? AS event_name, "
            "'track' AS call_type, 'cdnow' AS source, event_at, event_at AS ingested_at, event_at AS known_at, "
            "false AS known_at_imputed, json_object('quantity', quantity, 'total', total) AS properties "
            "FROM transactions",
            [ORDER],
        )
        connection.execute(
            "INSERT INTO customer_tables.customers BY NAME SELECT customer_id, min(event_at) AS created_at, "
            "min(event_at) AS first_seen_at, 0 AS merged_from FROM transactions GROUP BY customer_id"
        )
        connection.execute(
            "INSERT INTO customer_tables.customer_identifiers SELECT 'profile', customer_id, customer_id, "
            "first_seen_at, NULL FROM customer_tables.customers"
        )
        connection.execute("INSERT INTO customer_tables.builds VALUES ('cdnow', ?, ?, '{}')", [ENDS_AT, ENDS_AT])


def _transactions() -> Iterator[dict[str, object]]:
    with (_folder() / "CDNOW_sample.txt").open(encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            _, customer, day, quantity, total = line.split()
            yield {
                "event_id": f"cdnow-{number}",
                "customer_id": str(int(customer)),
                "event_at": datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC),
                "quantity": int(quantity),
                "total": float(total),
            }


def _folder() -> Path:
    # looked for and not imported: importing it would import its models
    found = find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError('CDNOW comes with a package: pip install "customer-platform-extractor[notebooks]".')
    return Path(found.submodule_search_locations[0]) / "datasets"
