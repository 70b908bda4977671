"""What a seed of the soak test does: a world, how the API and the loader are set, and steps of loads and mishaps.

`draw` is a pure function of the seed, so that a seed is repeated by its number alone.
"""

import math
import random
from dataclasses import dataclass
from typing import Any

from cdp_sandbox.faults import HEAVY, KINDS
from cdp_sandbox.switches import Switches, described

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0
EVENTS = ("events",)
TABLES = ("profiles", "profile_traits", "profile_meta", "profile_event_bounds", "events")

_REFUSED = {("window_time", "receivedTime")}
"""Values of switches with which a load must fail (tests/end_to_end/test_switches.py)."""
_SHOP_BEGINS, _SHOP_LASTS = 1_761_955_200.0, 120 * DAY  # 2025-11-01
_FLAT_BEGINS, _FLAT_LASTS = 1_704_067_200.0, 350 * DAY  # 2024-01-01
_MOST_FAULTS = 0.3
"""The share of requests that something happens to."""
_SELDOM = {"http_429", "http_503", "repeat_page"}
"""Faults after which the API may ask for a pause of a whole second, and the one that nobody can see through when it
comes several times in a row."""
_LOADS_AT_FIRST = 4
"""The first pass is divided into no more loads than about this: each costs a quarter of a second."""
_OVER_THE_CAP = 10_050
"""More events than the API gives for a question; only where pages are whole, since reading them takes long else."""
_WHOLE_PAGES = 100_000
"""Bytes of an answer that has room for a page."""


@dataclass(frozen=True)
class Crowd:
    """Events that are posted, `number` in all: over `instants` neighbouring milliseconds, of `actions` actions.

    They happened `ago` seconds before they are received; less than 0 is ahead of the clock.
    """

    number: int
    ago: float
    instants: int
    actions: int


@dataclass(frozen=True)
class Kill:
    """A load's end by SIGKILL, after a `share` of what it is expected to do; then the clock moves on by `pause`, and
    a crowd's events come.

    It comes at a certain operation, the same one when the seed is repeated, or at a point of `time`, which may lie in
    the middle of one.
    """

    share: float
    by: str
    pause: float
    crowd: Crowd | None


@dataclass(frozen=True)
class Meanwhile:
    """What happens in the middle of a load, after a `share` of the time that it is expected to take.

    The clock moves on by `advance` seconds, a crowd's events come, and it moves on once `more`.
    """

    share: float
    advance: float
    crowd: Crowd | None
    more: float


@dataclass(frozen=True)
class Step:
    """The clock moves on, events are posted, and a load is run again until it comes to its end.

    `since` and `until` are its bounds, in seconds before the clock; less than 0 is after it.
    """

    advance: float
    crowd: Crowd | None
    faults: dict[str, Any]
    since: float | None
    until: float | None
    kills: tuple[Kill, ...]
    meanwhile: Meanwhile | None

    def crowds(self) -> list[Crowd]:
        """All that this step may post."""
        crowds = [self.crowd, *(kill.crowd for kill in self.kills)]
        if self.meanwhile is not None:
            crowds.append(self.meanwhile.crowd)
        return [crowd for crowd in crowds if crowd is not None]


