"""Definitions are data: names, words, a hash, SQL for both engines, and errors that say what is allowed."""

import re

import pandas as pd
import pytest

from customer_features import (
    ACTIVITY,
    Events,
    FeatureError,
    FeatureSet,
    Inactivity,
    OrderItems,
    active_days,
    aggregation,
    consent,
    counts,
    custom,
    email,
    first_value,
    lags,
    last_value,
    monthly,
    most_frequent,
    observed,
    recency,
    repurchase,
    sessions,
    trait,
    trend,
    unique_list,
    variety,
    weekly,
)
from customer_features.spans import micros, moment, span
from customer_features.standard import standard

ORDERS = Events("Order Completed", value="total")


def test_features_have_sensible_names_and_words() -> None:
    chosen = FeatureSet("s", recency(ORDERS), counts(ORDERS, [28]), aggregation(ORDERS, [91], ["sum", "mean"]))
    assert list(chosen.describe()) == ["orders_recency_days", "orders_28d", "revenue_91d", "revenue_91d_mean"]
    (_, _, t, _) = FeatureSet("s", repurchase(ORDERS)).describe().values()
    assert t.endswith("to the last day that began before the cutoff, whether or not anything happened on it")
    assert chosen.describe()["orders_28d"] == "number of 'Order Completed' in the 28 days before the cutoff"
    others = FeatureSet(
        "s",
        counts(Events("Gift Sent"), ["lifetime"]),
        aggregation(Events("Gift Sent", value="size.inMetres", name="gifts"), [7], ["max"]),
        trend(ORDERS),
        lags(ORDERS, 1),
        variety(OrderItems(), "category", [91], ["entropy"]),
        first_value(ORDERS, "favourite colour"),
        consent("e-mail"),
        trait("address.city"),
        active_days(ACTIVITY, [7]),
    )
    assert list(others.describe()) == [
        "gift_sent_lifetime", "gifts_size_in_metres_7d_max", "orders_trend_28d_91d", "orders_week_1",
        "items_category_91d_entropy", "orders_favourite_colour_first", "consent_e_mail", "consent_e_mail_days",
        "trait_address_city", "activity_active_days_7d",
    ]  # fmt: skip


def test_the_hash_is_the_definitions() -> None:
    def defined(**changes: object) -> str:
        source = Events(**({"event": "Order Completed", "value": "total"} | changes))  # type: ignore[arg-type]
        return FeatureSet("s", counts(source, [28]), sessions()).hash()

    assert defined() == defined()
    assert re.fullmatch("[0-9a-f]{16}", defined())
    changed = [{"event": "Order Refunded"}, {"value": "tax"}, {"where": {"a": 1}}, {"where": {"a": "1"}}, {"name": "x"}]
    assert len({defined(), *(defined(**change) for change in changed)}) == len(changed) + 1


def test_a_function_is_part_of_the_hash() -> None:
    first = FeatureSet("s", custom("a", "a", lambda known: known.tables["customers"])).hash()
    other = FeatureSet("s", custom("a", "a", lambda known: known.tables["customer_events"])).hash()
    assert first != other


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_there_is_sql_for_both_engines(dialect: str) -> None:
    chosen = FeatureSet("s", counts(Events("Order Completed", where=[("a b", ">", 3)]), [28]), trait("plan"), email())
    text = chosen.sql(dialect, "2026-03")
    assert "orders_28d" in text
    assert str(micros("2026-03-01") - span("28d")) in text
    assert ("GET_JSON_OBJECT" in text.upper()) == (dialect == "spark")


def test_the_standard_set_has_every_family_and_sql() -> None:
    families = {type(family).__name__ for family in standard(traits=["plan"]).families}
    assert families >= {
        "Recency",
        "Counts",
        "ActiveDays",
        "Aggregation",
        "Trend",
        "Lags",
        "Repurchase",
        "Gaps",
        "Variety",
    }
    assert families >= {"Endmost", "Sessions", "Mail", "Consent", "Tenure", "Observed", "Trait"}
    assert "sessions_91d_mean_depth" in standard().sql("spark")


