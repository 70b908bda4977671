"""Every kind of disorder is in the shop's feed, at its share and within its bounds."""

import json
from typing import Any

import numpy as np
import pytest

from cdp_sandbox.worlds.durations import DAY, MINUTE, SECOND
from cdp_sandbox.worlds.shop import Shop
from cdp_sandbox.worlds.shop_behaviour import IDENTIFY, PAGE, SENT
from cdp_sandbox.worlds.shop_calendar import HISTORY_STARTS, NEWSLETTERS
from cdp_sandbox.worlds.shop_customers import SIGN_UP_DELAY
from cdp_sandbox.worlds.shop_mess import SHARES

Bodies = list[dict[str, Any]]


def _distinct(shop: Shop) -> int:
    return len({shop.event_id(index) for index in range(len(shop.event_time))})


def test_there_are_enough_events_before_the_opening_and_in_the_month(shop: Shop) -> None:
    before = len({shop.event_id(index) for index in np.flatnonzero(shop.received_time <= shop.opens_at)})
    assert 20_000 < before < 30_000
    assert _distinct(shop) - before > 3_000
    assert shop.event_time.min() >= HISTORY_STARTS
    for day in range(30):
        step = shop.opens_at + day * DAY
        assert ((shop.received_time > step) & (shop.received_time <= step + DAY)).sum() > 50


@pytest.mark.parametrize("kind", SHARES)
def test_each_kind_has_its_share(shop: Shop, kind: str) -> None:
    of = (shop.action == PAGE).sum() if kind == "anonymous" else _distinct(shop)
    assert len(shop.mess[kind]) / of == pytest.approx(SHARES[kind], rel=0.1)


def test_shops_of_every_size_keep_the_bounds() -> None:
    for seed in range(60):
        shop = Shop(seed, 1 + seed % 12)
        lag = shop.received_time - shop.event_time
        assert lag.min() >= -5 * DAY
        assert lag.max() < 3 * DAY
        assert shop.received_time.max() <= shop.ends_at


def test_nothing_moves_to_before_its_profile_exists() -> None:
    for seed in range(150):
        shop = Shop(seed, 40)
        known = shop.profile >= 0
        created = np.array([key.created for key in shop.profiles])[shop.profile[known]]
        assert (shop.received_time[known] >= created).all()
        assert (shop.event_time[known] >= created - SIGN_UP_DELAY).all()


@pytest.mark.parametrize("kind", SHARES)
def test_a_small_shop_has_each_kind_too(small_shop: Shop, kind: str) -> None:
    assert len(small_shop.mess[kind]) >= 2


def test_late_events_are_late_with_a_heavy_tail_and_the_others_are_not(shop: Shop) -> None:
    lag = shop.received_time - shop.event_time
    late = np.zeros(len(lag), dtype=bool)
    late[shop.mess["late"]] = True
    doubled = np.isin(np.arange(len(lag)), shop.mess["doubled"])
    assert lag[late].min() >= MINUTE
    assert lag[~late & ~doubled].max() < MINUTE
    assert ((lag[late] > DAY).mean()) > 0.08
    assert np.median(lag[late]) < DAY / 4


def test_nothing_is_received_three_days_late_though_some_comes_close(shop: Shop, small_shop: Shop) -> None:
    for world in (shop, small_shop):
        lag = world.received_time - world.event_time
        assert lag.max() < 3 * DAY
        very_late = lag[world.mess["very_late"]]
        assert len(very_late) >= 2
        assert very_late.min() >= 2.9 * DAY
        assert very_late.max() < 2.99 * DAY


def test_some_very_late_events_happened_before_the_opening_and_came_after_it() -> None:
    found = 0
    for seed in range(5):
        shop = Shop(seed)
        at = shop.mess["very_late"]
        found += int(((shop.event_time[at] < shop.opens_at) & (shop.received_time[at] > shop.opens_at)).sum())
    assert found > 0


def test_only_marked_events_are_dated_ahead_and_by_five_days_at_most(shop: Shop) -> None:
    ahead = shop.event_time - shop.received_time
    assert np.array_equal(np.flatnonzero(ahead > 0), shop.mess["dated_ahead"])
    assert ahead[shop.mess["dated_ahead"]].min() >= MINUTE
    assert DAY < ahead.max() <= 5 * DAY


