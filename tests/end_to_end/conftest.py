"""An account in the sandbox, and a DuckDB file to load it into, over HTTP and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from accounts import Account

from cdp_client import retry
from cdp_sandbox.process import Running, running


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    """One server for all tests of a process; each test resets it."""
    with running("shop:20", 1) as server:
        yield server


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for milliseconds: the same retries, in a hundredth of the time."""
    monkeypatch.setattr(retry, "_FIRST_BACKOFF", 0.002)
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 0.05)


@pytest.fixture
def account(sandbox: Running, tmp_path: Path) -> Account:
    """The account of a fresh world without faults; tests reset it to what they need."""
    sandbox.reset(world="shop:20", seed=1, limits={"rate": None})
    return Account(sandbox, tmp_path / "customers.duckdb")
