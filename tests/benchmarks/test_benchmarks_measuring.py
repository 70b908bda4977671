"""What a command takes, and whether it did its work: figures come from outside, and lost rows leave none."""

import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.measuring import Rows, Run, Taken, ratio, take, verified

DONE = Taken(exit_code=0, seconds=4.0, cpu_seconds=3.0, peak_bytes=250_000_000, output="", errors="")


def python(folder: Path, code: str, seconds: int = 60) -> Taken:
    return take([sys.executable, "-c", code], folder, {}, seconds=seconds)


def filled(folder: Path, rows: str) -> Path:
    file = folder / "loaded.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"CREATE TABLE events AS FROM (VALUES {rows}) AS given(event_id)")
    return file


def test_the_time_and_memory_of_a_command_are_measured(tmp_path: Path) -> None:
    code = "import time; held = b'x' * 150_000_000; time.sleep(0.3)\nwhile time.process_time() < 0.5: pass"
    taken = python(tmp_path, code)
    assert taken.exit_code == 0
    assert 0.5 <= taken.cpu_seconds < 3
    assert taken.seconds > taken.cpu_seconds + 0.2
    assert 150_000_000 < taken.peak_bytes < 250_000_000


def test_what_the_measuring_process_holds_does_not_count(tmp_path: Path) -> None:
    held = b"x" * 300_000_000
    assert python(tmp_path, "pass").peak_bytes < 100_000_000 < len(held)


def test_children_of_the_command_count(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    taken = python(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])")
    assert taken.cpu_seconds >= 0.5


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    taken = python(tmp_path, "import time; time.sleep(60)", seconds=1)
    assert taken.exit_code < 0
    assert taken.seconds < 30


def test_settings_of_this_machine_do_not_reach_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__INTILERY__LOOKBACK", "9 days")
    taken = take([sys.executable, "-c", "import os; print(*os.environ)"], tmp_path, {"GIVEN": "1"})
    assert "GIVEN" in taken.output
    assert "SOURCES__INTILERY__LOOKBACK" not in taken.output


def test_figures_of_a_run_that_holds_all_rows(tmp_path: Path) -> None:
    run = verified("loader", DONE, Rows(filled(tmp_path, "('a'), ('b')"), "events", "event_id", 2))
    assert run.failure is None
    assert run.per_second == 0.5
    assert run.cpu_per_million == 1_500_000
    assert run.peak_megabytes == 250


@pytest.mark.parametrize(
    ("rows", "expected"),
    [("('a'), ('b')", 3), ("('a'), ('b'), ('b')", 2), ("('a'), ('b'), ('b')", 3), ("('a'), ('b')", 1)],
    ids=["lost", "doubled", "one lost and another doubled", "foreign"],
)
def test_lost_doubled_or_foreign_rows_are_a_failure_without_figures(tmp_path: Path, rows: str, expected: int) -> None:
    run = verified("loader", DONE, Rows(filled(tmp_path, rows), "events", "event_id", expected))
    assert run.failure is not None
    assert "2 identifiers" in run.failure
    assert run.per_second is run.cpu_per_million is run.peak_megabytes is None


def test_a_command_that_fails_is_a_failure_even_with_all_rows(tmp_path: Path) -> None:
    taken = python(tmp_path, "raise SystemExit('out of luck')")
    run = verified("loader", taken, Rows(filled(tmp_path, "('a')"), "events", "event_id", 1))
    assert run.failure == "ended with code 1: out of luck"


def test_no_database_and_no_table_are_failures(tmp_path: Path) -> None:
    assert verified("loader", DONE, Rows(tmp_path / "none.duckdb", "events", "event_id", 0)).failure
    assert verified("loader", DONE, Rows(filled(tmp_path, "('a')"), "other", "event_id", 1)).failure


def test_ratios() -> None:
    assert ratio(10, 4) == 2.5
    assert ratio(None, 4) is ratio(4, None) is ratio(4, 0) is None


def test_only_what_a_run_loaded_itself_is_its_work(tmp_path: Path) -> None:
    rows = Rows(filled(tmp_path, "('a'), ('b'), ('c')"), "events", "event_id", 3)
    run = verified("incremental", DONE, rows, events=1)
    assert run == Run("incremental", 1, DONE, None)
