"""`intilery verify` finds what the table lacks, what the ledger lacks, and what no longer belongs there."""

import json
from typing import Any

import duckdb
import pytest
from accounts import Account

_MONTH = ["--since", "2026-01-01", "--until", "2026-02-01"]


@pytest.fixture
def loaded(account: Account) -> Account:
    """The account with its events, read in several loads and windows."""
    account.settings["rows_per_load"] = 300
    assert account.load(("events",)).exit_code == 0
    assert account.load(("events",)).exit_code == 0
    return account


def verify(account: Account, *arguments: str) -> dict[str, Any]:
    """What `intilery verify --json` says; its exit code is what the command ended with."""
    ended = account.invoke("verify", "--database", str(account.database), "--json", *arguments)
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["exit_code"] == ended.exit_code
    return found


def change(account: Account, sql: str, *parameters: Any) -> None:
    with duckdb.connect(str(account.database)) as database:
        database.execute(sql, parameters)


def test_what_was_just_loaded_agrees(loaded: Account) -> None:
    found = verify(loaded, "--windows", "1000")
    assert (found["exit_code"], found["reasons"]) == (0, [])
    assert sum(window["shown"] for window in found["windows"]) == loaded.true_event_ids().total()
    assert len(found["windows"]) == found["ledger_windows"] > 3
    assert (found["missing"], found["arrived_since"], found["not_shown"]) == ([], [], [])


def test_deleted_rows_are_named(loaded: Account) -> None:
    # given
    ids = [key for (key,) in loaded.query("SELECT event_id FROM intilery.events ORDER BY event_time LIMIT 3 OFFSET 7")]
    change(loaded, "DELETE FROM intilery.events WHERE event_id IN (?, ?, ?)", *ids)
    # when
    found = verify(loaded, "--windows", "1000")
    # then
    assert found["exit_code"] == 1
    assert sorted(found["missing"]) == sorted(ids)
    assert "--since" in found["reasons"][0]
    shown = loaded.invoke("verify", "--database", str(loaded.database), "--windows", "1000")
    assert shown.exit_code == 1
    assert all(f"  {key}\n" in shown.stdout for key in ids)
    # and what it advises mends it
    advice = found["reasons"][0].split("intilery ")[1].split(" reads it again")[0].split()
    assert loaded.invoke(*advice, "--database", str(loaded.database)).exit_code == 0
    assert verify(loaded, "--windows", "1000")["exit_code"] == 0


def test_an_event_that_is_in_the_table_at_another_time_is_not_missing(loaded: Account) -> None:
    change(
        loaded,
        "UPDATE intilery.events SET event_time = event_time - INTERVAL 400 DAY WHERE event_id = "
        "(SELECT min(event_id) FROM intilery.events)",
    )
    found = verify(loaded, "--windows", "1000")
    assert (found["exit_code"], found["missing"]) == (0, [])


def test_what_arrived_since_is_reported_apart(account: Account) -> None:
    # given an account that was loaded up to a day ago
    account.server.reset(world="shop:200", seed=1, limits={"rate": None}, clock="2026-03-05T00:00:00.000Z")
    account.load(("events",))
    known = account.true_event_ids()
    account.server.control("PUT", "/_sandbox/clock", {"now": "2026-03-09T00:00:00.000Z"})
    # when
    found = verify(account, "--windows", "1000")
    # then
    late = {
        event["eventId"]
        for event in account.server.control("GET", "/_sandbox/truth/events")
        if event["eventId"] not in known and event["eventTime"] < "2026-03-05T00:00:00.000Z"
    }
    assert late
    assert set(found["arrived_since"]) == late
    assert (found["exit_code"], found["missing"]) == (0, [])
    # and a load that began later had to see them
    change(account, "UPDATE intilery.extract_windows SET known_at = '2026-03-09 00:00:00+00'")
    found = verify(account, "--windows", "1000")
    assert (found["exit_code"], set(found["missing"])) == (1, late)


