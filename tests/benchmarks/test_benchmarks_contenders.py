"""The contenders load a small world: all of them the same events, and the floor the loader's very columns."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks import compare
from benchmarks.account import Account, account, database
from benchmarks.contenders import floor

EVENTS = 1_500
_JSON = ("properties", "context", "extra")


@pytest.fixture(scope="module")
def served() -> Iterator[Account]:
    with account(EVENTS) as account_:
        yield account_


def rows(file: Path, table: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(f"SELECT * EXCLUDE (extracted_at) FROM {table} ORDER BY event_id")
        names = [column[0] for column in found.description or ()]
        listed = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in listed:
        row.pop("_dlt_load_id", None)
        row.update({name: json.loads(row[name]) for name in _JSON})
    return listed


def test_the_floor_ends_with_the_loaders_columns_and_values(served: Account, tmp_path: Path) -> None:
    served.begin()
    loaded = served.loaded("loader", tmp_path, served.load(tmp_path), expected=EVENTS)
    assert loaded.failure is None
    assert served.traffic().requests >= EVENTS / 100
    assert served.traffic().refused == 0
    floor.main(served.url, served.server.token, str(tmp_path / "floor.duckdb"))
    assert rows(tmp_path / "floor.duckdb", "events") == rows(database(tmp_path), "intilery.events")


@pytest.mark.parametrize("kind", ["plain", "tuned"])
def test_dlts_rest_source_loads_all_events(served: Account, kind: str) -> None:
    run = compare.contend(served, kind, "rest_api", kind, rows="rest.events")
    assert run.failure is None
    assert run.per_second


def test_a_contender_that_reads_less_than_the_world_is_a_failure(served: Account, tmp_path: Path) -> None:
    served.begin()
    taken = served.load(tmp_path, until="2024-07-01")
    assert taken.exit_code == 0
    run = served.loaded("half a year", tmp_path, taken, expected=EVENTS)
    assert run.failure is not None
    assert f"instead of {EVENTS:,}" in run.failure
