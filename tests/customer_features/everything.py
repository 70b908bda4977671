"""A set with every family, over events with conditions, all events, lines and traits of every type."""

from customer_features import (
    ACTIVITY,
    Events,
    FeatureSet,
    OrderItems,
    active_days,
    aggregation,
    counts,
    first_value,
    gaps,
    last_value,
    most_frequent,
    recency,
    repurchase,
    trait,
    trend,
    unique_count,
    unique_list,
    variety,
)
from customer_features.standard import ORDERS, standard

WEB = Events("Order Completed", "total", where={"channel": "web"}, name="web_orders", value_name="web_revenue")
LARGE = Events("Order Completed", "total", where=[("total", ">=", 10)], name="large_orders", value_name="large_revenue")
FEW = Events(
    ("Order Completed", "page"), "total", where=[("channel", "in", ["app", "7"]), ("coupon", "!=", "x")], name="few"
)
ANY = Events(None)

EVERYTHING = FeatureSet(
    "everything",
    *standard(traits=["plan", "address.city"]).families,
    trait("age", "number"),
    trait("vip", "boolean"),
    counts(WEB, (28, "lifetime")),
    aggregation(WEB, (28, "lifetime")),
    repurchase(WEB),
    gaps(ANY),
    aggregation(LARGE, (91,)),
    counts(FEW, (91, "lifetime")),
    recency(ANY),
    active_days(ANY, (7,)),
    trend(ANY, 7, 28),
    aggregation(OrderItems(), (28, "lifetime")),
    unique_list(ORDERS, "channel"),
    unique_count(ORDERS, "coupon"),
    most_frequent(ORDERS, "channel"),
    variety(ACTIVITY, "channel", (28, "lifetime"), ("distinct", "entropy", "favourite", "list")),
    first_value(ORDERS, "channel"),
    last_value(ORDERS, "channel"),
    last_value(ANY, "channel.of"),
)
