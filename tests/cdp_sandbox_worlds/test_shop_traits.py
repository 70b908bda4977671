"""The shop's traits follow from creation and the identify events received, and drift in type."""

from typing import Any

import numpy as np
import pytest

from cdp_sandbox.worlds.durations import DAY, MINUTE
from cdp_sandbox.worlds.shop import Shop
from cdp_sandbox.worlds.shop_behaviour import IDENTIFY, ORDER, UNSUBSCRIBED
from cdp_sandbox.worlds.shop_calendar import FAX_REMOVED_AT, HISTORY_STARTS, SURVEY_STARTS

Bodies = list[dict[str, Any]]


def _existing(shop: Shop, clock: int) -> list[int]:
    return [profile for profile, key in enumerate(shop.profiles) if key.created <= clock]


def _types(shop: Shop, trait: str, clock: int) -> set[str]:
    return {type(shop.traits(profile, clock).get(trait)).__name__ for profile in _existing(shop, clock)}


@pytest.mark.parametrize("day", [-60, 0, 11, 25, 31])
def test_replaying_the_identify_events_received_gives_the_traits(shop: Shop, shop_bodies: Bodies, day: int) -> None:
    # Given the customers who signed up through the feed, and a clock
    clock = shop.opens_at + day * DAY
    signed_up = [number for number in _existing(shop, clock) if shop.profiles[number].created > HISTORY_STARTS]
    assert signed_up

    # When what their identify events set is applied in the order of receiving
    replayed: dict[int, dict[str, Any]] = {profile: {} for profile in signed_up}
    identify = np.flatnonzero((shop.action == IDENTIFY) & (shop.received_time <= clock))
    for index in identify[np.argsort(shop.received_time[identify])]:
        if int(shop.profile[index]) in replayed:
            replayed[int(shop.profile[index])] |= shop_bodies[index]["rawData"]["traits"]

    # Then these are the traits, but for the e-mail and for what was deleted without an event
    for profile, traits in replayed.items():
        assert traits.pop("email", None) == shop.profiles[profile].email
        if clock >= FAX_REMOVED_AT:
            traits.pop("faxNumber", None)
        assert traits == shop.traits(profile, clock)


def test_a_profile_is_created_when_its_first_identify_is_received(shop: Shop) -> None:
    for profile, key in enumerate(shop.profiles):
        if key.created > HISTORY_STARTS:
            mine = np.flatnonzero((shop.profile == profile) & (shop.action == IDENTIFY))
            assert shop.received_time[mine].min() == key.created


def test_trait_types_drift(shop: Shop) -> None:
    early, end = HISTORY_STARTS + 30 * DAY, shop.ends_at
    assert _types(shop, "loyaltyPoints", early) == {"int"}
    assert _types(shop, "loyaltyPoints", shop.opens_at) == {"int", "str"}
    assert _types(shop, "loyaltyPoints", end) == {"int", "str", "NoneType"}
    assert _types(shop, "plan", shop.opens_at) == {"str"}
    assert _types(shop, "plan", end) == {"str", "dict"}


def test_a_small_shop_drifts_too(small_shop: Shop) -> None:
    assert _types(small_shop, "loyaltyPoints", small_shop.ends_at) >= {"int", "str"}
    assert "npsScore" in {name for number in range(20) for name in small_shop.traits(number, small_shop.ends_at)}


def test_one_trait_appears_late_and_one_is_removed(shop: Shop) -> None:
    def names(clock: int) -> set[str]:
        return {name for profile in _existing(shop, clock) for name in shop.traits(profile, clock)}

    assert "npsScore" not in names(SURVEY_STARTS)
    assert "npsScore" in names(shop.ends_at)
    assert "faxNumber" in names(FAX_REMOVED_AT - 1)
    assert "faxNumber" not in names(FAX_REMOVED_AT)


