"""The demo's data, loaded once in a test run, however many workers it has."""

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.demo import demo_database


@dataclass(frozen=True)
class Journey:
    """The DuckDB file of `intilery demo`, with canonical tables, and what the command printed. Read it only."""

    database: Path
    printed: str


def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """Load The Complete Journey from the sandbox, or wait for the worker that does, and take what it has loaded."""
    folder = tmp_path_factory.getbasetemp()
    # each worker of pytest-xdist has a folder of its own in one of the run's
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "journey"
    shared.mkdir(exist_ok=True)
    database, printed = shared / "demo.duckdb", shared / "printed.txt"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            done = subprocess.run(
                [sys.executable, "-m", "pipelines", "demo"], cwd=shared, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stderr
            demo_database(database)
            printed.write_text(done.stdout)
    return Journey(database, printed.read_text())
