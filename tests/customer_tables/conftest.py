"""What these tests share."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import ibis.expr.types as ir
import pytest
from raw_customers import RawCustomers

from customer_tables import engine


@pytest.fixture(autouse=True, scope="session")
def compiled_once() -> Iterator[None]:
    """Compile equal expressions once: on tables of a few rows a build does little else."""
    cached = lru_cache(maxsize=None)(lambda node: engine_sql(node.to_expr()))
    engine_sql = engine.sql

    def sql(expression: ir.Expr) -> str:
        return cached(expression.op())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "sql", sql)
        yield


@pytest.fixture
def raw(tmp_path: Path) -> RawCustomers:
    return RawCustomers(tmp_path / "customers.duckdb")