def test_traits_have_the_shapes_that_break_naive_readers(shop: Shop) -> None:
    seen = [shop.traits(profile, shop.opens_at) for profile in _existing(shop, shop.opens_at)]
    assert all(isinstance(traits["address"]["geo"]["lat"], float) for traits in seen)
    assert all(isinstance(traits["marketingPreferences"]["channels"][0], dict) for traits in seen)
    assert all(traits["legacyNumber"] > 2**53 for traits in seen)
    assert any(traits["interests"] == [] for traits in seen)
    assert any(traits["settings"] == {} for traits in seen)
    assert any(traits["referredBy"] is None for traits in seen)
    assert any(len(traits.get("biography", "")) > 5_000 for traits in seen)
    assert {"favourite colour"} <= set(seen[0])
    assert any('"' in traits["firstName"] for traits in seen)
    assert any("'" in traits["lastName"] for traits in seen)
    assert {1e3, 1e16} == {traits["creditLimit"] for traits in seen}


def test_who_unsubscribes_gets_no_newsletter_after(shop: Shop, shop_bodies: Bodies) -> None:
    consents: dict[int, list[tuple[int, bool]]] = {}
    for index in np.flatnonzero(shop.action == IDENTIFY):
        preferences = shop_bodies[index]["rawData"]["traits"].get("marketingPreferences")
        if preferences:
            change = (int(shop.event_time[index]), preferences["channels"][0]["subscribed"])
            consents.setdefault(int(shop.profile[index]), []).append(change)
    sent = np.flatnonzero(shop.action == shop.actions.index("email_sent"))
    checked = 0
    for index in sent:
        before = [state for time, state in consents.get(int(shop.profile[index]), []) if time <= shop.event_time[index]]
        if before:
            checked += 1
            assert before[-1]
    assert checked > 500
    assert (shop.action == UNSUBSCRIBED).sum() > 50


@pytest.mark.parametrize("clock_offset", [0, 10 * DAY + 17 * MINUTE, 31 * DAY])
def test_computed_traits_count_the_orders_received_by_the_last_half_hour(
    shop: Shop, shop_bodies: Bodies, clock_offset: int
) -> None:
    clock = shop.opens_at + clock_offset
    as_of = clock - clock % (30 * MINUTE)
    orders: dict[int, dict[str, int]] = {}
    for index in np.flatnonzero((shop.action == ORDER) & (shop.received_time <= as_of)):
        orders.setdefault(int(shop.profile[index]), {})[shop_bodies[index]["eventId"]] = int(index)
    assert len(orders) > 100
    for profile, by_id in orders.items():
        recent = [index for index in by_id.values() if shop.event_time[index] > as_of - 28 * DAY]
        revenue = sum(round(shop_bodies[index]["rawData"]["properties"]["revenue"] * 100) for index in by_id.values())
        found = shop.computed(profile, clock)
        assert found["ordersLast28d"] == len(recent)
        assert found["lifetimeRevenue"] == revenue / 100
        assert isinstance(found["favouriteCategory"], str)


def test_a_late_order_counts_once_it_is_received(shop: Shop) -> None:
    late = [index for index in shop.mess["late"] if shop.action[index] == ORDER]
    checked = 0
    for index in late:
        profile, received = int(shop.profile[index]), int(shop.received_time[index])
        before = received - received % (30 * MINUTE)
        if shop.event_time[index] <= before:
            checked += 1
            known = shop.computed(profile, before)["lifetimeRevenue"]
            assert shop.computed(profile, before + 30 * MINUTE)["lifetimeRevenue"] > known
    assert checked > 10


def test_computed_traits_change_on_the_half_hour_and_not_in_between(shop: Shop) -> None:
    half_hour = 30 * MINUTE
    for clock in range(shop.opens_at, shop.opens_at + DAY, half_hour):
        for profile in range(0, 400, 40):
            assert shop.computed(profile, clock) == shop.computed(profile, clock + half_hour - 1)


def test_computed_traits_begin_with_a_profile(shop: Shop) -> None:
    new = max(range(len(shop.profiles)), key=lambda profile: shop.profiles[profile].created)
    created = shop.profiles[new].created
    assert shop.computed(new, created) == {}
    assert shop.computed(new, created + 30 * MINUTE)["ordersLast28d"] == 0
