"""Spark: reads the canonical tables as Delta tables or Parquet files of a folder, on one machine or a cluster."""

import importlib
import os
import subprocess
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.expr.operations import DatabaseTable

from customer_features.canonical import SCHEMAS, Canonical
from customer_features.engine_functions import FUNCTIONS
from customer_features.errors import FeatureError
from customer_features.spans import Micros

_LOOPBACK = "127.0.0.1"
_HEAP = "3g"
"""Of the Java process of an own session; what takes more goes to the disk."""
_NOT_THERE = ("PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA")


class SparkEngine:
    """The canonical tables of a folder, read only: `<folder>/<table>` or `<folder>/<table>.parquet` each.

    A folder is a path or an address that Spark reads, such as `s3a://bucket/customer_tables`. Without a session, one is
    started on this machine and stopped with the last engine that uses it; a given one keeps running, and its settings
    as they are. On a cluster, all machines must reach the folder.
    """

    _own_sessions: dict[int, Any] = {}  # noqa: RUF012
    """The session of each engine that was not given one: Spark has but one in a process."""

    def __init__(self, folder: str | os.PathLike[str], session: Any = None) -> None:
        """
        Raises:
            FeatureError: Spark or Java is missing, or a table or column.
        """
        self._folder = os.fspath(folder).rstrip("/")
        self.source = self._folder.rsplit("/", 1)[-1]
        self._kept: dict[str, list[Any]] = {}
        # settings and views of its own, so that a given session stays as it was
        self._session = (self._started() if session is None else session).newSession()
        try:
            # as in DuckDB, a number that does not fit is an error and not NULL
            self._session.conf.set("spark.sql.ansi.enabled", "true")
            self._ibis = ibis.pyspark.connect(self._session)
            self._functions = FUNCTIONS["spark"]
            self.canonical = Canonical(self._tables(), self._functions)
            self.watermark = self._watermark()
        except BaseException:
            self.close()
            raise

    def _started(self) -> Any:
        spark = _spark()
        running = spark.SparkSession.getActiveSession()
        if running is not None and not self._own_sessions:
            return running
        session = running or _start(spark)
        SparkEngine._own_sessions[id(self)] = session
        return session

    def _tables(self) -> dict[str, ir.Table]:
        found = {name: self._read(name) for name in SCHEMAS}
        missing = sorted(name for name, frame in found.items() if frame is None)
        if missing:
            raise FeatureError(
                f"{self._folder} has no {', '.join(missing)}: write the canonical tables there as Parquet or Delta "
                "tables (intilery tables build --destination parquet)."
            )
        return {name: self._canonical(name, frame) for name, frame in found.items()}

    def _read(self, name: str) -> Any:
        """The table as Spark's data frame; None if it is not there."""
        place = f"{self._folder}/{name}"
        # a Delta table's folder also has the files of its past: only its log says which are of now
        if self._there(lambda: self._session.read.text(f"{place}/_delta_log")) is not None:
            files = _delta_files(place)
            if not files:
                return self._session.createDataFrame([], _spark_schema(name))
            return self._session.read.option("basePath", place).parquet(*files)
        found = self._there(lambda: self._session.read.parquet(place))
        return found if found is not None else self._there(lambda: self._session.read.parquet(f"{place}.parquet"))

    def _there(self, read: Callable[[], Any]) -> Any:
        errors = importlib.import_module("pyspark.errors")
        try:
            return read()
        except errors.AnalysisException as error:
            if error.getCondition() not in _NOT_THERE:
                raise
            return None

    def _canonical(self, name: str, frame: Any) -> ir.Table:
        kinds = {column: "string" if kind == "json" else kind for column, kind in SCHEMAS[name].items()}
        missing = sorted(set(kinds) - set(frame.columns))
        if missing:
            raise FeatureError(f"{name} in {self._folder} has no column {', '.join(missing)}: build the tables anew.")
        frame.createOrReplaceTempView(name)
        table = self._ibis.table(name)
        return table.select(**{column: table[column].cast(kind) for column, kind in kinds.items()})

    def _watermark(self) -> Micros | None:
        builds = self._read("builds")
        if builds is None:
            found = self.canonical["customer_events"].known_at.max()
        else:
            builds.createOrReplaceTempView("builds")
            found = self._ibis.table("builds").watermark.min()
        micros = self._functions.micros(found).name("watermark").as_table()
        (row,) = self.arrow(micros).to_pylist()
        return None if row["watermark"] is None else int(row["watermark"])

    def keep(self, expression: ir.Table, *, together: str | None = None) -> ir.Table:
        frame = self._frame(expression)
        if together is not None:
            # what is computed of each is then computed where their rows are, without moving them again
            frame = frame.repartition(int(self._session.conf.get("spark.sql.shuffle.partitions")), together)
        return self._keep(_computed(frame), expression.schema())

    def _keep(self, frame: Any, schema: ibis.Schema) -> ir.Table:
        name = f"kept_{len(self._kept) + 1}"
        self._kept[name] = [frame]
        self._view(name)
        # by Spark's own types Ibis would not know that times are in UTC
        return DatabaseTable(name, schema=schema, source=self._ibis).to_expr()

    def append(self, kept: ir.Table, expression: ir.Table) -> ir.Table:
        name = kept.op().name
        self._kept[name].append(_computed(self._frame(expression)))
        self._view(name)
        return kept

    def _view(self, name: str) -> None:
        first, *others = self._kept[name]
        for other in others:
            first = first.unionByName(other)
        first.createOrReplaceTempView(name)

    def drop(self, kept: ir.Table) -> None:
        name = kept.op().name
        self._session.catalog.dropTempView(name)
        for frame in self._kept[name]:
            frame.unpersist()
        self._kept[name] = []

    def imputed(self) -> int:
        events = self._read("customer_events")
        return int(events.filter("known_at_imputed").count()) if "known_at_imputed" in events.columns else 0

    def local(self, table: pa.Table) -> ir.Table:
        return self._keep(self._session.createDataFrame(table), ibis.Schema.from_pyarrow(table.schema))

    def replace(self, kept: ir.Table, table: pa.Table) -> None:
        name = kept.op().name
        self._kept[name] = [self._session.createDataFrame(table)]
        self._view(name)

    def arrow(self, expression: ir.Table) -> pa.Table:
        return self.query(self.sql(expression))

    def _frame(self, expression: ir.Table) -> Any:
        return self._session.sql(self.sql(expression))

    def sql(self, expression: ir.Table) -> str:
        return str(self._ibis.compile(expression))

    def query(self, sql: str) -> pa.Table:
        found = self._session.sql(sql).toArrow()
        # Spark says of some columns that they are never NULL, which is no part of a result
        return found.cast(pa.schema([field.with_nullable(True) for field in found.schema]))

    def close(self) -> None:
        for frames in self._kept.values():
            for frame in frames:
                frame.unpersist()
        self._kept = {}
        own = SparkEngine._own_sessions.pop(id(self), None)
        if own is not None and not self._own_sessions:
            own.stop()


