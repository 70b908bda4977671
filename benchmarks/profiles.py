"""Profiles: the first load of many at the API's limit, and a load when a few of many have changed.

The ideal of the first load is a reader that spends the burst at once, then makes a look-up whenever a token falls due,
and waits one latency for the last answer: the list must not be waited for.
"""

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import requests

from benchmarks.account import UNLIMITED, database, environment
from benchmarks.measuring import Run, Taken, take
from benchmarks.results import TITLES, Section, say, table
from benchmarks.targets import Target, number, percent
from cdp_sandbox.process import Running, running

FIRST = 20_000
KNOWN = 10_000
CHANGED = 300
_EVENTS_EACH = 3
_LATENCY = 0.5
_RATE, _BURST = 100, 500
_PROFILES = "profiles,profile_traits,profile_meta,profile_event_bounds"


@dataclass(frozen=True, slots=True)
class Counted:
    """A load, the requests that it made by route, and the seconds from the first request to the last answer."""

    run: Run
    asked: dict[str, int]
    seconds: float

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.asked.values())


def profiles(first: int = FIRST, known: int = KNOWN, changed: int = CHANGED) -> Section:
    """Measure both cases."""
    loaded = _first_load(first)
    refreshed, read = _refresh(known, changed)
    ideal = max(0, loaded.requests - _BURST) / _RATE + _LATENCY
    share = None if loaded.run.failure else ideal / loaded.seconds
    allowed = math.ceil(read / 100) + 2 * changed + 10
    headings = ("", "profiles", "looked up", "requests", "seconds", "CPU s", "peak MB")
    cases = (
        (f"first load, {_RATE}/s, latency {_LATENCY:g} s", loaded, first),
        (f"{changed:,} changed, {read:,} events read", refreshed, known),
    )
    rows = [
        (
            name,
            f"{number_of:,}",
            f"{counted.asked.get('traits', 0):,}",
            f"{counted.requests:,}",
            number(counted.seconds),
            number(counted.run.taken.cpu_seconds),
            number(counted.run.peak_megabytes),
        )
        for name, counted, number_of in cases
    ]
    targets = [
        Target("first load, share of the ideal", share, at_least=0.92),
        Target("first load, peak MB", loaded.run.peak_megabytes, below=300),
        Target(
            "requests of the load of what changed",
            None if refreshed.run.failure else refreshed.requests,
            at_most=allowed,
        ),
    ]
    failures = [f"{name}: {counted.run.failure}" for name, counted, _ in cases if counted.run.failure]
    note = (
        f"Seconds are those from the first request to the last answer; the ideal of the first load is {percent(share)}."
    )
    return Section(TITLES["profiles"], table(headings, rows), note, targets, failures, first < FIRST or known < KNOWN)


def _first_load(number_of: int) -> Counted:
    say(f"{number_of:,} profiles from nothing")
    with running(f"people:{number_of}", 1) as server, tempfile.TemporaryDirectory() as name:
        server.change(limits={"rate": _RATE, "burst": _BURST}, latency={"low": _LATENCY, "high": _LATENCY})
        folder = Path(name)
        taken = _load(server, folder, "--only", _PROFILES, rate=_RATE, burst=_BURST)
        return _counted(server, folder, taken)


def _refresh(known: int, changed: int) -> tuple[Counted, int]:
    with running(f"people:{known}", 1) as server, tempfile.TemporaryDirectory() as name:
        server.change(limits={"rate": None})
        server.control("PUT", "/_sandbox/clock", {"now": server.control("GET", "/_sandbox/clock")["ends_at"]})
        folder = Path(name)
        say(f"{known:,} profiles and their events from nothing")
        _load(server, folder)
        say(f"{_EVENTS_EACH} events each of {changed:,} profiles")
        _change(server, changed)
        server.control("DELETE", "/_sandbox/stats")
        taken = _load(server, folder)
        read = json.loads(taken.output)["rows_read"]["events"] if taken.output else 0
        return _counted(server, folder, taken), read


def _change(server: Running, number_of: int) -> None:
    """Write some events for some profiles, which set a trait."""
    now = datetime.fromisoformat(server.control("GET", "/_sandbox/clock")["now"])
    known = server.control("GET", "/_sandbox/truth/profiles", timeout=600)[:number_of]
    path = f"{server.url}/{server.client_id}/{server.account_id}/{server.brand_id}/v1/identify"

    def write(place: int) -> None:
        for turn in range(_EVENTS_EACH):
            happened = now - timedelta(seconds=7 * (turn * number_of + place + 1))
            who = {"userId": known[place]["traits"]["externalId"], "event": "identify"}
            body = who | {"timestamp": happened.isoformat(), "traits": {"favouriteColour": f"blue {turn}"}}
            requests.post(path, json=body, headers={"auth-token": server.token}, timeout=60).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(number_of)))


def _load(server: Running, folder: Path, *options: str, rate: float = UNLIMITED, burst: int = UNLIMITED) -> Taken:
    command = [sys.executable, "-m", "pipelines", "load", "--json", "--database", str(database(folder)), *options]
    return take(command, folder, environment(server, rate=rate, burst=burst))


def _counted(server: Running, folder: Path, taken: Taken) -> Counted:
    shown = server.control("GET", "/_sandbox/stats")
    asked = {route: sum(answers.values()) for route, answers in shown["requests"].items()}
    seconds = (shown["last_answer"] or 0.0) - (shown["first_request"] or 0.0)
    said: Sequence[str] = taken.errors.strip().splitlines() or [""]
    failure = f"ended with code {taken.exit_code}: {said[-1][:200]}" if taken.exit_code else _wrong(server, folder)
    return Counted(Run("intilery load", asked.get("traits", 0), taken, failure), asked, seconds)


def _wrong(server: Running, folder: Path) -> str | None:
    """Why the newest versions of the traits are not what the API answers, or None; computed ones change unseen."""
    with duckdb.connect(str(database(folder)), read_only=True) as connection:
        found = connection.execute(
            "SELECT profile_id, traits FROM intilery.profile_trait_versions WHERE valid_to IS NULL AND traits NOT NULL"
        ).fetchall()
    loaded = {profile_id: _lasting(json.loads(traits)) for profile_id, traits in found}
    shown = server.control("GET", "/_sandbox/truth/profiles", timeout=600)
    true = {profile["id"]: _lasting(profile["traits"]) for profile in shown}
    different = sum(loaded.get(key) != true.get(key) for key in loaded.keys() | true.keys())
    return f"{different:,} profiles are not what the API answers" if different else None


def _lasting(traits: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in traits.items() if key not in ("computed", "lastSeenTime")}
