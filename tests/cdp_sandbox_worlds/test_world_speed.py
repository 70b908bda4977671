"""Worlds are built and written as fast as the tests of the extractor need."""

import time
from collections.abc import Callable

import pytest

from cdp_sandbox.world import World
from cdp_sandbox.worlds.complete_journey import CompleteJourney
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.shop import Shop


def _fastest(run: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    return min(taken)


@pytest.mark.parametrize(("customers", "seconds"), [(20, 0.08), (400, 1.5)])
def test_a_shop_is_quickly_built(customers: int, seconds: float) -> None:
    assert _fastest(lambda: Shop(1, customers), 3) < seconds


@pytest.mark.parametrize(("persons", "seconds"), [(60, 0.1), (20_000, 2.0)])
def test_people_are_quickly_drawn(persons: int, seconds: float) -> None:
    assert _fastest(lambda: People(1, persons), 2) < seconds


@pytest.mark.parametrize(("name", "microseconds"), [("shop", 60), ("journey", 60), ("people", 60)])
def test_bodies_are_quickly_written(request: pytest.FixtureRequest, name: str, microseconds: int) -> None:
    world: World = request.getfixturevalue(name)
    some = range(0, len(world.event_time), 40)
    taken = _fastest(lambda: [world.event_body(index) for index in some], 3)
    assert taken / len(some) * 1e6 < microseconds


def test_the_journey_is_quickly_built() -> None:
    assert _fastest(lambda: CompleteJourney(1), 1) < 4