def test_cutoffs() -> None:
    assert [str(cutoff)[:10] for cutoff in monthly("2025-11", "2026-01")] == ["2025-11-01", "2025-12-01", "2026-01-01"]
    assert [str(cutoff)[:10] for cutoff in monthly("2025-11-02", "2026-01-15")] == ["2025-12-01", "2026-01-01"]
    assert [str(cutoff)[:10] for cutoff in weekly("2026-02-20", "2026-03-06")] == [
        "2026-02-20",
        "2026-02-27",
        "2026-03-06",
    ]
    assert micros("2026-03-01T01:00+01:00") == micros("2026-03") == micros(moment(micros("2026-03-01")))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: counts(ORDERS, []), "at least one window"),
        (lambda: counts(ORDERS, [28, 28]), "each once"),
        (lambda: counts(ORDERS, [0]), "no window"),
        (lambda: counts(ORDERS, ["28d"]), "'lifetime'"),
        (lambda: trend(ORDERS, 91, 28), "shorter"),
        (lambda: aggregation(Events("page")), "value='total'"),
        (lambda: aggregation(ORDERS, [7], ["median"]), "sum, mean, std, min, max"),
        (lambda: variety(OrderItems(), "colour"), "sku, name, category"),
        (lambda: variety(ORDERS, "a", [7], ["mode"]), "distinct, entropy, favourite, list"),
        (lambda: sessions(["lifetime"]), "windows of days"),
        (lambda: sessions(pause="soon"), "no span"),
        (lambda: observed(["lifetime"]), "tenure"),
        (lambda: trait("plan", "date"), "text, number, boolean"),
        (lambda: trait('a"b'), "no property"),
        (lambda: consent([]), "at least one channel"),
        (lambda: Events("x", where=[("a", "~", 1)]), "no comparison"),
        (lambda: Events("x", where=[("a", "in", "b")]), "takes a list"),
        (lambda: Events("x", name="Orders"), "small letters"),
        (lambda: Inactivity(ORDERS, horizon="0d"), "no time"),
        (lambda: Inactivity(ORDERS, horizon="3 months"), "no span"),
        (lambda: FeatureSet("s"), "no features"),
        (lambda: FeatureSet("s s", recency(ORDERS)), "cannot name"),
        (lambda: FeatureSet("s", recency(ORDERS), recency(ORDERS)), "orders_recency_days is there twice"),
        (lambda: FeatureSet("s", "recency"), "no family"),  # type: ignore[arg-type]
        (lambda: FeatureSet("s", recency(ORDERS)).sql("oracle"), "duckdb and spark"),
        (lambda: FeatureSet("s", counts(ORDERS)).family_of("orders_30d"), "orders_28d"),
        (
            lambda: recency("Order Completed"),
            "recency: 'Order Completed' is no source: write Events('Order Completed')",
        ),
        (lambda: active_days(Events), "active_days: a value of type type is no source"),
        (lambda: aggregation("page"), "aggregation: 'page' is no source: write Events('page')"),
        (lambda: last_value("page", "channel"), "last_value: 'page' is no source"),
        (lambda: sessions(source="page"), "sessions: 'page' is no source"),
        (lambda: Inactivity("Order Completed", horizon="30d"), "Inactivity: 'Order Completed' is no source"),
        (lambda: custom("a", "a", lambda known: known.tables, needs="x"), "custom('a', needs=...): 'x' is no source"),
        (
            lambda: custom("a", "a", lambda known: known.tables, type="float"),
            "'float' is no type of a feature; integer,",
        ),
        (lambda: custom(3, "a", lambda known: known.tables), "custom: 3 cannot name a feature"),
        (lambda: counts(ORDERS, None), "counts: None is no window"),
        (lambda: trend(ORDERS, 28, "lifetime"), "trend: both windows are whole days"),
        (lambda: lags(ORDERS, "lifetime"), "lags: 'lifetime' is no number of weeks"),
        (lambda: trait(["plan"]), "['plan'] is no property: write its key"),
        (lambda: Events("x", value=3), "3 is no property"),
        (lambda: Events(3), "Events: 3 names no event"),
        (lambda: Events("x", where=5), "5 is no condition: write [('total', '>', 10)]"),
        (lambda: Events("x", where=("total", ">", 10)), "write [('total', '>', 10)]"),
        (lambda: Events("x", name=3), "3 cannot begin"),
        (lambda: Events(None, excluding=[3]), "excluding=['page']"),
        (lambda: custom("a", "a", lambda known: known.tables, type=["text"]), "is no type of a feature"),
        (lambda: OrderItems(3), "OrderItems: 3 names no event"),
        (lambda: FeatureSet(None, recency(ORDERS)), "None cannot name"),
        (lambda: monthly("2026-03", "2026-01"), "no cutoff"),
        (lambda: micros("yesterday"), "no instant"),
        (lambda: micros(20260301), "no instant"),  # type: ignore[arg-type]
        (lambda: micros(pd.NaT), "NaT is no instant"),
    ],
)
def test_what_cannot_be_meant_says_what_can(wrong: object, said: str) -> None:
    with pytest.raises(FeatureError, match=re.escape(said)):
        wrong()  # type: ignore[operator]


def test_lists_and_favourites_are_segments_computed_traits() -> None:
    chosen = FeatureSet("s", unique_list(ORDERS, "coupon"), most_frequent(ORDERS, "channel"))
    assert list(chosen.describe()) == ["orders_coupon_lifetime_list", "orders_channel_lifetime_favourite"]
