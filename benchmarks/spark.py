"""Two engines: the same build on DuckDB and on Spark, one machine for both.

Each build is a process of its own, which starts with the canonical tables, in a DuckDB file and in Parquet files, and
ends with all rows computed. Spark is as `SparkEngine` starts it: on all cores, with a heap of 3 GB.
"""

import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks import feature_world
from benchmarks.measuring import Taken, take
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import number

EVENTS = 1_000_000
_CUTOFFS = ["2025-10-01", "2025-11-01", "2025-12-01"]
_OURS, _SPARK = "benchmarks.contenders.our_features", "benchmarks.contenders.spark_features"
_TABLES = (
    "customers", "customer_trait_changes", "customer_events", "customer_order_items", "customer_consents",
    "customer_absences", "builds",
)  # fmt: skip


def spark(events: int = EVENTS) -> Section:
    """Build one and three cutoffs of a world on each engine."""
    failures: list[str] = []
    rows = []
    with tempfile.TemporaryDirectory() as name:
        database, tables = _world(Path(name), events)
        for cutoffs in (_CUTOFFS[:1], _CUTOFFS):
            on_duckdb = _take(_OURS, database, cutoffs)
            on_spark = _take(_SPARK, tables, cutoffs)
            made, *java = on_spark.output.rsplit(maxsplit=2) if on_spark.output else ("", "0", "0")
            for engine, taken, cpu, peak in (
                ("DuckDB", on_duckdb, on_duckdb.cpu_seconds, on_duckdb.peak_bytes),
                ("Spark", on_spark, on_spark.cpu_seconds + float(java[0]), on_spark.peak_bytes + int(java[1])),
            ):
                if taken.exit_code:
                    failures.append(f"{engine}: {(taken.errors.strip().splitlines() or [''])[-1][:200]}")
                rows.append(
                    (
                        f"{engine}, {len(cutoffs)} cutoff{'s' * (len(cutoffs) > 1)}",
                        f"{events:,}",
                        number(taken.seconds),
                        f"{events * len(cutoffs) / taken.seconds:,.0f}",
                        number(cpu),
                        number(peak / 1_000_000),
                    )
                )
            if on_duckdb.output.split() != made.split():
                failures.append(f"Spark gives {made} rows and features, DuckDB {on_duckdb.output.strip()}")
    headings = ("", "events", "seconds", "events and cutoffs a second", "CPU s", "peak MB")
    return Section(TITLES["spark"], table(headings, rows), "", [], failures)


def _world(folder: Path, events: int) -> tuple[Path, Path]:
    say(f"writing {events:,} events")
    database, tables = folder / "customers.duckdb", folder / "tables"
    feature_world.write(database, events, events // 100)
    tables.mkdir()
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        for name in there.intersection(_TABLES):
            connection.execute(f"COPY customer_tables.{name} TO '{tables / name}.parquet' (FORMAT parquet)")
    return database, tables


def _take(contender: str, source: Path, cutoffs: list[str]) -> Taken:
    say(f"{len(cutoffs)} cutoffs by {contender}")
    return take([sys.executable, "-m", contender, str(source), *cutoffs], source.parent, {})
