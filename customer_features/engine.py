"""What an engine does for a build: it has the canonical tables, keeps what was computed, and gives it out."""

from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from customer_features.canonical import Canonical
from customer_features.spans import Micros


class Engine(Protocol):
    """DuckDB or Spark. What it keeps is gone when it is closed; what it reads from is never changed."""

    canonical: Canonical
    watermark: Micros | None
    """All events received before it are there; None if there are none."""
    source: str
    """Where the tables are, for the manifest."""

    def keep(self, expression: ir.Table, *, together: str | None = None) -> ir.Table:
        """Compute a table once, to be read many times; rows with the same `together` lie side by side."""
        ...

    def append(self, kept: ir.Table, expression: ir.Table) -> ir.Table:
        """Keep a table's rows together with those kept before."""
        ...

    def drop(self, kept: ir.Table) -> None:
        """Let go of a table that was kept."""
        ...

    def imputed(self) -> int:
        """Of how many events it is not known when they became known, but from the lateness of others."""
        ...

    def local(self, table: pa.Table) -> ir.Table:
        """A small table of this process as one of the engine's."""
        ...

    def replace(self, kept: ir.Table, table: pa.Table) -> None:
        """Put other rows of the same columns in place of those of a table that `local` made."""
        ...

    def arrow(self, expression: ir.Table) -> pa.Table: ...

    def sql(self, expression: ir.Table) -> str: ...

    def query(self, sql: str) -> pa.Table:
        """The rows of what `sql` wrote."""
        ...

    def close(self) -> None: ...
