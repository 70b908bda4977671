"""CDNOW's published numbers, from its purchases as canonical tables."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from customer_features.examples import cdnow


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with CDNOW's canonical tables."""
    file = tmp_path_factory.mktemp("cdnow") / "cdnow.duckdb"
    cdnow.write_tables(file)
    return file


@pytest.fixture
def connection(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file, for SQL."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def test_every_purchase_is_an_event(connection: duckdb.DuckDBPyConnection) -> None:
    """6,919 purchases of 2,357 customers, of the amounts of the file, known when they happened."""
    query = """
        SELECT count(*), count(DISTINCT event_id), count(DISTINCT customer_id), min(event_at)::VARCHAR,
               max(event_at)::VARCHAR, round(sum((properties->>'total')::DOUBLE), 2),
               count(*) FILTER (known_at = event_at AND ingested_at = event_at AND NOT known_at_imputed)
        FROM customer_tables.customer_events WHERE event_name = 'Order Completed'"""
    assert connection.execute(query).fetchone() == (
        6919, 6919, 2357, "1997-01-01 00:00:00+00", "1998-06-30 00:00:00+00", 244091.94, 6919,
    )  # fmt: skip


def test_the_tables_give_the_published_summary_in_sql(connection: duckdb.DuckDBPyConnection) -> None:
    """x, t_x and T of each customer, by a query that counts the days with an order."""
    connection.register("shipped", cdnow.summary())
    query = """
        SELECT count(*), count(*) FILTER (found.x = shipped.x AND abs(found.t_x - shipped.t_x) < 0.005
                                          AND abs(found.T - shipped.T) < 0.005)
        FROM shipped JOIN (
            SELECT customer_id, count(DISTINCT event_at) - 1 AS x,
                   date_diff('day', min(event_at), max(event_at)) / 7.0 AS t_x,
                   date_diff('day', min(event_at), $cutoff) / 7.0 - 1 / 7.0 AS T
            FROM customer_tables.customer_events WHERE event_at < $cutoff GROUP BY customer_id
        ) AS found USING (customer_id)"""
    assert connection.execute(query, {"cutoff": cdnow.CUTOFF}).fetchone() == (2357, 2357)
