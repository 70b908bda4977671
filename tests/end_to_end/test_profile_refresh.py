"""Between full scrolls, a load looks up the profiles that new events changed, and no others."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from accounts import Account

import intilery_source
from cdp_client import AuthenticationError
from cdp_sandbox.process import Running
from intilery_source.client import IntileryClient
from pipelines.exit_codes import ExitCode
from pipelines.load import TABLES

pytestmark = pytest.mark.usefixtures("fast_retries")

_DAY = 86_400


_WORLD: dict[str, Any] = {"world": "people:100", "seed": 3, "limits": {"rate": None}}


@pytest.fixture(scope="module")
def loaded(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file into which 100 people were loaded wholly and a day later again, and what time it was then."""
    sandbox.reset(**_WORLD)
    account = Account(sandbox, tmp_path_factory.mktemp("people") / "customers.duckdb")
    assert account.load().exit_code == ExitCode.LOADED
    account.advance(_DAY)
    account.load()
    return account.database, account.now()


@pytest.fixture
def people(account: Account, loaded: tuple[Path, str]) -> Account:
    """An account of 100 people that was loaded wholly, a day ago."""
    file, now = loaded
    account.server.reset(**_WORLD)
    account.server.control("PUT", "/_sandbox/clock", {"now": now})
    shutil.copy(file, account.database)
    account.asked()
    return account


def change(account: Account, number: int, *, events: int = 3) -> list[str]:
    """Write some events for some profiles, of which one sets a trait; their identifiers."""
    profiles = list(account.true_traits().values())[:number]
    for profile in profiles:
        who = {"userId": profile["externalId"], "timestamp": account.now()}
        account.write("identify", who | {"event": "identify", "traits": {"favouriteColour": f"blue {profile['id']}"}})
        for place in range(events - 1):
            account.write("track", who | {"event": "Product Viewed", "properties": {"place": place}})
    account.asked()
    return [profile["id"] for profile in profiles]


def events_read(account: Account) -> int:
    return account.report.rows["events"]


def test_each_changed_profile_is_looked_up_once_and_no_other(people: Account) -> None:
    changed = change(people, 30)
    result = people.load()
    asked = people.asked()
    assert result.exit_code == ExitCode.LOADED
    assert (asked["profiles"], asked["traits"], asked["meta"]) == (0, 30, 30)
    assert asked.total() <= math.ceil(events_read(people) / 100) + 2 * 30 + 10
    # and what was looked up is what the API answers
    true = people.true_traits()
    found = people.traits_at("2100-01-01")
    assert {key: found[key] for key in changed} == {key: true[key] for key in changed}
    columns = dict(people.query("SELECT id, favourite_colour FROM intilery.profile_traits"))
    assert {key: columns[key] for key in changed} == {key: f"blue {key}" for key in changed}


def test_an_event_seen_before_causes_no_look_up(people: Account) -> None:
    change(people, 5)
    people.load()
    people.asked()
    for _ in range(2):
        people.load()
        asked = people.asked()
        assert events_read(people) > 15, "the lookback reads them again"
        assert asked["traits"] == asked["meta"] == asked["profiles"] == 0


def test_a_load_of_events_alone_leaves_the_look_ups_to_the_next(people: Account) -> None:
    changed = change(people, 5)
    people.load(only=("events",))
    assert people.asked()["traits"] == 0
    assert {key for (key,) in people.query("SELECT profile_id FROM intilery.pending_lookups")} == set(changed)
    result = people.load()
    assert result.exit_code == ExitCode.LOADED
    assert people.asked()["traits"] == 5
    assert people.query("SELECT profile_id FROM intilery.pending_lookups") == []


