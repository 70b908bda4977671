"""Forgetting a person leaves no value of theirs in any row, wherever they were loaded to, and no load undoes it."""

from pathlib import Path

import pytest
from accounts import Account
from erasable import EMAIL, KEY, OTHER_ID, PERSONAL, account_events, api
from places import Place
from planted import found_in
from scripted_api import serving

from cdp_sandbox.process import Running


@pytest.fixture(params=["duckdb", "delta", "postgres"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _shown(place: Place) -> str:
    return repr([place.query(f'SELECT * FROM intilery."{table}"') for table in sorted(place.tables())]).lower()


def test_a_forgotten_person_is_in_no_row(new_place, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    # given
    place = new_place(name)
    with serving(api()) as served:
        running = Running(served.url, "c", "a", "B", "t")
        account = Account(running, tmp_path / "customers.duckdb", {"pii_key": KEY}, elsewhere=place.target)
        account.load()
        shown = _shown(place)
        planted = [value.lower() for value in PERSONAL.values() if value.lower() in shown]
        assert len(planted) > 15

        # when
        told = account.invoke("forget", *place.options, "--email", EMAIL, "--dry-run")
        assert _shown(place) == shown
        done = account.invoke("forget", *place.options, "--email", EMAIL)
        assert (told.exit_code, done.exit_code) == (0, 0), done.output
        assert told.output.replace("would be erased", "erased").count("erased") == done.output.count("erased")

        # then, and after another load of everything
        for _ in range(2):
            assert found_in(PERSONAL.values(), tmp_path, place.target.working_folder) == {}
            shown = _shown(place)
            assert [value for value in planted if value in shown] == []
            left = place.query("SELECT event_id FROM intilery.events ORDER BY 1")
            assert [row["event_id"] for row in left] == ["event-10", "event-7", "event-8", "event-9"]
            assert place.query("SELECT id FROM intilery.profiles") == [{"id": OTHER_ID}]
            served.events = account_events()
            account.settings["profile_refresh"] = "all"
            account.load(since="2025-01-01")


def test_what_cannot_be_erased_from_says_so(tmp_path: Path) -> None:
    account = Account(Running("http://127.0.0.1:9", "c", "a", "B", "t"), tmp_path / "none", {"pii_key": KEY})
    done = account.invoke("forget", "--destination", "parquet", "--path", "s3://bucket/lake", "--email", EMAIL)
    assert done.exit_code == 2
    assert "docs/personal_data.md" in done.output


def test_a_folder_without_the_dataset_is_no_place_to_forget_in(tmp_path: Path) -> None:
    account = Account(Running("http://127.0.0.1:9", "c", "a", "B", "t"), tmp_path / "none", {"pii_key": KEY})
    done = account.invoke("forget", "--destination", "parquet", "--path", str(tmp_path / "lake"), "--email", EMAIL)
    assert done.exit_code == 2
    assert not (tmp_path / "lake").exists()
