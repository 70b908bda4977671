"""`explain` shows the rows that make a value, and no others."""

from pathlib import Path

import pytest
from canonical_worlds import CUTOFFS, World, random_world

from customer_features import (
    Events,
    FeatureSet,
    OrderItems,
    build,
    consent,
    counts,
    email,
    lags,
    last_value,
    sessions,
)
from customer_features.spans import DAY, MINUTE, moment

ORDERS = Events("Order Completed", value="total")
CUTOFF = CUTOFFS[0]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "customers.duckdb"


def test_a_count_is_the_number_of_its_rows(database: Path) -> None:
    features = FeatureSet("s", counts(ORDERS, [91]), counts(OrderItems(), [91]), lags(ORDERS), email([91]))
    counted = [feature.name for feature in features.features if feature.type == "integer"]
    assert {"items_91d", "orders_week_1", "orders_week_5", "email_bounced_91d", "email_sent_since_click"} < {*counted}
    seen = 0
    with build(features, cutoffs=[moment(CUTOFF)], on=random_world(5).write(database)) as data:
        for row in data.arrow().to_pylist()[:6]:
            for name in counted:
                shown = data.explain(row["customer_id"], moment(CUTOFF), name)
                assert len(shown) == shown.attrs["value"] == row[name], name
                seen += row[name]
    assert seen > 10


def test_what_is_made_of_mail_shows_mail_of_its_kind(database: Path) -> None:
    world = World()
    world.customer("c", CUTOFF - 300 * DAY)
    for days, name in (
        (9, "Email Sent"), (8, "Email Delivered"), (7, "Email Link Clicked"), (6, "Email Sent"), (5, "Email Opened"),
    ):  # fmt: skip
        world.event("c", name, CUTOFF - days * DAY, CUTOFF - days * DAY, {})
    with build(FeatureSet("s", email([28])), cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        shown = {
            name: list(data.explain("c", moment(CUTOFF), name)["event_name"])
            for name in ("email_click_rate_28d", "email_sent_since_click", "email_click_recency_days")
        }
        since = data.explain("c", moment(CUTOFF), "email_sent_since_click")
    assert shown == {
        "email_click_rate_28d": ["Email Delivered", "Email Link Clicked"],
        "email_sent_since_click": ["Email Sent"],
        "email_click_recency_days": ["Email Link Clicked"],
    }
    assert list(since["at"]) == [moment(CUTOFF - 6 * DAY)]


def test_sessions_show_the_events_of_those_that_count(database: Path) -> None:
    # given a session that began before the window and goes on in it, and one that began in it
    world, start = World(), CUTOFF - 7 * DAY
    world.customer("c", CUTOFF - 300 * DAY)
    for at in (start - 10 * MINUTE, start + MINUTE, start + 2 * MINUTE, start + DAY, start + DAY + MINUTE):
        world.event("c", "page", at, at, {})
    with build(FeatureSet("s", sessions([7, 28])), cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        shown = data.explain("c", moment(CUTOFF), "sessions_7d")
        deep = data.explain("c", moment(CUTOFF), "sessions_7d_mean_depth")
        both = data.explain("c", moment(CUTOFF), "sessions_28d")
    assert list(shown["at"]) == [moment(start + DAY), moment(start + DAY + MINUTE)]
    assert (shown.attrs["value"], shown["session"].nunique()) == (1, 1)
    assert len(deep) == deep.attrs["value"] == 2.0
    assert (both.attrs["value"], both["session"].nunique(), len(both)) == (2, 2, 5)


def test_the_days_of_a_consent_are_those_since_it_changed() -> None:
    words = FeatureSet("s", consent("email")).describe()["consent_email_days"]
    assert words == "days since the consent for 'email' last changed"


def test_properties_have_their_names(database: Path) -> None:
    # given conditions on properties, and one that is called as a column that each fact has
    chosen = Events("Order Completed", "total", where=[("plan.tier", "=", "gold"), ("at", ">", 3)], name="chosen")
    world = World()
    world.customer("c", CUTOFF - 300 * DAY)
    properties = {"total": 2.5, "channel": "web", "plan": {"tier": "gold"}, "at": 7, "value": "high"}
    world.event("c", "Order Completed", CUTOFF - DAY, CUTOFF - DAY, properties)
    features = FeatureSet("s", counts(chosen, [28]), last_value(chosen, "channel"), last_value(chosen, "value"))
    with build(features, cutoffs=[moment(CUTOFF)], on=world.write(database)) as data:
        shown = {name: data.explain("c", moment(CUTOFF), name) for name in features.describe()}
    facts = {"customer_id", "event_id", "line", "at", "known", "value"}
    assert {name: set(rows.columns) - facts for name, rows in shown.items()} == {
        "chosen_28d": {"plan.tier", "properties.at"},
        "chosen_channel_last": {"channel", "plan.tier", "properties.at"},
        "chosen_value_last": {"properties.value", "plan.tier", "properties.at"},
    }
    (row,) = shown["chosen_value_last"].to_dict("records")
    assert (float(row["value"]), row["properties.value"], row["plan.tier"], row["properties.at"]) == (
        2.5, "high", "gold", "7",
    )  # fmt: skip
    assert row["at"] == moment(CUTOFF - DAY)
