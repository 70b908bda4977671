"""Side by side: this loader, dlt's REST source as it comes and tuned, and the floor, into DuckDB.

There is no latency and no limit, so that only work counts; the server runs beside, on the same cores. The REST source
reads fewer events than the others, with the cap on results lifted, since it cannot read past it.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.account import UNLIMITED, Account, account, database
from benchmarks.measuring import Rows, Run, ratio, take, verified
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import Target, number

EVENTS = 1_000_000
REST_EVENTS = 200_000
LOADER, REST, REST_TUNED, FLOOR = "intilery load", "rest_api_source as it comes", "rest_api_source tuned", "floor"

_NOTE = (
    f"CPU is that of the loading process and its children, the server's is not counted; peak memory is that of the "
    f"largest process. `{LOADER}` is so many times as fast as the row says, in events a second, and the row takes so "
    "many times its CPU an event, which other work on the machine disturbs less. Tuned means: Parquet, nested objects "
    "as JSON, upsert instead of delete-insert, larger buffers, nothing compressed on the way, two processes that "
    "normalize. The floor is written by hand for this one world: fetch, parse, insert."
)


def compare(events: int = EVENTS, rest_events: int = REST_EVENTS) -> Section:
    """Run all four, one after the other, and compare."""
    with account(rest_events) as served:
        runs = [
            contend(served, REST, "rest_api", "plain", rows="rest.events"),
            contend(served, REST_TUNED, "rest_api", "tuned", rows="rest.events"),
        ]
    with account(events) as served:
        runs += [load(served), contend(served, FLOOR, "floor", rows="main.events")]
    return compared(runs, smaller=events < EVENTS or rest_events < REST_EVENTS)


def load(served: Account) -> Run:
    """The loader, on all events, from nothing; the cap on results holds."""
    say(f"{LOADER}: {served.events:,} events")
    served.begin()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return served.loaded(LOADER, folder, served.load(folder), expected=served.events)


def contend(served: Account, name: str, module: str, *arguments: str, rows: str) -> Run:
    """A module of `benchmarks.contenders`, on all events, with the cap lifted; `rows` is the table it writes."""
    say(f"{name}: {served.events:,} events")
    served.begin(cap=UNLIMITED)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        told = [*arguments, served.url, served.server.token, str(database(folder))]
        taken = take([sys.executable, "-m", f"benchmarks.contenders.{module}", *told], folder, {})
        return verified(name, taken, Rows(database(folder), rows, "event_id", served.events))


def compared(runs: list[Run], *, smaller: bool) -> Section:
    """The table, the ratios and the verdicts on runs of the four names."""
    by_name = {run.name: run for run in runs}
    loader = by_name[LOADER]
    times = {name: ratio(loader.per_second, run.per_second) for name, run in by_name.items()}
    headings = ("", "events", "events/s", "CPU s a million", "peak MB", "as fast, times", "CPU, times")
    shown = [
        (
            run.name,
            f"{run.events:,}",
            number(run.per_second),
            number(run.cpu_per_million),
            number(run.peak_megabytes),
            number(times[run.name]),
            number(ratio(run.cpu_per_million, loader.cpu_per_million)),
        )
        for run in (by_name[name] for name in (LOADER, REST, REST_TUNED, FLOOR))
    ]
    targets = [
        Target(f"{LOADER}, events a second", loader.per_second, at_least=15_000),
        Target(f"{LOADER}, CPU seconds a million", loader.cpu_per_million, at_most=60),
        Target(f"{LOADER}, peak MB", loader.peak_megabytes, below=700),
        Target(f"times {REST_TUNED}, events a second", times[REST_TUNED], at_least=5),
        Target(f"times {REST}, events a second", times[REST], at_least=20),
    ]
    failures = [f"{run.name}: {run.failure}" for run in runs if run.failure]
    return Section(TITLES["compare"], table(headings, shown), _NOTE, targets, failures, smaller)
