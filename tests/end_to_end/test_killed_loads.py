"""Unplugging is safe: a load that is killed at any moment and run again ends in the rows of an undisturbed one."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from accounts import Account

from cdp_sandbox.process import Running

_KILLS = 5
_IGNORED = {"extracted_at", "_dlt_load_id", "_dlt_id", "_dlt_parent_id", "_dlt_root_id"}


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_run_again_ends_in_the_same_rows(
    account: Account, sandbox: Running, tmp_path: Path, seed: int
) -> None:
    # given an undisturbed load, of many small ones
    sandbox.reset(world="shop:20", seed=20, limits={"rate": None, "list_page": 7})
    account.settings = {"rows_per_load": 300}
    started = time.monotonic()
    assert account.command("load", "--database", "undisturbed.duckdb", "--json").returncode == 0
    seconds = time.monotonic() - started

    # when another is killed at random moments, one after the other, and then left to end
    chooser = random.Random(seed)
    for _ in range(_KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "load", "--database", "killed.duckdb"],
            env=account.environment(),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chooser.uniform(0.2, 1.0) * seconds)
        process.kill()
        process.wait()
    again = account.command("load", "--database", "killed.duckdb", "--json")

    # then all rows are the same
    assert again.returncode == 0, again.stderr
    expected, found = _rows(tmp_path / "undisturbed.duckdb"), _rows(tmp_path / "killed.duckdb")
    assert expected.keys() == found.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert len(expected["events"]) == account.true_event_ids().total()


def _rows(database: Path) -> dict[str, list[Any]]:
    """The rows of every table but dlt's own, sorted, without what differs from run to run."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'intilery'"
        ).fetchall()
        found: dict[str, list[Any]] = {}
        for (table,) in tables:
            if table.startswith(("_dlt", "extract_")):  # what was read how is another thing in each run
                continue
            columns = [
                name
                for name, *_ in connection.execute(f'DESCRIBE intilery."{table}"').fetchall()
                if name not in _IGNORED
            ]
            listed = ", ".join(f'"{name}"' for name in sorted(columns))
            rows = connection.execute(f'SELECT {listed} FROM intilery."{table}"').fetchall()
            found[table] = sorted(map(repr, rows))
        return found
