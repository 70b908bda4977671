"""CDNOW's published numbers, from its purchases as canonical tables."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.compute as pc
import pytest

import customer_tables
from customer_features import Events, FeatureSet, Inactivity, active_days, build, recency, repurchase
from customer_features.evaluation import floats, ranking
from customer_features.examples import cdnow

ORDERS = Events(cdnow.ORDER, value="total")


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


def test_the_tables_keep_their_contract(database: Path) -> None:
    """What is checked of every source's tables holds of these."""
    assert customer_tables.check(database) == []


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


def test_the_features_are_the_published_summary(database: Path) -> None:
    """x exact, t_x and T to half a hundredth of a week, for every one of 2,357 customers."""
    repurchases = FeatureSet("cdnow", repurchase(ORDERS))
    with build(repurchases, Inactivity(ORDERS, horizon="273d"), cutoffs=[cdnow.CUTOFF], on=database) as data:
        found = data.arrow().sort_by("customer_id")
    shipped = cdnow.summary().sort_by("customer_id")
    assert found["customer_id"].equals(shipped["customer_id"])
    assert found["orders_x"].equals(shipped["x"])
    assert len(found) == 2357
    for name in ("t_x", "T"):
        np.testing.assert_allclose(floats(found[f"orders_{name.lower()}"]), floats(shipped[name]), rtol=0, atol=0.005)


def test_the_house_baselines(database: Path) -> None:
    """Churn in the 273 days that follow, by recency alone and by the number of days with an order."""
    features = FeatureSet("cdnow", recency(ORDERS), active_days(ORDERS, ["lifetime"]))
    with build(features, Inactivity(ORDERS, horizon="273d"), cutoffs=[cdnow.CUTOFF], on=database) as data:
        found = data.arrow()
    by_recency = ranking(found["label"], found["orders_recency_days"])
    by_days = ranking(found["label"], pc.negate(found["orders_active_days_lifetime"]))
    assert by_recency.rows == 2357
    assert by_recency.churn_rate == pytest.approx(0.710, abs=0.0005)
    assert by_recency.auc == pytest.approx(0.7714, abs=0.002)
    assert by_days.auc == pytest.approx(0.7576, abs=0.002)
