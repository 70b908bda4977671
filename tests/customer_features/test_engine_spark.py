"""Where Spark reads from, what it leaves as it was, and what it says when something is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import deltalake
import odd_customers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spark_sessions

from customer_features import FeatureError
from customer_features.engine_spark import SparkEngine, check_java


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark")
    odd_customers.write(folder / "odd.duckdb", customers=12)
    return odd_customers.export(folder / "odd.duckdb", folder / "tables")


def _delta(tables: Path, folder: Path) -> Path:
    """The tables as Delta tables with a past: rows that were there, and are no more."""
    for name in (*odd_customers.TABLES, "builds"):
        rows = pq.read_table(tables / f"{name}.parquet")
        deltalake.write_deltalake(str(folder / name), pa.concat_tables([rows, rows]))
        deltalake.write_deltalake(str(folder / name), rows.slice(0, 5), mode="overwrite")
        deltalake.write_deltalake(str(folder / name), rows.slice(5), mode="append")
    return folder


def test_delta_tables_are_read_as_they_are_now(tables: Path, spark_session: Any, tmp_path: Path) -> None:
    parquet = SparkEngine(tables, spark_session)
    delta = SparkEngine(_delta(tables, tmp_path), spark_session)
    for name in odd_customers.TABLES:
        expected, found = (
            sorted(map(repr, engine.arrow(engine.canonical[name]).to_pylist())) for engine in (parquet, delta)
        )
        assert expected == found, name
    assert delta.watermark == parquet.watermark
    parquet.close()
    delta.close()


def test_folders_of_files_empty_delta_tables_and_addresses(tables: Path, spark_session: Any, tmp_path: Path) -> None:
    for name in odd_customers.TABLES[1:]:
        (tmp_path / name).mkdir()
        shutil.copy(tables / f"{name}.parquet", tmp_path / name / "part-1.parquet")
    customers = pq.read_table(tables / "customers.parquet")
    deltalake.write_deltalake(str(tmp_path / "customers"), customers.slice(0, 0))
    engine = SparkEngine(tmp_path.as_uri(), spark_session)
    assert engine.arrow(engine.canonical["customers"]).num_rows == 0
    events = pq.read_table(tables / "customer_events.parquet")
    assert engine.arrow(engine.canonical["customer_events"]).num_rows == events.num_rows
    latest = max(events["known_at"].to_pylist())
    assert engine.watermark == int(latest.timestamp() * 1_000_000), "without builds, that of the latest event"
    engine.close()


def test_missing_tables_and_columns_are_named(tables: Path, spark_session: Any, tmp_path: Path) -> None:
    for name in odd_customers.TABLES[:3]:
        shutil.copy(tables / f"{name}.parquet", tmp_path)
    with pytest.raises(FeatureError, match=r"has no customer_absences, customer_consents, customer_order_items: write"):
        SparkEngine(tmp_path, spark_session)
    for name in odd_customers.TABLES[3:]:
        rows = pq.read_table(tables / f"{name}.parquet")
        pq.write_table(
            rows.drop(["known_at"]) if "known_at" in rows.column_names else rows, tmp_path / f"{name}.parquet"
        )
    with pytest.raises(FeatureError, match=r"customer_order_items in .* has no column known_at"):
        SparkEngine(tmp_path, spark_session)


def test_a_given_session_stays_as_it_was(tables: Path, spark_session: Any) -> None:
    settings = dict(spark_session.conf.getAll)
    with_view = spark_session.range(3)
    with_view.createOrReplaceTempView("customers")
    engine = SparkEngine(tables, spark_session)
    kept = engine.keep(engine.canonical["customers"])
    engine.append(kept, kept)
    assert engine.arrow(kept).num_rows == 2 * 12
    engine.close()
    assert dict(spark_session.conf.getAll) == settings
    assert spark_session.table("customers").count() == 3
    assert [view.viewName for view in spark_session.sql("SHOW VIEWS").collect()] == ["customers"]
    spark_session.catalog.dropTempView("customers")
    assert spark_session.sparkContext._jsc.getPersistentRDDs().size() == 0, "nothing is kept any longer"


def test_a_property_that_its_paths_cannot_have_is_an_error(tables: Path, spark_session: Any) -> None:
    engine = SparkEngine(tables, spark_session)
    events = engine.canonical["customer_events"]
    with pytest.raises(FeatureError, match=r"'gift\?' cannot be read on Spark"):
        engine.canonical.functions.text(events.properties, "gift?")
    engine.close()


def test_without_the_package(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(FeatureError, match=r"pip install 'customer-platform-extractor\[spark\]'"):
        SparkEngine(tables)


def test_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FeatureError, match="install Java 17 or 21"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(FeatureError, match="set JAVA_HOME"):
        check_java()


_OWN = """
import sys
from pyspark.sql import SparkSession
from customer_features import Events, FeatureSet, build, counts
from customer_features.engine_spark import SparkEngine

features = FeatureSet("few", counts(Events("Order Completed"), [28]))
first, second = (build(features, cutoffs=["2025-10-01"], on=SparkEngine(sys.argv[1])) for _ in range(2))
settings = SparkSession.getActiveSession().sparkContext.getConf()
assert settings.get("spark.driver.bindAddress") == settings.get("spark.driver.host") == "127.0.0.1"
assert settings.get("spark.ui.enabled") == "false"
first.close()
rows = second.arrow().num_rows
second.close()
assert SparkSession.getActiveSession() is None, "it runs until the last one is closed, and no longer"
print(rows)
"""


def test_a_session_of_its_own(tables: Path) -> None:
    spark_sessions.needs_java()
    done = subprocess.run(
        [sys.executable, "-c", _OWN, str(tables)], capture_output=True, text=True, timeout=200,
        env=os.environ | {"JDK_JAVA_OPTIONS": spark_sessions.JVM},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
