"""The same account gives the same rows, and the same queries the same answers, wherever it is loaded to."""

from collections.abc import Callable
from pathlib import Path

import places
import pytest
from accounts import Account
from places import Place
from queries import QUERIES

from cdp_sandbox.process import Running

_DAYS = 25
_OF_A_RUN = {"extracted_at", "_dlt_load_id", "run_id", "read_at", "requests"}
_NOT_COMPARED = {"extract_runs", "extract_windows"}
"""Which spans were read together, and at what cost, is another thing in each run."""


@pytest.fixture(scope="module")
def reference(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The account in DuckDB."""
    place = places.duckdb_place(tmp_path_factory.mktemp("reference"))
    _load_twice(sandbox, place)
    return place


def _load_twice(sandbox: Running, place: Place) -> None:
    """Load, and load again after types have changed, traits have appeared and others are gone."""
    sandbox.reset(world="shop:20", seed=1, limits={"rate": None})
    account = Account(sandbox, Path("unused.duckdb"), elsewhere=place.target)
    account.load()
    account.advance(_DAYS * 86_400)
    account.load()


@pytest.mark.parametrize("name", ["delta", "postgres"])
def test_the_same_rows_and_answers(
    name: str, reference: Place, sandbox: Running, new_place: Callable[[str], Place]
) -> None:
    place = new_place(name)
    _load_twice(sandbox, place)
    for question, sql in QUERIES.items():
        expected = reference.query(sql)
        assert expected, question
        assert place.query(sql) == expected, question
    assert place.tables() == reference.tables()
    for table in reference.tables() - _NOT_COMPARED:
        assert _rows(place, table) == _rows(reference, table), table


def _rows(place: Place, table: str) -> list[str]:
    found = place.query(f'SELECT * FROM intilery."{table}"')
    return sorted(repr(sorted((key, value) for key, value in row.items() if key not in _OF_A_RUN)) for row in found)