def test_what_a_run_owed_that_stopped_is_looked_up_by_the_next(people: Account) -> None:
    # given a run that loads the events, and is stopped among the look-ups
    changed = change(people, 5)

    def refused(self: IntileryClient, profile_id: str) -> None:
        raise AuthenticationError("The token was refused.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IntileryClient, "meta", refused)
        with pytest.raises(Exception, match="The token was refused"):
            people.load()
    assert people.event_ids() == people.true_event_ids()
    people.asked()
    # when it is run again
    assert people.load().exit_code == ExitCode.LOADED
    # then each is looked up
    asked = people.asked()
    assert (asked["traits"], asked["meta"]) == (5, 5)
    true, found = people.true_traits(), people.traits_at("2100-01-01")
    assert {key: found[key] for key in changed} == {key: true[key] for key in changed}


def test_a_look_up_of_one_kind_leaves_the_other_due(people: Account) -> None:
    change(people, 5)
    people.load(only=("events", "profile_traits"))
    assert people.asked()["meta"] == 0
    people.load()
    assert people.asked()["meta"] == 5


@pytest.mark.parametrize(("detail", "expected"), [("meta", (0, 4)), ("traits", (4, 0))])
def test_the_detail_that_is_wanted_is_all_that_is_looked_up(
    people: Account, detail: str, expected: tuple[int, int]
) -> None:
    people.settings["profile_detail"] = detail
    change(people, 4)
    people.load()
    asked = people.asked()
    assert (asked["traits"], asked["meta"]) == expected
    people.load()
    assert people.asked()["profiles"] == 0
    assert people.load().exit_code == ExitCode.LOADED


def test_a_complete_list_is_read_again_when_it_is_old(people: Account) -> None:
    people.advance(5.9 * _DAY)
    people.load()
    assert people.asked()["profiles"] == 0
    people.advance(0.2 * _DAY)
    people.load()
    asked = people.asked()
    assert asked["profiles"] > 0
    assert asked["traits"] >= len(people.true_traits())


def test_a_first_load_of_one_table_hides_no_profile_from_the_others(account: Account) -> None:
    account.server.reset(**_WORLD)
    account.load(only=("profile_meta",))
    account.load()
    true = account.true_traits().keys()
    for table in ("profiles", "profile_traits", "profile_meta"):
        assert {key for (key,) in account.query(f"SELECT id FROM intilery.{table}")} == true, table
    account.asked()
    account.load()
    assert account.asked()["profiles"] == 0


def test_a_late_event_of_a_profile_that_is_gone_brings_no_row_back(account: Account) -> None:
    # given an account some of whose profiles are gone, with their rows
    account.server.reset(**_WORLD)
    account.settings |= {"max_delete_share": 0.5, "full_scroll_every": "1 day"}
    account.load()
    before = account.true_traits().keys()
    account.advance(30 * _DAY)
    account.load()
    gone = sorted(before - account.true_traits().keys())
    assert gone
    # when their look-up becomes due again, and again
    account.settings["full_scroll_every"] = "90 days"
    for _ in range(2):
        with duckdb.connect(str(account.database)) as connection:
            for key in gone:
                connection.execute(
                    "INSERT INTO intilery.pending_lookups (profile_id, done, _dlt_load_id, _dlt_id) "
                    "VALUES (?, false, '', ?)",
                    [key, key],
                )
        assert account.load().exit_code == ExitCode.LOADED
        # then they are not there
        for table in ("profiles", "profile_traits", "profile_meta"):
            assert not set(gone) & {key for (key,) in account.query(f"SELECT id FROM intilery.{table}")}, table


def test_refreshing_all_or_none(people: Account) -> None:
    people.settings["profile_refresh"] = "none"
    change(people, 3)
    assert people.load().exit_code == ExitCode.LOADED
    assert not people.asked().keys() & {"profiles", "traits", "meta"}
    # what changed meanwhile is not forgotten
    people.settings["profile_refresh"] = "changed"
    people.load()
    assert people.asked()["traits"] == 3
    people.settings["profile_refresh"] = "all"
    people.load()
    assert people.asked()["traits"] >= len(people.true_traits())


def test_a_new_profile_is_there_before_the_next_full_scroll(people: Account) -> None:
    who = {"userId": "NEW/1", "timestamp": people.now()}
    people.write("identify", who | {"event": "identify", "traits": {"firstName": "Zoë"}})
    people.load()
    assert people.profile_ids() == people.true_profile_ids()
    assert ("Zoë",) in people.query("SELECT first_name FROM intilery.profile_traits WHERE external_id = 'NEW/1'")


def test_one_run_of_dlt_looks_up_what_its_own_events_changed(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account.server.reset(world="people:60", seed=3, limits={"rate": None})
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    pipeline = dlt.pipeline(
        "people", destination=dlt.destinations.duckdb(str(account.database)), pipelines_dir=str(tmp_path / "dlt")
    )
    tables: Sequence[str] = TABLES
    pipeline.run(intilery_source.intilery().with_resources(*tables))
    account.asked()
    changed = change(account, 5)
    pipeline.run(intilery_source.intilery().with_resources(*tables))
    assert account.asked()["traits"] == len(changed)
    pipeline.run(intilery_source.intilery().with_resources(*tables))
    assert account.asked()["traits"] == 0


def test_look_ups_go_on_while_the_list_is_read(sandbox: Running, account: Account) -> None:
    # given a list of ten pages, and answers that take a while
    sandbox.reset(world="people:200", seed=3, limits={"rate": None, "list_page": 20})
    sandbox.change(latency={"low": 0.05, "high": 0.05})
    started: list[str] = []
    lookup, listing = IntileryClient.traits, IntileryClient.list_profiles

    def traits(self: Any, profile_id: str) -> Any:
        started.append("traits")
        return lookup(self, profile_id)

    def list_profiles(self: Any, scroll_id: str | None) -> Any:
        started.append("list")
        return listing(self, scroll_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IntileryClient, "traits", traits)
        patch.setattr(IntileryClient, "list_profiles", list_profiles)
        account.load(only=("profiles", "profile_traits"))
    assert started.count("list") >= 10
    last_page = len(started) - started[::-1].index("list")
    assert started[:last_page].count("traits") >= 60, "three pages at least are looked up before the list is over"
