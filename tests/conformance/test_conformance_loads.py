"""Each destination has each event and profile once: after a full load, a later one, a kill, drift, failed look-ups."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from accounts import Account
from places import Place
from scripted_api import ScriptedApi, event, serving

from cdp_sandbox.process import Running
from pipelines.exit_codes import ExitCode

_TRAITS = "SELECT * FROM intilery.profile_traits ORDER BY id"


def _column(place: Place, sql: str) -> list[Any]:
    return [next(iter(row.values())) for row in place.query(sql)]


def _event_ids(place: Place) -> Counter[str]:
    return Counter(_column(place, "SELECT event_id FROM intilery.events"))


def test_a_full_load_and_a_later_one_bring_each_event_and_profile_once(account: Account, place: Place) -> None:
    # given
    first = account.load()
    assert first.exit_code is ExitCode.LOADED
    assert _event_ids(place) == account.true_event_ids()

    # when another one follows, which knows nothing but what the destination tells
    account.advance(9 * 86_400)
    second = account.load()

    # then
    assert _event_ids(place) == account.true_event_ids()
    assert Counter(_column(place, "SELECT id FROM intilery.profiles")) == account.true_profile_ids()
    assert second.added["events"] == account.true_event_ids().total() - first.tables["events"]
    assert second.tables["events"] == account.true_event_ids().total()
    assert second.watermark == "2026-03-10T00:00:00.000Z"
    assert account.report.statistics.requests < 150, "it went on where the first one stopped"

    # and `verify` agrees
    done = account.invoke("verify", *place.options, "--windows", "2", "--json")
    assert done.exit_code == ExitCode.LOADED, done.output
    assert json.loads(done.output)["gaps"] == []


def test_a_load_that_is_killed_and_run_again_leaves_each_event_once(
    account: Account, place: Place, sandbox: Running, tmp_path: Path
) -> None:
    # given a load of many small ones, killed at a random moment
    account.settings = {"rows_per_load": 300}
    lock = place.target.working_folder / "lock"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "load", *place.options],
        env=account.environment(),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not lock.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0.2, 1.5))
    process.kill()
    process.wait()

    # when it is run again
    result = account.load()

    # then
    assert result.exit_code is ExitCode.LOADED
    assert _event_ids(place) == account.true_event_ids()
    assert Counter(_column(place, "SELECT id FROM intilery.profiles")) == account.true_profile_ids()


def test_traits_may_change_their_type_appear_and_shrink(place: Place, tmp_path: Path) -> None:
    # given
    api = ScriptedApi([event(1)], [{"id": "p1"}, {"id": "p2"}, {"id": "p3"}])
    traits: dict[str, Any] = {
        "p1": {
            "points": 5,
            "interests": ["tea", "coffee", "milk"],
            "homes": [{"town": "A"}, {"town": "B"}],
            "blank": "",
        },
        "p2": {"points": 6, "interests": ["tea", "rice"], "homes": [{"town": "C"}]},
        "p3": {"points": 7, "nul": "a\u0000b"},
    }
    api.fault = lambda route, profile: (200, json.dumps(traits[profile]).encode()) if route == "traits" else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "x.duckdb", elsewhere=place.target)
        account.settings = {"profile_refresh": "all"}
        assert account.load().exit_code is ExitCode.LOADED
        assert _lists(place, "interests", "value")["p1"] == ["tea", "coffee", "milk"]

        # when a type changes, a trait appears, lists shrink, one to nothing
        traits["p1"] = {"points": "5,000", "interests": ["cocoa"], "homes": [], "vip": True}
        traits["p2"] = {"points": 6, "interests": [], "homes": [{"town": "C"}, {"town": "D"}]}
        assert account.load().exit_code is ExitCode.LOADED

        # then
        first, second, third = place.query(_TRAITS)
        assert (first["points"], first["points__v_text"], first["vip"]) == (None, "5,000", True)
        assert (second["points"], second["points__v_text"], second["vip"]) == (6, None, None)
        assert third["nul"] in ("a\u0000b", "a\ufffdb")
        assert first["blank"] is None, "a trait that is gone is NULL"
        assert _lists(place, "interests", "value") == {"p1": ["cocoa"]}
        assert _lists(place, "homes", "town") == {"p2": ["C", "D"]}

        # and when the type comes back
        traits["p1"] = {"points": 8, "interests": ["cocoa", "tea"], "homes": [{"town": "E"}], "blank": ""}
        assert account.load().exit_code is ExitCode.LOADED
        first, *_ = place.query(_TRAITS)
        assert (first["points"], first["points__v_text"], first["vip"], first["blank"]) == (8, None, None, "")
        assert _lists(place, "interests", "value") == {"p1": ["cocoa", "tea"]}


def _lists(place: Place, name: str, column: str) -> dict[str, list[Any]]:
    """The items of a list of each profile that has any, in their order."""
    found: dict[str, list[Any]] = {}
    for row in place.query(
        f"SELECT traits.id, items.{column} AS item FROM intilery.profile_traits AS traits "
        f"JOIN intilery.profile_traits__{name} AS items ON items._dlt_parent_id = traits._dlt_id "
        "ORDER BY traits.id, items._dlt_list_idx"
    ):
        found.setdefault(row["id"], []).append(row["item"])
    return found


def test_a_lookup_that_failed_is_done_by_the_next_load(place: Place, tmp_path: Path) -> None:
    api = ScriptedApi([event(1)], [{"id": f"p{number}"} for number in range(5)])
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "x.duckdb", elsewhere=place.target)
        # given a load in which two look-ups fail
        api.fault = lambda route, profile: (500, b"{}") if route == "traits" and profile in ("p1", "p3") else None
        assert account.load().exit_code is ExitCode.LOADED_IN_PART
        assert set(_column(place, "SELECT profile_id FROM intilery.pending_lookups")) == {"p1", "p3"}
        assert len(place.query(_TRAITS)) == 3

        # when the list no longer shows them, and their look-ups work
        api.fault = lambda route, profile: None
        api.profiles = api.profiles[:1]
        assert account.load().exit_code is ExitCode.LOADED

        # then
        assert _column(place, "SELECT profile_id FROM intilery.pending_lookups") == []
        assert len(place.query(_TRAITS)) == 5
