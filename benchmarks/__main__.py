"""`python -m benchmarks`: run benchmarks, print what they find, keep it in `RESULTS.md`."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import compare, features, pace, profiles, results, scale, spark, start, tables

CORES = 2
"""On a machine with more, everything that is measured, the server included, has to do with as many."""

_NO_PART = ("benchmark", "results")
"""Options that say nothing on what was measured."""


def main() -> int:
    """Run what the command line names; 1 where a benchmark failed, 0 even where a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--results", type=Path, default=results.RESULTS, metavar="FILE", help="where to keep them")
    named = parser.add_subparsers(required=True, metavar="BENCHMARK", dest="benchmark")

    command = named.add_parser("compare", help="this loader, dlt's REST source and the floor, side by side")
    command.add_argument("--events", type=int, default=compare.EVENTS)
    command.add_argument("--rest-events", type=int, default=compare.REST_EVENTS, help="those of dlt's REST source")
    command = named.add_parser("latency", help="requests a second against the limit, at each latency")
    command.add_argument("--events", type=int, default=pace.LATENCY_EVENTS)
    command = named.add_parser("ceiling", help="how close a load comes to the limit at the vendor's latency")
    command.add_argument("--rate", type=int, choices=sorted(pace.BURSTS), default=100, help="requests a second")
    command.add_argument("--events", type=int, default=pace.CEILING_EVENTS)
    command = named.add_parser("scale", help="what an event costs as there are more of them")
    command.add_argument("--unit", type=int, default=scale.UNIT, help="events that stand for a million")
    command = named.add_parser("start", help="a scheduled load that finds nothing new, and one that finds a little")
    command.add_argument("--events", type=int, default=start.EVENTS)
    command.add_argument("--new", type=int, default=start.NEW, help="those that the second one finds")
    command = named.add_parser("profiles", help="the first load of many profiles, and one when few have changed")
    command.add_argument("--first", type=int, default=profiles.FIRST, help="profiles of the first load")
    command.add_argument("--known", type=int, default=profiles.KNOWN, help="profiles of which some change")
    command.add_argument("--changed", type=int, default=profiles.CHANGED, help="those that change")
    command = named.add_parser("features", help="every shipped feature at monthly cutoffs, and as pandas computes them")
    command.add_argument("--events", type=int, default=features.EVENTS)
    command.add_argument("--pandas-events", type=int, default=features.PANDAS_EVENTS, help="those of pandas")
    command = named.add_parser("spark", help="every shipped feature at a few cutoffs, on DuckDB and on Spark")
    command.add_argument("--events", type=int, default=spark.EVENTS)
    command = named.add_parser("tables", help="the canonical tables of many events, and when a few are new")
    command.add_argument("--events", type=int, default=tables.EVENTS)
    command.add_argument("--new", type=int, default=tables.NEW, help="those that come on top")
    options = parser.parse_args()

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    run: dict[str, Callable[[], results.Section]] = {
        "compare": lambda: compare.compare(options.events, options.rest_events),
        "latency": lambda: pace.latencies(options.events),
        "ceiling": lambda: pace.ceiling(options.rate, options.events),
        "scale": lambda: scale.scale(options.unit),
        "profiles": lambda: profiles.profiles(options.first, options.known, options.changed),
        "features": lambda: features.features(options.events, options.pandas_events),
        "spark": lambda: spark.spark(options.events),
        "start": lambda: start.start(options.events, options.new),
        "tables": lambda: tables.tables(options.events, options.new),
    }
    section = run[options.benchmark]()
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in vars(options).items() if name not in _NO_PART]
    results.publish(section, options.results, [options.benchmark, *arguments])
    return 1 if section.failures else 0


if __name__ == "__main__":
    sys.exit(main())
