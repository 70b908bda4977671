"""The set of features that ships: every family, over orders, views, messages and the profile."""

from collections.abc import Iterable

from customer_features.families.counting import active_days, aggregation, counts, lags, recency, trend
from customer_features.families.family import Family
from customer_features.families.mail import email
from customer_features.families.profiles import consent, observed, tenure, trait
from customer_features.families.purchases import gaps, repurchase
from customer_features.families.sessions import sessions
from customer_features.families.values import first_value, last_value, variety
from customer_features.feature_set import FeatureSet
from customer_features.sources import ACTIVITY, Events, OrderItems

ORDERS = Events("Order Completed", value="total")
REFUNDS = Events("Order Refunded", value="total")
VIEWS = Events("Product Viewed")


def standard(name: str = "standard_v1", *, traits: Iterable[str] = (), orders: Events = ORDERS) -> FeatureSet:
    """Every family over `orders`, refunds, views, messages and activity, and the traits that are named.

    Where `orders` are refunds or views themselves, these are not there twice.
    """
    families: list[Family] = [
        recency(orders), counts(orders), active_days(orders), aggregation(orders), trend(orders), lags(orders),
        repurchase(orders), gaps(orders),
        *(_of_refunds() if orders.name != REFUNDS.name else ()), *(_of_views() if orders.name != VIEWS.name else ()),
        variety(OrderItems(), "category"), first_value(OrderItems(), "category"), last_value(OrderItems(), "category"),
        recency(ACTIVITY), active_days(ACTIVITY, (28, 91, 365)), sessions(), email(), consent(),
        tenure(), observed(), *(trait(name) for name in traits),
    ]  # fmt: skip
    return FeatureSet(name, *families)


def _of_refunds() -> Iterable[Family]:
    return counts(REFUNDS, (91, 365)), aggregation(REFUNDS, (91, 365), ("sum",))


def _of_views() -> Iterable[Family]:
    return recency(VIEWS), counts(VIEWS, (7, 28, 91)), trend(VIEWS)
