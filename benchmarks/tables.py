"""The canonical tables: a build of everything, one of a little that is new, one of nothing; each in a new process."""

import sys
import tempfile
from pathlib import Path

from benchmarks import raw_events
from benchmarks.measuring import Rows, Run, Taken, take
from benchmarks.results import TITLES, Section, figures, say, table
from benchmarks.targets import Target

EVENTS, NEW = 5_000_000, 10_000
_BUILD = "import sys, customer_tables; customer_tables.build(sys.argv[1])"


def tables(events: int = EVENTS, new: int = NEW) -> Section:
    """Build the tables of `events` events, then of `new` more, then of none."""
    with tempfile.TemporaryDirectory() as name:
        database = Path(name) / "customers.duckdb"
        say(f"{events:,} raw events")
        raw_events.write(database, 0, events, events)
        full = _built("all", database, events, events)
        raw_events.write(database, events, new, events)
        little = _built(f"{new:,} new events", database, new, events + new)
        nothing = _built("nothing new", database, 0, events + new)
    return judged(full, little, nothing, smaller=events < EVENTS or new < NEW)


def judged(full: Run, little: Run, nothing: Run, *, smaller: bool) -> Section:
    """The table and the verdicts."""
    runs = (full, little, nothing)
    headings = ("", "events", "seconds", "CPU s", "peak MB")
    rows = [figures(run) for run in runs]
    targets = [
        Target(f"seconds of a build of {full.events:,} events", _seconds(full), below=30),
        Target("its peak MB", full.peak_megabytes, below=1000),
        Target(f"seconds of a build after {little.events:,} new events", _seconds(little), below=3),
    ]
    note = "Each is a process of its own, of which all counts, that calls `customer_tables.build` on a file."
    failures = [f"{run.name}: {run.failure}" for run in runs if run.failure]
    return Section(TITLES["tables"], table(headings, rows), note, targets, failures, smaller)


def _seconds(run: Run) -> float | None:
    return None if run.failure else run.taken.seconds


def _built(name: str, database: Path, events: int, expected: int) -> Run:
    say(f"canonical tables: {name}")
    command = [sys.executable, "-c", _BUILD, str(database)]
    taken = take(command, database.parent, {})
    return Run(name, events, taken, _failure(taken, database, expected))


def _failure(taken: Taken, database: Path, expected: int) -> str | None:
    if taken.exit_code:
        return taken.errors.strip().splitlines()[-1] if taken.errors.strip() else f"exit code {taken.exit_code}"
    return Rows(database, "customer_tables.customer_events", "event_id", expected).failure()
