"""What becomes of a deleted profile's events and history is the same wherever they were loaded to."""

from pathlib import Path

import pytest
from accounts import Account
from places import Place
from planted import found_in

from intilery_source.forgotten import person_hmac
from pipelines.exit_codes import ExitCode

_KEY = "a key of sixteen characters"
_DAY = 86_400


@pytest.mark.parametrize("on_delete", ["erase", "pseudonymise"])
def test_deleted_profiles_are_gone_or_under_another_name(
    account: Account, place: Place, tmp_path: Path, on_delete: str
) -> None:
    # given an account of which everything was loaded, and then some profiles vanished
    account.server.reset(world="people:30", seed=5, limits={"rate": None})
    account.settings |= {"profile_refresh": "all", "max_delete_share": 0.5, "on_delete": on_delete, "pii_key": _KEY}
    account.load()
    before, count = account.true_traits(), _count(place)
    account.advance(20 * _DAY)
    # when it is loaded again
    assert account.load().exit_code is ExitCode.LOADED
    # then nothing has their identifiers, and their events are there only under another name
    now = account.true_traits()
    deleted = {row["profile_id"] for row in place.query("SELECT profile_id FROM intilery.profile_deletions")}
    deleted -= now.keys()
    assert deleted
    customers = _ids(place, "customer_id", "events")
    history = _ids(place, "profile_id", "profile_trait_history")
    assert not deleted & (customers | history | _ids(place, "id", "profiles"))
    named = {person_hmac(_KEY, "id", key) for key in deleted}
    if on_delete == "erase":
        assert not named & (customers | history)
    else:
        assert named & customers
        assert named <= history
        assert _count(place) == account.true_event_ids().total() > count
    # nor does any file, read by whatever version of a table
    still = {traits.get("email") for traits in now.values()}
    gone = {before[key].get("email") for key in deleted & before.keys()} - still - {None}
    assert gone
    assert found_in(gone, tmp_path) == {}


def _ids(place: Place, column: str, table: str) -> set[str]:
    return {row[column] for row in place.query(f"SELECT DISTINCT {column} FROM intilery.{table}")}


def _count(place: Place) -> int:
    return int(place.query("SELECT count(*) AS n FROM intilery.events")[0]["n"])
