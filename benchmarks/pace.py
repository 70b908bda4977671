"""How much of the API's limit a load uses, as the server sees it: the latency table and the ceiling.

The ideal is a reader that spends the burst at once, then a request whenever a token falls due, and waits one mean
latency for the last answer.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.account import Account, Traffic, account
from benchmarks.measuring import Run
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import Target, number, percent

LATENCY_EVENTS = 200_000
CEILING_EVENTS = 500_000
LIMIT = (100, 500)
BURSTS = {100: 500, 20: 20}
"""The burst that goes with each rate of the ceiling."""

Latency = tuple[float, float]
VENDOR: Latency = (0.7, 2.8)
"""What the vendor's own API shows, uniformly distributed."""
LATENCIES: tuple[Latency, ...] = ((0.0, 0.0), (0.1, 0.1), (1.0, 1.0), VENDOR)


@dataclass(frozen=True, slots=True)
class Pace:
    """A load and what the server saw of it."""

    run: Run
    traffic: Traffic
    rate: int
    burst: int
    latency: Latency

    @property
    def per_second(self) -> float | None:
        """Requests a second, from the first request's arrival to the last answer."""
        return None if self.run.failure else self.traffic.requests / self.traffic.seconds

    @property
    def ideal_seconds(self) -> float:
        """How long the same number of requests takes at best."""
        return max(0, self.traffic.requests - self.burst) / self.rate + sum(self.latency) / 2

    @property
    def share(self) -> float | None:
        """The ideal's seconds as a share of those taken, None where it takes none."""
        return None if self.run.failure or not self.ideal_seconds else self.ideal_seconds / self.traffic.seconds

    @property
    def ideal_per_second(self) -> float | None:
        """The requests a second that an ideal reader has, None where it takes no time at all."""
        return self.traffic.requests / self.ideal_seconds if self.ideal_seconds else None

    @property
    def refused_share(self) -> float | None:
        """Answers 429 as a share of all."""
        return None if self.run.failure else self.traffic.refused / self.traffic.requests


def latencies(events: int = LATENCY_EVENTS) -> Section:
    """Requests a second against the limit, at each latency."""
    with account(events) as served:
        paces = [pace(served, *LIMIT, latency) for latency in LATENCIES]
    headings = ("latency s", "requests", "seconds", "requests/s", "ideal requests/s", "share of the ideal", "429")
    rows = [
        (
            _shown(pace.latency),
            f"{pace.traffic.requests:,}",
            number(pace.traffic.seconds),
            number(pace.per_second),
            number(pace.ideal_per_second),
            percent(pace.share),
            f"{pace.traffic.refused:,}",
        )
        for pace in paces
    ]
    rate, burst = LIMIT
    note = (
        f"{events:,} events, at a limit of {rate} requests a second with a burst of {burst}; from the first request's "
        f"arrival to the last answer. The ideal is (requests - {burst}) / {rate} s and one mean latency."
    )
    failures = [f"latency {_shown(pace.latency)} s: {pace.run.failure}" for pace in paces if pace.run.failure]
    return Section(TITLES["latency"], table(headings, rows), note, failures=failures)


def ceiling(rate: int = 100, events: int = CEILING_EVENTS) -> Section:
    """How close a load comes to a limit of 100 or 20 requests a second at the vendor's latency."""
    with account(events) as served:
        found = pace(served, rate, BURSTS[rate], VENDOR)
    return judged(found, smaller=events < CEILING_EVENTS)


def judged(found: Pace, *, smaller: bool) -> Section:
    """The figures of a ceiling and the verdicts on them."""
    traffic, run = found.traffic, found.run
    rows = [
        ("events", f"{run.events:,}"),
        ("requests", f"{traffic.requests:,}"),
        ("answers 429", f"{traffic.refused:,}"),
        ("seconds, first request to last answer", number(traffic.seconds)),
        ("ideal seconds", number(found.ideal_seconds)),
        ("seconds, whole process", number(run.taken.seconds)),
    ]
    limit = f"limit of {found.rate} a second with a burst of {found.burst}, latency {_shown(found.latency)} s"
    requests = None if run.failure else float(traffic.requests)
    targets = [
        Target("share of the ideal", found.share, at_least=0.95),
        Target("requests", requests, at_most=1.05 * run.events / 100),
        Target("share of answers 429", found.refused_share, below=0.005),
    ]
    title = TITLES[f"ceiling {found.rate}"]
    failures = [run.failure] if run.failure else []
    return Section(title, table(("", limit), rows), "", targets, failures, smaller)


def pace(served: Account, rate: int, burst: int, latency: Latency) -> Pace:
    """Load everything at a limit that the loader knows of."""
    say(f"{served.events:,} events at {rate} requests a second, burst {burst}, latency {_shown(latency)} s")
    served.begin(latency={"low": latency[0], "high": latency[1]}, rate=rate, burst=burst)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taken = served.load(folder, rate=rate, burst=burst)
        run = served.loaded("intilery load", folder, taken, expected=served.events)
    return Pace(run, served.traffic(), rate, burst, latency)


def _shown(latency: Latency) -> str:
    low, high = latency
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
