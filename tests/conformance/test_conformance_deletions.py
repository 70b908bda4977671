"""Profiles that were deleted, re-created or merged leave the same rows wherever they are loaded to."""

from collections.abc import Callable
from pathlib import Path

import places
import pytest
from accounts import Account
from places import Place

from cdp_sandbox.process import Running

_DAYS = 14
_OF_A_RUN = {"extracted_at", "observed_at", "detected_at", "_dlt_load_id", "_dlt_id", "_dlt_parent_id", "_dlt_root_id"}
_ABOUT_RUNS = {"extract_runs", "extract_windows"}


def _load_twice(sandbox: Running, place: Place) -> None:
    """Load, and a fortnight later find out by a complete list who is gone."""
    sandbox.reset(world="people:60", seed=1, limits={"rate": None})
    settings = {"full_scroll_every": "1 day", "max_delete_share": 0.5}
    account = Account(sandbox, Path("unused.duckdb"), settings, elsewhere=place.target)
    account.load()
    account.advance(_DAYS * 86_400)
    account.load()


def _rows(place: Place, table: str) -> list[str]:
    found = place.query(f'SELECT * FROM intilery."{table}"')
    return sorted(repr(sorted((key, value) for key, value in row.items() if key not in _OF_A_RUN)) for row in found)


@pytest.fixture(scope="module")
def reference(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The account in DuckDB."""
    place = places.duckdb_place(tmp_path_factory.mktemp("reference"))
    _load_twice(sandbox, place)
    return place


@pytest.mark.parametrize("name", ["delta", "postgres"])
def test_who_is_gone_is_gone_everywhere(
    name: str, reference: Place, sandbox: Running, new_place: Callable[[str], Place]
) -> None:
    place = new_place(name)
    _load_twice(sandbox, place)
    gone = {row["profile_id"] for row in place.query("SELECT profile_id FROM intilery.profile_deletions")}
    assert gone
    for table in ("profiles", "profile_traits", "profile_meta"):
        assert not gone & {row["id"] for row in place.query(f"SELECT id FROM intilery.{table}")}
    assert place.tables() == reference.tables()
    for table in reference.tables() - _ABOUT_RUNS:
        assert _rows(place, table) == _rows(reference, table), table


# The erasure of a person (`intilery forget`) belongs here, too, over the same places.