def _computed(frame: Any) -> Any:
    """The frame's rows, computed and kept on the disks of the machines that computed them."""
    frame = frame.persist(importlib.import_module("pyspark").StorageLevel.DISK_ONLY)
    frame.count()
    return frame


def _spark() -> Any:
    """Spark's package for SQL, once it and Java are there."""
    try:
        return importlib.import_module("pyspark.sql")
    except ImportError:
        raise FeatureError(
            "Spark is not installed: pip install 'customer-platform-extractor[spark]', and Java 17 or 21."
        ) from None


def _start(spark: Any) -> Any:
    """A session on all cores of this machine that listens on the loopback only."""
    check_java()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("SPARK_LOCAL_IP", _LOOPBACK)
    builder = spark.SparkSession.builder.master(f"local[{cores}]").appName("customer_features")
    settings = {
        "spark.driver.host": _LOOPBACK,
        "spark.driver.bindAddress": _LOOPBACK,
        "spark.driver.memory": _HEAP,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(2 * cores),
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def check_java() -> None:
    """Raises FeatureError if Java, which Spark runs on, is not there."""
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else "java"  # noqa: PTH118
    try:
        subprocess.run([command, "-version"], check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise FeatureError(
            "Spark runs on Java, and there is none: install Java 17 or 21 (apt-get install default-jre-headless), "
            "or set JAVA_HOME to where it is."
        ) from None


def _delta_files(place: str) -> list[str]:
    """The Parquet files that hold a Delta table now."""
    try:
        deltalake = importlib.import_module("deltalake")
    except ImportError:
        raise FeatureError(
            f"{place} is a Delta table, and what reads its log is not installed: "
            "pip install 'customer-platform-extractor[delta,spark]'."
        ) from None
    return list(deltalake.DeltaTable(place).file_uris())


def _spark_schema(name: str) -> str:
    """The columns of a table without files, as Spark spells them."""
    spelt = {"string": "string", "json": "string", "int64": "bigint", "float64": "double", "boolean": "boolean"}
    return ", ".join(f"{column} {spelt.get(kind, 'timestamp')}" for column, kind in SCHEMAS[name].items())