def test_what_sets_traits_or_buys_is_never_dated_ahead() -> None:
    looking = {"page", "product_viewed", "email_opened", "email_link_clicked"}
    for seed in range(4):
        shop = Shop(seed)
        assert {shop.actions[action] for action in shop.action[shop.mess["dated_ahead"]]} <= looking


def test_nothing_is_received_after_the_end_though_much_happens_shortly_before() -> None:
    for seed in range(8):
        shop = Shop(seed)
        assert shop.received_time.max() <= shop.ends_at
        assert (shop.event_time > shop.ends_at - DAY).sum() > 50


def test_doubles_are_the_same_but_for_a_later_received_time(shop: Shop, shop_bodies: Bodies) -> None:
    first = {}
    for index in range(len(shop.event_time)):
        first.setdefault(shop.event_id(index), index)
    again = [index for index in range(len(shop.event_time)) if first[shop.event_id(index)] != index]
    assert again == shop.mess["doubled"].tolist()
    for index in again:
        original = first[shop.event_id(index)]
        assert shop.received_time[index] > shop.received_time[original]
        assert shop.event_time[index] == shop.event_time[original]
        assert shop.profile[index] == shop.profile[original]
        body, before = shop_bodies[index], shop_bodies[original]
        assert {**body, "receivedTime": None} == {**before, "receivedTime": None}
        assert list(body) == list(before)


def test_anonymous_events_are_pages_of_nobody(shop: Shop) -> None:
    nobody = np.flatnonzero(shop.profile < 0)
    assert set(shop.mess["anonymous"].tolist()) <= set(nobody.tolist())
    assert (shop.action[nobody] == PAGE).all()


def test_a_newsletter_is_sent_to_all_in_one_millisecond(shop: Shop) -> None:
    _, sizes = np.unique(shop.event_time[shop.action == SENT], return_counts=True)
    assert sizes.max() > 100
    assert (sizes > 100).sum() >= 15
    last = NEWSLETTERS[np.searchsorted(NEWSLETTERS, shop.opens_at) - 1]
    assert len(set(shop.action[shop.event_time == last].tolist())) >= 3


def test_there_are_pairs_and_triples_in_one_instant(shop: Shop) -> None:
    once = np.setdiff1d(np.arange(len(shop.event_time)), shop.mess["doubled"])
    instants, sizes = np.unique(shop.event_time[once], return_counts=True)
    assert (sizes == 2).sum() > 50
    assert (sizes == 3).sum() > 50
    assert np.isin(shop.event_time[shop.mess["same_instant"]], instants[sizes > 1]).all()


def test_whole_seconds_are_written_without_milliseconds(shop: Shop, shop_bodies: Bodies) -> None:
    short = [index for index, body in enumerate(shop_bodies) if "." not in body["eventTime"]]
    assert set(shop.mess["whole_second"].tolist()) <= set(short)
    assert (shop.event_time[short] % SECOND == 0).all()


def test_trait_changes_happen_and_arrive_in_the_same_order(shop: Shop) -> None:
    identify = np.flatnonzero(shop.action == IDENTIFY)
    identify = np.setdiff1d(identify, shop.mess["doubled"])
    order = np.lexsort((shop.event_time[identify], shop.profile[identify]))
    at = identify[order]
    same = np.diff(shop.profile[at]) == 0
    assert (np.diff(shop.received_time[at])[same] > 0).all()
    assert (shop.event_time[at][1:][same] - shop.event_time[at][:-1][same]).min() > 3 * DAY


def test_identifiers_need_encoding_and_repeat_and_lack(small_shop: Shop) -> None:
    external = {key.external_id for key in small_shop.profiles}
    emails = [key.email for key in small_shop.profiles]
    assert {"ABC/123", "a+b@example.com", "50% off?#1"} <= external
    assert any(not identifier.isascii() for identifier in external)
    assert any(identifier.isdecimal() for identifier in external)
    assert None in emails
    assert len(emails) - len(set(emails)) == 1


def test_profiles_appear_over_time(shop: Shop, small_shop: Shop) -> None:
    for world in (shop, small_shop):
        created = np.array([key.created for key in world.profiles])
        assert (created < HISTORY_STARTS).mean() == pytest.approx(0.5, abs=0.05)
        assert ((created > world.opens_at) & (created < world.ends_at)).mean() == pytest.approx(0.1, abs=0.05)


def test_bodies_are_json_a_strict_reader_takes(shop_texts: list[bytes]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for text in shop_texts[::10]:
        json.loads(text, parse_constant=refuse)
