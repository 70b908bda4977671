"""Every destination that is tested here, and an account to load into each: the same tests run over all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import places
import postgres_server
import pytest
from accounts import Account
from places import Place
from postgres_server import PostgresServer

from cdp_client import retry
from cdp_sandbox.process import Running, running


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    """One stand-in of the API for all tests of a process; each test resets it."""
    with running("shop:20", 1) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of a process; each test has a database of its own."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture(autouse=True)
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for milliseconds: the same retries, in a hundredth of the time."""
    monkeypatch.setattr(retry, "_FIRST_BACKOFF", 0.002)
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 0.05)


@pytest.fixture
def new_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Place]:
    """Makes an empty destination of a name; PostgreSQL is started when the first test asks for it."""

    def make(name: str) -> Place:
        if name == "duckdb":
            return places.duckdb_place(tmp_path)
        if name == "delta":
            return places.delta_place(tmp_path)
        place = places.postgres_place(request.getfixturevalue("postgres").new_database())
        for variable, value in place.environment.items():
            monkeypatch.setenv(variable, value)
        return place

    return make


@pytest.fixture(params=["duckdb", "delta", "postgres"])
def place(request: pytest.FixtureRequest, new_place: Callable[[str], Place]) -> Place:
    """An empty destination."""
    return new_place(request.param)


@pytest.fixture
def account(sandbox: Running, place: Place, tmp_path: Path) -> Account:
    """The account of a fresh world without faults, to be loaded into the place."""
    sandbox.reset(world="shop:20", seed=1, limits={"rate": None})
    return Account(sandbox, tmp_path / "customers.duckdb", elsewhere=place.target)
