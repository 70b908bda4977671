"""Computed traits at the edges of their half hours and of their 28 days."""

import numpy as np
import pytest

from cdp_sandbox.world import ProfileKey
from cdp_sandbox.worlds.durations import DAY, MINUTE
from cdp_sandbox.worlds.order_ledger import RECOMPUTED_EVERY, OrderLedger

HALF_HOUR = 1000 * RECOMPUTED_EVERY


@pytest.fixture
def ledger() -> OrderLedger:
    """One profile with two orders: of GBP 1.10 at a full half hour, of 2.20 half a minute after the next one."""
    times = np.array([HALF_HOUR, HALF_HOUR + 30 * MINUTE + 30_000])
    return OrderLedger(
        [ProfileKey(id="one", external_id="1", email=None, created=0)],
        ["Tea", "Coffee"],
        profile=np.array([0, 0]),
        event_time=times,
        received_time=times,
        cents=np.array([110, 220]),
        category=np.array([0, 1]),
    )


@pytest.mark.parametrize(
    ("clock", "orders", "revenue"),
    [
        (HALF_HOUR - 1, 0, 0.0),
        (HALF_HOUR, 1, 1.1),
        (HALF_HOUR + 59 * MINUTE, 1, 1.1),
        (HALF_HOUR + 60 * MINUTE, 2, 3.3),
        (HALF_HOUR + 28 * DAY - 1, 2, 3.3),
        (HALF_HOUR + 28 * DAY, 1, 3.3),
        (HALF_HOUR + 30 * DAY, 0, 3.3),
    ],
)
def test_orders_count_by_the_half_hour_received_and_for_28_days(
    ledger: OrderLedger, clock: int, orders: int, revenue: float
) -> None:
    found = ledger.computed(0, clock)
    assert found["ordersLast28d"] == orders
    assert found["lifetimeRevenue"] == revenue


def test_the_favourite_category_is_where_most_was_spent(ledger: OrderLedger) -> None:
    assert "favouriteCategory" not in ledger.computed(0, HALF_HOUR - 1)
    assert ledger.computed(0, HALF_HOUR)["favouriteCategory"] == "Tea"
    assert ledger.computed(0, HALF_HOUR + DAY)["favouriteCategory"] == "Coffee"
