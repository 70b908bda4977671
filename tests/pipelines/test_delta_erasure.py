"""An erasure from Delta tables that is killed midway is completed by whatever runs next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from erasable import EMAIL, ID, KEY, OTHER_EMAIL, OTHER_ID, PERSONAL, api
from places import DeltaPlace, delta_place
from planted import found_in
from scripted_api import ScriptedApi, serving

from cdp_sandbox.process import Running
from intilery_source.forgotten import FORGOTTEN_ADDRESS, person_hmac
from pipelines import delta_replacement, delta_store
from pipelines.destination import opened
from pipelines.erasure import erase_profiles
from pipelines.exit_codes import ExitCode
from pipelines.forget import ForgetRequest, forget
from pipelines.people import people


class _Killed(BaseException):
    """What no code catches, as a kill."""


@pytest.fixture(scope="module")
def served() -> Iterator[ScriptedApi]:
    with serving(api()) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> DeltaPlace:
    return delta_place(tmp_path)


@pytest.fixture
def account(served: ScriptedApi, place: DeltaPlace, tmp_path: Path) -> Account:
    running = Running(served.url, "c", "a", "B", "t")
    account = Account(running, tmp_path / "unused.duckdb", {"pii_key": KEY}, elsewhere=place.target)
    account.load()
    return account


def _request(place: DeltaPlace, *, dry_run: bool = False) -> ForgetRequest:
    return ForgetRequest(place.target, people([("email", EMAIL)]), KEY, dry_run=dry_run)


def _killed_at(step: Any, calls: int) -> Any:
    left = [calls]

    def run(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise _Killed
        return step(*arguments)

    return run


def test_killed_between_two_tables_the_next_load_completes_it(
    account: Account, place: DeltaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an erasure that is killed when a few tables are done, with the ledger, and others, events too, are not
    with monkeypatch.context() as patch:
        patch.setattr(delta_replacement, "commit", _killed_at(delta_replacement.commit, 3))
        with pytest.raises(_Killed):
            forget(_request(place))
    assert PERSONAL["property"] in repr(place.query("SELECT properties FROM intilery.events"))
    files = sorted(Path(place.target.folder or "").rglob("*"))
    forget(_request(place, dry_run=True))
    assert sorted(Path(place.target.folder or "").rglob("*")) == files, "a dry run completes nothing"

    # when a load runs
    assert account.load().exit_code is ExitCode.LOADED

    # then nothing is left of the person, and the ledger counts what is there
    assert found_in(PERSONAL.values(), Path(place.target.folder or ""), place.target.working_folder) == {}
    assert place.query("SELECT id FROM intilery.profiles") == [{"id": OTHER_ID}]
    (counted,) = place.query("SELECT sum(rows) AS n FROM intilery.extract_windows WHERE event_action = '' AND rows > 0")
    (there,) = place.query("SELECT count(*) AS n FROM intilery.events")
    assert int(counted["n"]) == there["n"] == 4
    assert account.invoke("verify", *place.options).exit_code == ExitCode.LOADED


def test_killed_before_the_first_table_nothing_changed_and_it_is_run_again(
    account: Account, place: DeltaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: place.query(f'SELECT * FROM intilery."{name}"') for name in place.tables()}
    with monkeypatch.context() as patch:
        patch.setattr(delta_store, "replace", _killed_at(None, 0))
        with pytest.raises(_Killed):
            forget(_request(place))
    assert {name: place.query(f'SELECT * FROM intilery."{name}"') for name in before} == before
    told = forget(_request(place))
    assert told.erased["intilery.events"].rows == 6
    assert found_in(PERSONAL.values(), Path(place.target.folder or ""), place.target.working_folder) == {}


def test_what_only_earlier_versions_show_is_gone_too(account: Account, place: DeltaPlace) -> None:
    for table in place.delta_tables().values():
        table.delete()
    assert found_in(PERSONAL.values(), Path(place.target.folder or ""))
    assert forget(_request(place)).erased == {}
    assert found_in(PERSONAL.values(), Path(place.target.folder or "")) == {}


def test_pseudonyms_stand_for_the_person_in_their_events_and_a_blank_in_those_of_others(
    account: Account, place: DeltaPlace
) -> None:
    where = place.target
    with opened(where) as held:
        pipeline = held.pipeline(where)
        pipeline.sync_destination()
        erased = erase_profiles(pipeline, [ID], KEY, pseudonymise=True)
        pipeline.drop()
    assert "intilery.events" not in {name for name, found in erased.items() if found.rows}
    kept = {"property", "nested", "anonymous event", "unknown visitor"}
    told = [value for name, value in PERSONAL.items() if name not in kept]
    assert found_in(told, Path(where.folder or "")) == {}
    events = {row["event_id"]: row for row in place.query("SELECT * FROM intilery.events")}
    assert len(events) == 10
    assert events["event-1"]["customer_id"] == person_hmac(KEY, "id", ID)
    assert [events["event-1"][name] for name in ("traits", "context", "extra")] == [None, None, None]
    assert FORGOTTEN_ADDRESS in events["event-7"]["properties"]
    assert OTHER_EMAIL in events["event-7"]["properties"]


def test_new_files_that_lack_a_row_are_not_taken(
    account: Account, place: DeltaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = delta_store.copy
    monkeypatch.setattr(delta_store, "copy", lambda database, rows, folder: copy(database, f"{rows} LIMIT 0", folder))
    before = len(place.query("SELECT * FROM intilery.events"))
    with pytest.raises(delta_store.RewriteError, match="The new files have 0 rows"):
        forget(_request(place))
    assert len(place.query("SELECT * FROM intilery.events")) == before
