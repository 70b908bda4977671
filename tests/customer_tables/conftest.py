"""What these tests share."""

from pathlib import Path

import pytest
from raw_customers import RawCustomers


@pytest.fixture
def raw(tmp_path: Path) -> RawCustomers:
    return RawCustomers(tmp_path / "customers.duckdb")
