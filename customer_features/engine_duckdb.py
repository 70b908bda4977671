"""DuckDB: reads the canonical tables of a file, and works in a file of its own that is gone afterwards."""

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from customer_features.canonical import SCHEMAS, Canonical
from customer_features.engine_functions import FUNCTIONS
from customer_features.errors import FeatureError, FileBusyError
from customer_features.spans import Micros
from customer_features.storing import write_table

SCHEMA = "customer_tables"
_MEMORY = "2500MB"
"""Of DuckDB's buffers; what takes more goes to the disk."""


class DuckDBEngine:
    """The tables of a DuckDB file, read only."""

    def __init__(self, database: Path) -> None:
        """
        Raises:
            FeatureError: the file or its tables are not there, or another program writes to it.
        """
        if not database.is_file():
            raise FeatureError(f"There is no file {database}: load it first (intilery load --database {database}).")
        self._folder = tempfile.TemporaryDirectory(prefix="features-")
        work = Path(self._folder.name)
        self.connection = ibis.duckdb.connect(
            str(work / "work.duckdb"), memory_limit=_MEMORY, temp_directory=str(work / "spilt"),

        )  # fmt: skip
        self.connection.raw_sql("SET TimeZone = 'UTC'")
        self._kept = 0
        self.source = database.name
        self._database = database
        self._attach()
        there = set(self.connection.list_tables(database=("source", SCHEMA))) if self._has_schema() else set()
        missing = set(SCHEMAS) - there
        if missing:
            self.close()
            raise FeatureError(
                f"{database} has no {', '.join(sorted(missing))} in {SCHEMA}: make them with intilery tables build "
                f"--database {database}."
            )
        self.canonical = Canonical(
            {name: self._table(name) for name in SCHEMAS},
            FUNCTIONS["duckdb"],
        )
        self.watermark = self._watermark("builds" in there)

    def _has_schema(self) -> bool:
        found = self._one(
            "SELECT count(*) FROM duckdb_schemas() WHERE database_name = 'source' AND schema_name = ?", SCHEMA
        )
        return bool(found)

    def _table(self, name: str) -> ir.Table:
        table = self.connection.table(name, database=("source", SCHEMA))
        missing = set(SCHEMAS[name]) - set(table.columns)
        if missing:
            self.close()
            raise FeatureError(
                f"{SCHEMA}.{name} has no column {', '.join(sorted(missing))}: build the tables anew with intilery "
                f"tables build --full --database {self._database}."
            )
        return table.select(list(SCHEMAS[name]))

    def _watermark(self, has_builds: bool) -> Micros | None:
        place = f"source.{SCHEMA}.builds" if has_builds else f"source.{SCHEMA}.customer_events"
        column = "min(watermark)" if has_builds else "max(known_at)"
        found = self._one(f"SELECT epoch_us({column}) FROM {place}")  # noqa: S608
        return None if found is None else int(found)

    def imputed(self) -> int:
        events = self.connection.table("customer_events", database=("source", SCHEMA))
        if "known_at_imputed" not in events.columns:
            return 0
        return int(self._one(f"SELECT count(*) FROM source.{SCHEMA}.customer_events WHERE known_at_imputed"))  # noqa: S608

    def _one(self, sql: str, *values: object) -> Any:
        row = self.connection.con.execute(sql, list(values)).fetchone()
        return None if row is None else row[0]

    def _attach(self) -> None:
        quoted = str(self._database).replace("'", "''")
        try:
            self.connection.raw_sql(f"ATTACH '{quoted}' AS source (READ_ONLY)")
        except duckdb.Error as error:
            self.close()
            if "not a valid DuckDB" in str(error):
                raise FeatureError(f"{self._database} is no DuckDB file.") from None
            raise FileBusyError(
                f"{self._database} cannot be read now: another program, or another connection of this one, has it open "
                "to write. Close that first."
            ) from None

    def store(self, name: str, rows: pa.Table, manifest: dict[str, Any]) -> None:
        """Write rows and their manifest into the file that the tables came from.

        Raises:
            FeatureError: another program has the file open.
        """
        self.connection.raw_sql("DETACH source")
        try:
            write_table(self._database, name, rows, manifest)
        finally:
            self._attach()

    def keep(self, expression: ir.Table, *, together: str | None = None) -> ir.Table:
        self._kept += 1
        name = f"kept_{self._kept}"
        rows = expression if together is None else expression.order_by(together)
        self.connection.con.execute(f"CREATE TEMP TABLE {name} AS {self.sql(rows)}")
        return self.connection.table(name)

    def append(self, kept: ir.Table, expression: ir.Table) -> ir.Table:
        self.connection.con.execute(f"INSERT INTO {kept.op().name} BY NAME {self.sql(expression)}")
        return kept

    def drop(self, kept: ir.Table) -> None:
        self.connection.drop_table(kept.op().name)

    def local(self, table: pa.Table) -> ir.Table:
        self._kept += 1
        return self.connection.create_table(f"kept_{self._kept}", table)

    def replace(self, kept: ir.Table, table: pa.Table) -> None:
        name = kept.op().name
        self.connection.con.register("replacing", table)
        self.connection.con.execute(f'TRUNCATE "{name}"; INSERT INTO "{name}" SELECT * FROM replacing')  # noqa: S608
        self.connection.con.unregister("replacing")

    def arrow(self, expression: ir.Table) -> pa.Table:
        return expression.to_pyarrow()

    def sql(self, expression: ir.Table) -> str:
        return str(ibis.to_sql(expression, dialect="duckdb"))

    def query(self, sql: str) -> pa.Table:
        return self.connection.con.execute(sql).to_arrow_table()

    def close(self) -> None:
        self.connection.disconnect()
        self._folder.cleanup()
