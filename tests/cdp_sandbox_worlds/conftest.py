"""The worlds under test, each built once, and the shop's bodies parsed."""

import json
from typing import Any

import pytest

from cdp_sandbox.worlds.complete_journey import CompleteJourney
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.shop import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop(7)


@pytest.fixture(scope="session")
def small_shop() -> Shop:
    return Shop(3, 20)


@pytest.fixture(scope="session")
def shop_texts(shop: Shop) -> list[bytes]:
    return [shop.event_body(index) for index in range(len(shop.event_time))]


@pytest.fixture(scope="session")
def shop_bodies(shop_texts: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in shop_texts]


@pytest.fixture(scope="session")
def people() -> People:
    return People(7, 300)


@pytest.fixture(scope="session")
def people_bodies(people: People) -> list[dict[str, Any]]:
    return [json.loads(people.event_body(index)) for index in range(len(people.event_time))]


@pytest.fixture(scope="session")
def journey() -> CompleteJourney:
    return CompleteJourney(7)
