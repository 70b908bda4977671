"""Every kind of odd body is in the shop, at its share."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_sandbox.worlds.shop import Shop
from cdp_sandbox.worlds.shop_oddities import SHARES

Check = Callable[[dict[str, Any], str], bool]

KNOWN = {
    *("eventId", "eventTime", "receivedTime", "eventAction", "clientId", "accountId", "brandId", "customerId"),
    *("userId", "anonymousId", "source", "rawData"),
}

LOOKS: dict[str, Check] = {
    "numeric_user_id": lambda body, _: (
        isinstance(body.get("userId"), int) and isinstance(body["rawData"]["userId"], int)
    ),
    "explicit_nulls": lambda body, _: None in body.values() and None in body["rawData"].values(),
    "unknown_keys": lambda body, _: bool(body.keys() - KNOWN) and "library" in body["rawData"],
    "offset_for_z": lambda body, _: body["eventTime"].endswith("+00:00"),
    "empty_values": lambda _, text: '"filters":[],"experiments":{},"note":"","nested":[{},[]]' in text,
    "big_integers": lambda _, text: "1152921504606846977" in text,
    "float_spellings": lambda _, text: '"spellings":[1e3,1.0,-0.0,2.50E-3]' in text,
    "spaced_keys": lambda _, text: '"Delivery Method":' in text,
    "long_text": lambda _, text: len(text) > 20_000,
}


@pytest.mark.parametrize("oddity", SHARES)
def test_marked_events_and_only_these_look_odd(
    shop: Shop, shop_texts: list[bytes], shop_bodies: list[dict[str, Any]], oddity: str
) -> None:
    doubled = set(shop.mess["doubled"].tolist())
    odd = [
        index
        for index, (body, text) in enumerate(zip(shop_bodies, shop_texts, strict=True))
        if LOOKS[oddity](body, text.decode()) and index not in doubled
    ]
    assert odd == sorted(shop.mess[oddity].tolist())


@pytest.mark.parametrize("oddity", SHARES)
def test_each_oddity_has_its_share_and_a_small_shop_has_it_too(shop: Shop, small_shop: Shop, oddity: str) -> None:
    distinct = len(shop.event_time) - len(shop.mess["doubled"])
    assert len(shop.mess[oddity]) / distinct == pytest.approx(SHARES[oddity], rel=0.05)
    assert len(small_shop.mess[oddity]) >= 2


def test_an_odd_event_is_still_the_events_own(shop: Shop, shop_bodies: list[dict[str, Any]]) -> None:
    for index in shop.mess["numeric_user_id"]:
        assert shop_bodies[index]["rawData"]["userId"] == shop_bodies[index]["userId"]
        assert str(shop_bodies[index]["userId"]) == shop.profiles[shop.profile[index]].external_id
    for index in shop.mess["big_integers"]:
        free = shop_bodies[index]["rawData"].get("properties", shop_bodies[index]["rawData"]["context"])
        assert free["session_number"] > 2**53
        assert json.loads(json.dumps(free))["session_number"] % 2 == 1


def test_names_have_quotes_and_other_alphabets(shop_texts: list[bytes]) -> None:
    text = b"".join(shop_texts[::5]).decode()
    assert all(found in text for found in ['The \\"Original\\"', "O'Hara", "抹茶", "Größe", "🎁"])