@dataclass(frozen=True)
class Plan:
    """All that a seed does.

    `lookback` is seconds, and `covers` says from what: beyond the longest lateness of an event in this plan, in which
    case every whole load is exact, or from nothing, in which case only a last load `since` the beginning is.
    """

    seed: int
    world: str
    world_seed: int
    clock: float
    tables: tuple[str, ...]
    switches: dict[str, str]
    limits: dict[str, Any]
    latency: float
    settings: dict[str, Any]
    lookback: float
    covers: bool
    start_date: float | None
    steps: tuple[Step, ...]

    @property
    def is_calm(self) -> bool:
        """Whether nothing but faults could make a load end with another code than 0."""
        return self.limits["rate"] is None


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(seed)
    whole = rng.random() < 0.08
    world, clock, span, visible = _world(rng, whole)
    switches = _switches(seed)
    if whole and switches["scroll_end"] == "not_found":
        switches["error_body"] = "object"  # else nothing tells the end of a list of profiles from one that expired
    limits = _limits(rng, world.startswith("shop"), whole)
    covers = rng.random() < 0.75
    start_date = clock - span * rng.uniform(0.1, 2.0) if not covers and rng.random() < 0.3 else None
    # behind the position of a pass that has only begun lies what happened long ago
    latest = span * rng.uniform(0.3, 1.2) if rng.random() < 0.3 else _spread(rng, HOUR, 20 * DAY)
    return Plan(
        seed=seed,
        world=world,
        world_seed=rng.randrange(1_000_000),
        clock=clock,
        tables=TABLES if whole else EVENTS,
        switches=switches,
        limits=limits,
        latency=rng.choice([0.0, 0.0, rng.uniform(0.0, 0.004)]),
        settings=_settings(rng, visible, limits)
        # events that no load reads may be all that tells of a new profile, which then only the list shows
        | {"profile_refresh": "changed" if covers else "all"},
        lookback=rng.choice([0.0, 1.0, MINUTE, HOUR]) if covers else rng.choice([0.0, HOUR, 12 * HOUR]),
        covers=covers,
        start_date=start_date,
        steps=tuple(
            _step(rng, span, latest, first=number == 0, cap=limits["response_bytes"] > _WHOLE_PAGES)
            for number in range(rng.choice([2, 2, 3]))
        ),
    )


def _world(rng: random.Random, whole: bool) -> tuple[str, float, float, int]:
    """A world, the clock to begin with, the seconds from its first event to then, and about how many events that is.

    At times the clock stands before the first event.
    """
    early = rng.random() < 0.04
    if rng.random() < 0.45:
        customers = rng.randint(2, 5) if whole else rng.randint(3, 25)
        span = _spread(rng, 6 * DAY, _SHOP_LASTS)
        clock = _SHOP_BEGINS - DAY if early else _SHOP_BEGINS + span
        return f"shop:{customers}", clock, span, round(customers * 80 * span / _SHOP_LASTS)
    events = round(_spread(rng, 200, 500 if whole else 4000))
    span = _spread(rng, 20 * DAY, _FLAT_LASTS)
    clock = _FLAT_BEGINS if early else _FLAT_BEGINS + span
    return f"flat:{events}", clock, span, round(events * span / _FLAT_LASTS)


def _switches(seed: int) -> dict[str, str]:
    """Each switch at random; drawn apart, so that a switch that is added later changes nothing else of a seed."""
    rng = random.Random(f"{seed} switches")
    return {
        name: rng.choice([value for value in switch["values"] if (name, value) not in _REFUSED])
        for name, switch in described(Switches()).items()
    }


def _limits(rng: random.Random, shop: bool, whole: bool) -> dict[str, Any]:
    """Limits that a load must come through: single events of a shop have 29 kB, of metadata 50."""
    least = 90_000 if whole else 32_000 if shop else 10_000
    limits: dict[str, Any] = {
        "rate": None,
        "list_page": rng.randint(2, 8),
        "response_bytes": round(_spread(rng, least, 200_000)),
    }
    if rng.random() < 0.4:
        limits |= {"rate": round(_spread(rng, 150, 600)), "burst": rng.randint(10, 100)}
    return limits


