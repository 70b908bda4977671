"""Customers of the shop leave for good, which is hidden in nothing but what they no longer do."""

from typing import Any

import numpy as np

from cdp_sandbox.worlds.shop import Shop
from cdp_sandbox.worlds.shop_behaviour import ADDED, CHECKOUT, ORDER, REFUND
from cdp_sandbox.worlds.shop_calendar import HISTORY_STARTS
from cdp_sandbox.worlds.shop_customers import NEVER

BUYING = [ADDED, CHECKOUT, ORDER]


def test_nobody_buys_from_their_churn_on(shop: Shop) -> None:
    buying = np.isin(shop.action, BUYING) & (shop.profile >= 0)
    assert (shop.event_time[buying] < shop.hidden_churn_time[shop.profile[buying]]).all()


def test_some_have_left_at_the_opening_some_leave_in_the_month_and_some_stay(shop: Shop) -> None:
    churn = shop.hidden_churn_time
    assert len(churn) == len(shop.profiles)
    assert (churn < shop.opens_at).mean() > 0.15
    assert ((churn >= shop.opens_at) & (churn < shop.ends_at)).mean() > 0.03
    assert (churn == NEVER).mean() > 0.3
    assert churn.min() > HISTORY_STARTS


def test_those_who_left_still_visit_and_open_mails_but_less(shop: Shop) -> None:
    left = shop.hidden_churn_time[shop.profile] <= shop.event_time
    assert 0 < left[shop.action == 0].mean() < 0.2
    assert left[shop.action == shop.actions.index("email_opened")].sum() > 0


def test_an_order_is_what_was_put_into_the_basket(shop: Shop, shop_bodies: list[dict[str, Any]]) -> None:
    orders = 0
    for index in np.flatnonzero(shop.action == ORDER):
        order = shop_bodies[index]["rawData"]["properties"]
        lines = sum(round(line["price"] * 100) * line["quantity"] for line in order["products"])
        assert lines == round(order["revenue"] * 100)
        total = round((order["revenue"] + order["shipping"] - order["discount"]) * 100)
        assert total == round(order["total"] * 100)
        orders += 1
    assert orders > 500


def test_a_refund_names_an_order_made_before(shop: Shop, shop_bodies: list[dict[str, Any]]) -> None:
    made = {
        shop_bodies[index]["rawData"]["properties"]["order_id"]: (shop.event_time[index], shop.profile[index])
        for index in np.flatnonzero(shop.action == ORDER)
    }
    refunds = np.flatnonzero(shop.action == REFUND)
    assert len(refunds) > 20
    for index in refunds:
        time, profile = made[shop_bodies[index]["rawData"]["properties"]["order_id"]]
        assert time < shop.event_time[index]
        assert profile == shop.profile[index]
