"""Features: every shipped family at monthly cutoffs, and the same ones as vectorised pandas.

The worlds are canonical tables of a customer to a hundred events (`feature_world`). Each build is a process of its own,
which starts with the DuckDB file and ends with all rows computed. That both give the same values is a test.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks import feature_world
from benchmarks.measuring import Run, Taken, ratio, take
from benchmarks.results import TITLES, Section, figures, say, table
from benchmarks.targets import Target
from customer_features import monthly

EVENTS = 10_000_000
PANDAS_EVENTS = 5_000_000
_CUTOFFS = [str(cutoff)[:10] for cutoff in monthly("2024-02", "2026-01")]
_OURS, _PANDAS = "benchmarks.contenders.our_features", "benchmarks.contenders.pandas_features"


def features(events: int = EVENTS, pandas_events: int = PANDAS_EVENTS) -> Section:
    """Build 12 and 24 cutoffs of a large world, and 12 of a smaller one with pandas beside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = _world(folder, events)
        twelve = _built("12 cutoffs", _OURS, large, _CUTOFFS[12:], events)
        twice = _built("24 cutoffs", _OURS, large, _CUTOFFS, events)
        small = _world(folder, pandas_events)
        ours = _built("12 cutoffs", _OURS, small, _CUTOFFS[12:], pandas_events)
        pandas = _built("12 cutoffs, pandas", _PANDAS, small, _CUTOFFS[12:], pandas_events)
    runs = [twelve, twice, ours, pandas]
    rows = [(*figures(run), *(run.taken.output.split() or ("", ""))) for run in runs]
    targets = [
        Target(f"seconds for {events:,} events and 12 cutoffs", _seconds(twelve), below=300),
        Target("peak MB of that", twelve.peak_megabytes, below=4000),
        Target("24 cutoffs, as a multiple of 12", ratio(_seconds(twice), _seconds(twelve)), at_most=2.2),
        Target("times pandas", ratio(_seconds(pandas), _seconds(ours)), at_least=10),
    ]
    failures = [f"{run.name}: {run.failure}" for run in runs if run.failure]
    if ours.taken.output != pandas.taken.output:
        failures.append("pandas gives another number of rows or features")
    headings = ("", "events", "seconds", "CPU s", "peak MB", "rows", "features")
    note = "The 24 cutoffs begin a year earlier, when there are fewer events to see and customers at risk."
    return Section(TITLES["features"], table(headings, rows), note, targets, failures, events < EVENTS)


def _world(folder: Path, events: int) -> Path:
    say(f"writing {events:,} events")
    database = folder / f"{events}.duckdb"
    if not database.exists():
        feature_world.write(database, events, events // 100)
    return database


def _built(name: str, contender: str, database: Path, cutoffs: list[str], events: int) -> Run:
    say(f"{name} of {events:,} events")
    taken: Taken = take([sys.executable, "-m", contender, str(database), *cutoffs], database.parent, {})
    said = taken.errors.strip().splitlines() or [""]
    failure = f"ended with code {taken.exit_code}: {said[-1][:200]}" if taken.exit_code else None
    return Run(name, events, taken, failure)


def _seconds(run: Run) -> float | None:
    return None if run.failure else run.taken.seconds