def test_what_the_api_no_longer_shows_is_reported_apart(loaded: Account) -> None:
    change(
        loaded,
        "INSERT INTO intilery.events BY NAME SELECT * REPLACE ('foreign' AS event_id) FROM intilery.events "
        "WHERE event_time < '2026-02-01' LIMIT 1",
    )
    found = verify(loaded, "--windows", "1000")
    assert (found["exit_code"], found["not_shown"]) == (0, ["foreign"])


def test_a_gap_in_the_ledger_is_named(loaded: Account) -> None:
    # given
    start, end = loaded.query(
        "SELECT window_start::VARCHAR, window_end::VARCHAR FROM intilery.extract_windows "
        "ORDER BY known_at, window_start LIMIT 1 OFFSET 1"
    )[0]
    change(loaded, "DELETE FROM intilery.extract_windows WHERE window_start = ?::TIMESTAMPTZ", start)
    # when
    found = verify(loaded)
    # then
    assert found["exit_code"] == 1
    assert [[bound[:19] for bound in gap] for gap in found["gaps"]] == [
        [start[:19].replace(" ", "T"), end[:19].replace(" ", "T")]
    ]
    assert "Never read" in found["reasons"][0]


def test_an_incomplete_window_is_named(loaded: Account) -> None:
    change(
        loaded,
        "UPDATE intilery.extract_windows SET complete = false WHERE window_start = "
        "(SELECT min(window_start) FROM intilery.extract_windows)",
    )
    found = verify(loaded)
    assert (found["exit_code"], len(found["incomplete"])) == (1, 1)
    assert "Not read completely" in found["reasons"][0]


def test_fewer_rows_than_the_ledger_says_is_a_failure(loaded: Account) -> None:
    change(loaded, "UPDATE intilery.extract_windows SET rows = rows + 1 WHERE event_action = ''")
    found = verify(loaded, "--windows", "1000")
    assert found["exit_code"] == 1
    assert "rows are gone" in found["reasons"][0]


def test_a_range_is_verified_and_nothing_else(loaded: Account) -> None:
    # given a row deleted before the range, and one in it
    for bound in ("< '2026-01-01'", "BETWEEN '2026-01-10' AND '2026-01-20'"):
        change(
            loaded,
            "DELETE FROM intilery.events WHERE event_id = "
            f"(SELECT min(event_id) FROM intilery.events WHERE event_time {bound})",
        )
    # then
    found = verify(loaded, *_MONTH)
    assert len(found["missing"]) == 1
    events = loaded.query(
        "SELECT count(*) FROM intilery.events WHERE event_time >= '2026-01-01' AND event_time < '2026-02-01'"
    )
    assert sum(window["shown"] for window in found["windows"]) == events[0][0] + 1


def test_the_seed_chooses(loaded: Account) -> None:
    some = [verify(loaded, "--windows", "2", "--seed", str(seed))["windows"] for seed in (1, 1, 2, 3, 4)]
    assert some[0] == some[1]
    assert len({str(windows) for windows in some}) > 1
    assert all(len(windows) == 2 for windows in some)


def test_nothing_is_changed(loaded: Account) -> None:
    before = loaded.database.read_bytes()
    verify(loaded)
    assert loaded.database.read_bytes() == before


def test_a_load_in_progress_is_exit_code_4(loaded: Account) -> None:
    with duckdb.connect(str(loaded.database)):
        ended = loaded.command("verify")
    assert ended.returncode == 4
    assert "has customers.duckdb open" in ended.stderr


def test_without_anything_loaded_it_says_so(account: Account) -> None:
    assert "intilery load makes it" in verify(account)["reasons"][0]
    account.load(("profiles",))
    found = verify(account)
    assert (found["exit_code"], "run intilery load first" in found["reasons"][0]) == (2, True)
    account.load(("events",))
    found = verify(account, "--since", "2019-01-01", "--until", "2019-02-01")
    assert (found["exit_code"], "nothing of it was read" in found["reasons"][0]) == (2, True)
