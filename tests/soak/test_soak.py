"""Whatever goes wrong between loads and within them, they end in exactly the visible events.

`make test` runs a fixed few seeds, `make soak` a thousand, and `make soak SEED=17` repeats one.
"""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from killable_loader import KillableLoader
from soak import soak
from soak_plans import draw

from cdp_sandbox.process import Running
from cdp_sandbox.switches import Switches, described

Record = Callable[[str, object], None]

_FIXED = "0-14"
_ALL = range(1000)


def _seeds() -> range:
    """The seeds that the environment names, as `17` or `0-999`."""
    first, _, last = os.environ.get("SOAK_SEEDS", _FIXED).partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", _seeds())
def test_a_seed_ends_in_exactly_the_visible_events(
    seed: int,
    soak_sandbox: Running,
    loader: KillableLoader,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    counts = soak(draw(seed), soak_sandbox, loader, tmp_path)
    record_property("soak", dict(counts))


def test_the_plans_try_everything() -> None:
    plans = [draw(seed) for seed in _ALL]
    assert plans == [draw(seed) for seed in _ALL], "a plan must follow from its seed alone"

    # every value of every switch but the one that a load must refuse
    seen = Counter(item for plan in plans for item in plan.switches.items())
    every = {(name, value) for name, switch in described(Switches()).items() for value in switch["values"]}
    assert every - seen.keys() == {("window_time", "receivedTime")}
    assert min(seen.values()) > 200

    steps = [step for plan in plans for step in plan.steps]
    assert sum(len(step.kills) for step in steps) > 1500
    assert sum(bool(step.faults) for step in steps) > 1900
    assert sum(step.meanwhile is not None for step in steps) > 300
    assert sum(step.since is not None for step in steps) > 100
    assert sum(step.until is not None and step.since is None for step in steps) > 100
    assert sum(step.crowd is not None and step.crowd.number > 100 for step in steps) > 200
    assert sum(step.crowd is not None and step.crowd.number > 10_000 for step in steps) > 2
    assert 200 < sum(not plan.covers for plan in plans) < 300
    assert 50 < sum(len(plan.tables) > 1 for plan in plans) < 120
