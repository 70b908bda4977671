"""Growth: what an event costs as there are more of them, and what a small load costs into a large table.

The incremental loads read the same newest events of one world, into a table of all the events before them and into
one of a small part of these; with a lookback of nothing, so that both read exactly that.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.account import Account, Cut, account, cuts
from benchmarks.measuring import Run, ratio
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import Target, number

UNIT = 1_000_000
_GROWING = (1, 2, 4)
_LARGE = 5
_SMALL_PART, _NEW_PART = 10, 100
"""The small table has a tenth of a unit, the incremental load a hundredth."""


def scale(unit: int = UNIT) -> Section:
    """Load 1, 2, 4 and 5 units from nothing, then a hundredth of one incrementally."""
    runs = [_from_nothing(factor * unit) for factor in _GROWING]
    large, into_large, into_small = _incremental(unit)
    return grown(runs, large, into_large, into_small, smaller=unit < UNIT)


def grown(runs: list[Run], large: Run, into_large: Run, into_small: Run, *, smaller: bool) -> Section:
    """The table and the verdicts."""
    everything = [*runs, large, into_large, into_small]
    headings = ("", "events", "seconds", "CPU s", "CPU s a million", "peak MB")
    rows = [
        (
            run.name,
            f"{run.events:,}",
            number(run.taken.seconds),
            number(run.taken.cpu_seconds),
            number(run.cpu_per_million),
            number(run.peak_megabytes),
        )
        for run in everything
    ]
    costs = [run.cpu_per_million for run in runs]
    known = [cost for cost in costs if cost is not None]
    spread = ratio(max(known), min(known)) if known and len(known) == len(costs) else None
    targets = [
        Target("CPU an event, the dearest size as a multiple of the cheapest", spread, at_most=1.15),
        Target(f"peak MB with {runs[0].events:,} events", runs[0].peak_megabytes, below=700),
        Target(
            f"peak memory with {large.events:,} events, as a multiple of that",
            ratio(large.peak_megabytes, runs[0].peak_megabytes),
            at_most=1.2,
        ),
        Target(
            "CPU of the incremental load into the large table, as a multiple of that into the small one",
            ratio(_cpu(into_large), _cpu(into_small)),
            at_most=2,
        ),
    ]
    failures = [f"{run.name}: {run.failure}" for run in everything if run.failure]
    return Section(TITLES["scale"], table(headings, rows), "", targets, failures, smaller)


def _cpu(run: Run) -> float | None:
    return None if run.failure else run.taken.cpu_seconds


def _from_nothing(events: int) -> Run:
    say(f"{events:,} events from nothing")
    with account(events) as served, tempfile.TemporaryDirectory() as name:
        served.begin()
        folder = Path(name)
        return served.loaded("from nothing", folder, served.load(folder), expected=events)


def _incremental(unit: int) -> tuple[Run, Run, Run]:
    """The large table's first load, then the incremental loads into it and into the small one."""
    before, new = _LARGE * unit, unit // _NEW_PART
    events = before + new
    start, until = cuts(events, before - unit // _SMALL_PART, before)
    with account(events) as served, tempfile.TemporaryDirectory() as name:
        folders = Path(name) / "large", Path(name) / "small"
        large = _until(served, folders[0], until)
        small = _until(served, folders[1], until, since=start)
        into_large = _rest(served, folders[0], large, events - until.before)
        into_small = _rest(served, folders[1], small, events - until.before)
    return large, into_large, replace(into_small, failure=small.failure or into_small.failure)


def _until(served: Account, folder: Path, until: Cut, since: Cut | None = None) -> Run:
    """Load what lies before `until`, and not before `since`, from nothing."""
    events = until.before - (since.before if since else 0)
    say(f"{events:,} events from nothing")
    folder.mkdir()
    served.begin()
    settings = {"start_date": str(since)} if since else None
    taken = served.load(folder, until=str(until), settings=settings)
    return served.loaded("from nothing", folder, taken, expected=events)


def _rest(served: Account, folder: Path, first: Run, new: int) -> Run:
    """Load what the table that `first` made does not hold yet."""
    say(f"{new:,} events into {first.events:,}")
    served.begin()
    taken = served.load(folder, settings={"lookback": "0 days"})
    name = f"incremental, into {first.events:,}"
    return served.loaded(name, folder, taken, expected=first.events + new, events=new)
