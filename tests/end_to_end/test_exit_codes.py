"""What a scheduler sees: one writer at a time, work that is left over, JSON and nothing else."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from accounts import Account
from scripted_api import ScriptedApi, event, serving

import intilery_source
from cdp_sandbox.process import Running
from intilery_source import RunReport, instants, watermark
from pipelines import progress
from pipelines.destination import Opened, target
from pipelines.exit_codes import ExitCode
from pipelines.load import LoadRequest, load

pytestmark = pytest.mark.usefixtures("fast_retries")


def test_json_is_all_of_standard_output(account: Account) -> None:
    done = account.command("load", "--database", str(account.database), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["tables"]["events"] == account.true_event_ids().total()
    assert result["added"] == result["tables"]
    assert result["watermark"] == "2026-03-01T00:00:00.000Z"


def test_without_json_a_table_is_shown(account: Account) -> None:
    done = account.command("load", "--database", str(account.database), "--only", "events")
    assert done.returncode == 0
    assert f"{account.true_event_ids().total():,}" in done.stdout
    assert "watermark 2026-03-01T00:00:00.000Z" in done.stdout


def test_a_second_run_finds_the_lock(account: Account) -> None:
    # given a run that takes its time
    account.server.change(latency={"low": 0.5, "high": 0.5})
    first = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "load", "--database", str(account.database)],
        env=account.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        lock = target("duckdb", account.database, "intilery").working_folder / "lock"
        while not lock.exists() or not lock.read_text():
            assert first.poll() is None
        # when another one starts
        second = account.command("load", "--database", str(account.database))
        # then it says so and changes nothing
        assert second.returncode == ExitCode.BUSY
        assert second.stderr.startswith(f"Another run (process {first.pid}) is loading into customers.duckdb")
    finally:
        first.kill()
        first.wait()
    # and when the first has died, its lock is stale
    account.server.change(latency={"low": 0, "high": 0})
    assert account.load().exit_code == ExitCode.LOADED
    assert account.event_ids() == account.true_event_ids()


def test_a_notebook_that_holds_the_file_is_named(account: Account) -> None:
    account.load(only=("events",))
    script = (
        f"import duckdb, sys; c = duckdb.connect({str(account.database)!r}); print('open', flush=True); "
        "sys.stdin.read()"
    )
    notebook = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert notebook.stdout is not None
        notebook.stdout.readline()
        done = account.command("load", "--database", str(account.database))
        assert done.returncode == ExitCode.BUSY
        assert done.stderr.startswith("Another program (a notebook, say) has customers.duckdb open")
    finally:
        notebook.communicate()
    assert account.event_ids() == account.true_event_ids()


def test_a_failed_look_up_is_kept_and_tried_again(tmp_path: Path) -> None:
    # given 30 profiles, the look-ups of two of which fail
    api = ScriptedApi([event(1)], [{"id": f"p{number}"} for number in range(30)])
    failing = {"p3", "p17"}
    api.fault = lambda route, profile: (500, b"{}") if profile in failing and route in ("traits", "meta") else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        # when they are loaded
        result = account.load()
        # then the others are there, and these are kept
        assert result.exit_code == ExitCode.LOADED_IN_PART
        assert result.reasons[0].startswith("2 profiles could not be looked up")
        assert account.profile_ids().total() == 30
        assert {row[0] for row in account.query("SELECT id FROM intilery.profile_traits")} == {
            f"p{number}" for number in range(30)
        } - failing
        assert set(account.query("SELECT profile_id FROM intilery.pending_lookups")) == {("p3",), ("p17",)}
        # and when one of them answers again, it is done, even where a list lacks it
        failing.remove("p3")
        api.profiles = api.profiles[10:]
        assert account.load().exit_code == ExitCode.LOADED_IN_PART
        assert account.query("SELECT profile_id FROM intilery.pending_lookups") == [("p17",)]
        assert ("p3",) in account.query("SELECT id FROM intilery.profile_traits")
        failing.clear()
        assert account.load().exit_code == ExitCode.LOADED
        assert account.query("SELECT profile_id FROM intilery.pending_lookups") == []


def test_look_ups_that_are_down_cost_neither_the_list_nor_the_events(tmp_path: Path) -> None:
    api = ScriptedApi([event(number) for number in range(150)], [{"id": f"p{number}"} for number in range(1000)])
    api.fault = lambda route, _: (400, b"{}") if route == "traits" else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        result = account.load()
        assert result.exit_code == ExitCode.LOADED_IN_PART
        assert result.reasons == [
            "1,000 profiles could not be looked up: table pending_lookups says why, and the next run tries them again."
        ]
        assert account.profile_ids().total() == 1000
        assert account.event_ids().total() == 150
        assert api.asked.count("traits") <= 20 + 100, "it stops trying, but for what is in flight"
        api.fault = lambda *_: None
        assert account.load().exit_code == ExitCode.LOADED


def test_a_range_that_was_interrupted_is_gone_on_with_for_a_day() -> None:
    state: dict[str, Any] = {}
    start, end = _at("2026-01-01"), _at("2026-02-01")
    now = instants.of_datetime(_at("2026-03-01"))

    def begin(clock: int) -> watermark.Pass:
        return watermark.begin(state, since=start, until=end, lookback=timedelta(days=3), now=lambda: clock)

    current = begin(now)
    assert current.position is not None
    current.now, current.position = now, current.position + 1000
    watermark.store(state, current, finished=False)
    for hours, position in ((1, current.position), (25, current.start)):
        assert begin(now + hours * 3_600_000).position == position


def test_a_pass_that_was_interrupted_is_followed_by_another(account: Account, tmp_path: Path) -> None:
    # given a pass that was interrupted after its first load
    account.settings = {"rows_per_load": 300}
    source = intilery_source.intilery(**account.all_settings()).with_resources("events")
    connection = duckdb.connect(str(account.database))
    pipeline = dlt.pipeline(
        "intilery",
        destination=dlt.destinations.duckdb(connection),
        dataset_name="intilery",
        pipelines_dir=str(tmp_path),
    )
    pipeline.run(source)
    assert intilery_source.pass_interrupted(pipeline)
    connection.close()
    # when time goes on, late events arrive behind its position, and it is run again
    before = account.true_event_ids()
    account.advance(4 * 86_400)
    assert sum((account.true_event_ids() - before).values()) > 20
    assert account.load(only=("events",)).exit_code == ExitCode.LOADED
    # then these are there, too
    assert account.event_ids() == account.true_event_ids()


def test_a_scroll_that_keeps_expiring_ends_with_3(account: Account, sandbox: Running) -> None:
    sandbox.reset(
        world="shop:20",
        seed=1,
        faults={"seed": 1, "rates": {"expire_scroll": 1.0}},
        limits={"rate": None, "list_page": 7},
    )
    result = account.load(only=("profiles",))
    assert result.exit_code == ExitCode.LOADED_IN_PART
    assert "No complete list of profiles could be read: the scroll expired" in result.reasons[0]
    assert account.profile_ids().total() == 7, "what was listed is loaded"


def test_a_scroll_that_does_not_advance_loads_what_it_lists_and_says_so(tmp_path: Path) -> None:
    api = ScriptedApi([event(1)], [{"id": "p1"}])
    api.fault = lambda route, _: (200, b'{"data": [{"id": "p1"}], "scrollId": "1"}') if route == "profiles" else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        result = account.load()
        assert result.exit_code == ExitCode.LOADED_IN_PART
        assert "the server does not seem to know the parameter scrollId" in result.reasons[0]
        assert account.query("SELECT id FROM intilery.profiles") == [("p1",)]


def test_a_last_page_that_is_lost_before_the_end_is_read_again(tmp_path: Path) -> None:
    # given a scroll of two pages whose second one is lost on the way, so that the next answer is its end
    first, second = (
        (200, b'{"data": [{"id": "p1"}], "scrollId": "1"}'),
        (200, b'{"data": [{"id": "p2"}], "scrollId": "2"}'),
    )
    lost, end = (504, b""), (404, b'{"error": {"code": "not_found", "message": "No more."}}')
    answers = iter([first, first, lost, end, end, first, first, second, end, end])
    api = ScriptedApi([event(1)])
    api.fault = lambda route, _: next(answers) if route == "profiles" else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        # when it is loaded, then both profiles are there
        assert account.load().exit_code == ExitCode.LOADED
    assert set(account.profile_ids()) == {"p1", "p2"}


def test_a_range_leaves_the_watermark_alone(account: Account) -> None:
    # given a file that was loaded up to an instant
    account.load(only=("events",), until=_at("2026-01-10"))
    state = account.load(only=("events",), until=_at("2026-01-20"))
    assert state.watermark == "2026-01-20T00:00:00.000Z"
    # when a range of its own is read again
    ranged = account.load(only=("events",), since=_at("2025-12-01"), until=_at("2025-12-05"))
    # then the watermark is where it was, and the next load reads on from there
    assert ranged.watermark == "2026-01-20T00:00:00.000Z"
    assert ranged.added["events"] == 0
    assert account.load(only=("events",)).watermark == "2026-03-01T00:00:00.000Z"
    assert account.event_ids() == account.true_event_ids()


def test_a_load_until_long_before_the_watermark_changes_nothing(account: Account) -> None:
    # given a file that was loaded up to an instant
    account.load(only=("events",), until=_at("2026-01-20"))
    # when it is loaded up to an earlier one than the lookback reaches
    early = account.load(only=("events",), until=_at("2026-01-10"))
    # then nothing has happened, and the next load reads on
    assert (early.exit_code, early.watermark) == (ExitCode.LOADED, "2026-01-20T00:00:00.000Z")
    assert set(early.added.values()) <= {0, 1}, "no row but that of the run"
    assert account.load(only=("events",)).watermark == "2026-03-01T00:00:00.000Z"
    assert account.event_ids() == account.true_event_ids()


def test_a_load_until_before_the_position_of_a_pass_leaves_the_pass_under_way(account: Account) -> None:
    # given a pass of which only the first part has been loaded
    account.settings["rows_per_load"] = 300
    account.begin(loads=1)
    before = len(account.event_ids())
    # when a load is asked for that ends before the first event
    early = account.load(only=("events",), until=_at("2019-01-01"))
    # then it ends with nothing new, and the next one reads the rest
    assert (early.exit_code, early.added["events"]) == (ExitCode.LOADED, 0)
    assert 300 <= before < len(account.true_event_ids())
    account.load(only=("events",))
    assert account.event_ids() == account.true_event_ids()


def test_a_file_that_was_removed_is_loaded_anew(account: Account) -> None:
    account.load(only=("events",))
    account.database.unlink()
    account.load(only=("events",))
    assert account.event_ids() == account.true_event_ids()


def test_what_each_load_wrote_is_settled_before_the_next_one(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckDB keeps in memory what it has not settled, and a load of millions of events would fail
    account.settings["rows_per_load"] = 300
    settle, settled = Opened.settle, []
    log = account.database.with_name(f"{account.database.name}.wal")

    def observed(place: Opened) -> None:
        settle(place)
        settled.append(log.stat().st_size if log.exists() else 0)

    monkeypatch.setattr(Opened, "settle", observed)
    result = account.load(only=("events",))
    assert result.loads > 3
    assert settled == [0] * result.loads


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.05)
    account.server.change(latency={"low": 0.05, "high": 0.05})
    report = RunReport()
    with progress.display(report):
        account.report = report
        request = LoadRequest(
            target("duckdb", account.database, "intilery"), ("events",), settings=account.all_settings()
        )
        load(request, report)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines
    assert any("rows/s" in line and "requests" in line for line in lines)


def _at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