def _settings(rng: random.Random, visible: int, limits: dict[str, Any]) -> dict[str, Any]:
    """The loader's own; it keeps to the API's limit, or exceeds it by half."""
    if limits["rate"] is None:
        rate, burst = _spread(rng, 200, 5000), round(_spread(rng, 1, 5000))
    else:
        excess = rng.choice([1.0, 1.0, 1.5])
        rate, burst = limits["rate"] * excess, round(limits["burst"] * excess)
    return {
        "rows_per_load": max(rng.choice([50, round(_spread(rng, 50, 5000))]), visible // _LOADS_AT_FIRST),
        "max_in_flight": round(_spread(rng, 1, 50)),
        "requests_per_second": round(rate, 1),
        "burst": burst,
    }


def _step(rng: random.Random, span: float, latest: float, *, first: bool, cap: bool) -> Step:
    since = until = None
    chance = rng.random()
    if chance < 0.15:
        until = rng.choice([1.0, 1.0, 1.0, -1.0]) * _spread(rng, MINUTE, span)
    elif chance < 0.25 and not first:
        since = _spread(rng, HOUR, span)
        until = rng.choice([None, since * rng.uniform(-0.1, 0.9)])
    return Step(
        advance=0.0 if first else _advance(rng, span, 0.1),
        crowd=_crowd(rng, latest, over_the_cap=cap) if rng.random() < (0.3 if first else 0.7) else None,
        faults=_faults(rng),
        since=since,
        until=until,
        kills=tuple(_kill(rng, span, latest) for _ in range(rng.choice([0, 0, 1, 1, 2]))),
        meanwhile=_meanwhile(rng, span, latest) if rng.random() < 0.25 else None,
    )


def _kill(rng: random.Random, span: float, latest: float) -> Kill:
    by = rng.choice(["operation", "operation", "time"])
    crowd = _late_few(rng, latest) if rng.random() < 0.8 else None
    return Kill(rng.uniform(0.0, 1.1), by, _advance(rng, span, 0.5), crowd)


def _meanwhile(rng: random.Random, span: float, latest: float) -> Meanwhile:
    crowd = _late_few(rng, latest) if rng.random() < 0.6 else None
    return Meanwhile(rng.uniform(0.0, 0.7), _advance(rng, span, 0.2), crowd, _advance(rng, span, 0.2))


def _advance(rng: random.Random, span: float, still: float) -> float:
    """Seconds by which the clock moves on, so much at most that the events do not become many times more."""
    return 0.0 if rng.random() < still else round(_spread(rng, SECOND, min(12 * DAY, span / 3)), 3)


def _crowd(rng: random.Random, latest: float, *, over_the_cap: bool) -> Crowd:
    """More events than a page holds, about as many, or a few; late by no more than `latest` seconds, often just so."""
    number = rng.choice([rng.randint(1, 5), rng.choice([99, 100, 101, 199, 200, 201]), rng.randint(90, 350)])
    ago = rng.choice([0.0, latest, latest, rng.uniform(0.0, latest), -_spread(rng, SECOND, 4 * DAY)])
    instants, actions = rng.choice([1, 1, 2, 3]), rng.randint(1, 4)
    if rng.random() < 0.01 and over_the_cap:
        number, instants, actions = _OVER_THE_CAP, 1, 3
    return Crowd(number, round(ago, 3), instants, actions)


def _late_few(rng: random.Random, latest: float) -> Crowd:
    return Crowd(rng.randint(1, 20), round(rng.choice([latest, rng.uniform(0.0, latest)]), 3), 1, 2)


def _faults(rng: random.Random) -> dict[str, Any]:
    """None, the preset, or a few kinds at rates of their own."""
    chance = rng.random()
    if chance < 0.15:
        return {}
    if chance < 0.5:
        worse = rng.choice([1.0, 2.0, 4.0])
        rates = {kind: rate * worse for kind, rate in HEAVY.items()}
    else:
        rates = {kind: rng.uniform(0.0, 0.1) for kind in rng.sample(sorted(KINDS), rng.randint(2, 8))}
    for kind in rates.keys() & _SELDOM:
        rates[kind] = min(rates[kind], 0.015)
    share = min(1.0, _MOST_FAULTS / sum(rates.values()))
    rates = {kind: round(rate * share, 4) for kind, rate in rates.items()}
    return {"rates": rates, "seed": rng.randrange(1_000_000), "slow_seconds": 0.01}


def _spread(rng: random.Random, low: float, high: float) -> float:
    """A number from `low` to `high`, every order of magnitude as likely as another."""
    return float(low * math.pow(high / low, rng.random()))
