"""The account that the benchmarks load: a `flat:N` world behind a sandbox, and how each contender is told of it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measuring import Rows, Run, Taken, take, verified
from cdp_sandbox.process import Running, running
from cdp_sandbox.worlds import load_world

SEED = 1
UNLIMITED = 1_000_000_000
_SECONDS_TO_START = 300.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the server counted: `seconds` from the first request's arrival to the last answer."""

    requests: int
    refused: int
    seconds: float


@dataclass(slots=True)
class Account:
    """A sandbox that serves `events` events, and the loader pointed at it."""

    server: Running
    events: int

    @property
    def url(self) -> str:
        """The address of the account's events."""
        server = self.server
        return f"{server.url}/{server.client_id}/{server.account_id}/{server.brand_id}/v1/events"

    def begin(self, *, latency: Any = 0.0, **limits: Any) -> None:
        """Empty the statistics, fill the bucket, and set the latency and the limits (default: no rate)."""
        settings = {"rate": None} | limits
        self.server.reset(world=f"flat:{self.events}", seed=SEED, latency=latency, limits=settings)

    def traffic(self) -> Traffic:
        """What was counted since `begin`."""
        counted = self.server.control("GET", "/_sandbox/stats")
        refused = sum(answers.get("429", 0) for answers in counted["requests"].values())
        seconds = (counted["last_answer"] or 0.0) - (counted["first_request"] or 0.0)
        return Traffic(counted["total"], refused, seconds)

    def load(
        self,
        folder: Path,
        *,
        rate: float = UNLIMITED,
        burst: int = UNLIMITED,
        until: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Taken:
        """Run `intilery load --only events` into `folder`, in a process of its own; times are ISO 8601."""
        command = [sys.executable, "-m", "pipelines", "load", "--only", "events", "--json"]
        command += ["--database", str(database(folder))]
        command += [] if until is None else ["--until", until]
        return take(command, folder, environment(self.server, rate=rate, burst=burst, settings=settings))

    def loaded(self, name: str, folder: Path, taken: Taken, *, expected: int, events: int | None = None) -> Run:
        """What a `load` was, once its rows are counted."""
        return verified(name, taken, Rows(database(folder), "intilery.events", "event_id", expected), events=events)


def environment(
    server: Running, *, rate: float = UNLIMITED, burst: int = UNLIMITED, settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment that points the loader at a sandbox."""
    values = {
        "base_url": server.url,
        "client_id": server.client_id,
        "account_id": server.account_id,
        "brand_id": server.brand_id,
        "auth_token": server.token,
        "requests_per_second": str(float(rate)),
        "burst": str(burst),
        **(settings or {}),
    }
    return {f"SOURCES__INTILERY__{key.upper()}": value for key, value in values.items()}


@contextmanager
def account(events: int) -> Iterator[Account]:
    """Serve a world of its own from a process of its own, for as long as the context lasts."""
    with running(f"flat:{events}", SEED, seconds=_SECONDS_TO_START) as server:
        yield Account(server, events)


def database(folder: Path) -> Path:
    """The DuckDB file of a contender that works in `folder`."""
    return folder / "loaded.duckdb"


@dataclass(frozen=True, slots=True)
class Cut:
    """An instant in a world: `before` of its events happened earlier, the rest at it or later."""

    instant: datetime
    before: int

    def __str__(self) -> str:
        """As the command line takes it."""
        return self.instant.isoformat(timespec="milliseconds")


def cuts(events: int, *positions: int) -> list[Cut]:
    """The instants of the events at these positions, oldest first; events of one instant stay together."""
    times = load_world(f"flat:{events}", SEED).event_time
    found = []
    for position in positions:
        millis = int(times[position])
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
        found.append(Cut(instant, int(times.searchsorted(millis))))
    return found
