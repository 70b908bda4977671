"""A scheduled load: what it takes when there is nothing new, and when there is a little.

The first load of each case is not measured. Each measured one begins with a copy of what that left; the median of a
few counts. The lookback is set so that a little under 200 events lie in it.
"""

import shutil
import statistics
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.account import Account, account, cuts, database
from benchmarks.measuring import Run
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import Target, number

EVENTS = 100_000
NEW = 2_000
_LOOKBACK_EVENTS = 190
_REPEATS = 3
_LATENCY = 1.0
_RATE, _BURST = 100, 500


@dataclass(frozen=True, slots=True)
class Case:
    """A load into a table that holds all but `new` events, and how many of those it holds the lookback spans."""

    name: str
    new: int
    again: int
    lookback: int
    until: str | None
    latency: float


@dataclass(frozen=True, slots=True)
class Started:
    """What the repetitions of a case took: the median's seconds, the most requests of any."""

    case: Case
    runs: list[Run]
    requests: int

    @property
    def failure(self) -> str | None:
        """Why one of them means nothing."""
        return next((run.failure for run in self.runs if run.failure), None)

    @property
    def seconds(self) -> float | None:
        """Wall seconds of the whole process, the median."""
        return None if self.failure else statistics.median(run.taken.seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float | None:
        """CPU seconds of the whole process, the median."""
        return None if self.failure else statistics.median(run.taken.cpu_seconds for run in self.runs)


def start(events: int = EVENTS, new: int = NEW) -> Section:
    """Measure both cases."""
    with account(events) as served:
        nothing, some = (_measured(served, case) for case in cases(served, new))
    return judged(nothing, some, smaller=events < EVENTS or new < NEW)


def cases(served: Account, new: int) -> tuple[Case, Case]:
    """Nothing new without latency, and `new` events with it."""
    events = served.events
    first, until, last = cuts(events, events - new - _LOOKBACK_EVENTS, events - new, events - _LOOKBACK_EVENTS)
    now = datetime.fromisoformat(served.server.control("GET", "/_sandbox/clock")["now"])
    back = int((now - last.instant).total_seconds())
    nothing = Case("nothing new, no latency", 0, events - last.before, back, None, 0.0)
    back = int((until.instant - first.instant).total_seconds())
    added = events - until.before
    name = f"{added:,} new events, latency {_LATENCY:g} s"
    return nothing, Case(name, added, until.before - first.before, back, str(until), _LATENCY)


def judged(nothing: Started, some: Started, *, smaller: bool) -> Section:
    """The table and the verdicts."""
    headings = ("", "new events", "events in the lookback, at most", "requests", "seconds", "CPU s")
    rows = [
        (
            started.case.name,
            f"{started.case.new:,}",
            f"{started.case.again:,}",
            f"{started.requests:,}",
            number(started.seconds),
            number(started.cpu_seconds),
        )
        for started in (nothing, some)
    ]
    more = None if nothing.seconds is None or some.seconds is None else some.seconds - nothing.seconds
    targets = [
        Target("requests with nothing new", None if nothing.failure else float(nothing.requests), at_most=6),
        Target("seconds of the whole process with nothing new", nothing.seconds, at_most=4),
        Target(f"seconds more than that with {some.case.new:,} new events", more, at_most=6),
    ]
    failures = [f"{started.case.name}: {started.failure}" for started in (nothing, some) if started.failure]
    note = f"Seconds are the whole process's, the median of {_REPEATS}; requests are the most of any."
    return Section(TITLES["start"], table(headings, rows), note, targets, failures, smaller)


def _measured(served: Account, case: Case) -> Started:
    lookback = f"{case.lookback} seconds"
    held = served.events - case.new
    with tempfile.TemporaryDirectory() as name:
        before = Path(name) / "before"
        before.mkdir()
        say(f"{held:,} events from nothing")
        served.begin()
        first = served.loaded(case.name, before, served.load(before, until=case.until), expected=held)
        if first.failure:
            return Started(case, [first], 0)
        runs, requests = [], 0
        for turn in range(_REPEATS):
            say(f"{case.name}, {turn + 1} of {_REPEATS}")
            folder = Path(name) / str(turn)
            folder.mkdir()
            shutil.copy(database(before), database(folder))
            served.begin(latency=case.latency, rate=_RATE, burst=_BURST)
            taken = served.load(folder, rate=_RATE, burst=_BURST, settings={"lookback": lookback})
            requests = max(requests, served.traffic().requests)
            runs.append(served.loaded(case.name, folder, taken, expected=served.events))
    return Started(case, runs, requests)
