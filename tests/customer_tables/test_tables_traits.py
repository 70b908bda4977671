"""Trait changes and consents: what identify events set, and what snapshots show beyond that."""

from typing import Any

from raw_customers import RawCustomers, at, identify, merge, snapshot


def _changes(raw: RawCustomers, trait: str) -> list[tuple[Any, ...]]:
    return raw.rows(
        "SELECT valid_from, observed_at, value, origin FROM customer_tables.customer_trait_changes "
        f"WHERE trait = '{trait}' ORDER BY valid_from, observed_at"
    )


def _consents(raw: RawCustomers) -> list[tuple[Any, ...]]:
    return raw.rows(
        "SELECT channel, valid_from, subscribed FROM customer_tables.customer_consents ORDER BY channel, valid_from"
    )


def test_an_identify_event_sets_each_of_its_traits(raw: RawCustomers) -> None:
    raw.load(events=[identify("e", 1, "p", {"plan": "gold", "gone": None, "n": 1.0}, received_time=at(4))])
    raw.build()
    assert _changes(raw, "plan") == [(at(1), at(4), '"gold"', "identify")]
    assert _changes(raw, "gone") == [(at(1), at(4), "null", "identify")]
    assert _changes(raw, "n") == [(at(1), at(4), "1.0", "identify")]


def test_snapshots_show_what_changed_was_removed_and_was_nulled(raw: RawCustomers) -> None:
    raw.load(
        profile_trait_history=[
            snapshot("p", 1, {"plan": "gold", "city": "York", "n": 1}),
            snapshot("p", 2, {"plan": "gold", "city": "Leeds", "n": None}),
            snapshot("p", 3, {"plan": "gold", "n": None, "city": "Leeds"}),
            snapshot("p", 4, {"plan": "gold", "city": "Leeds"}),
            snapshot("p", 5, {"plan": "gold", "city": "Leeds", "n": 2}),
        ]
    )
    raw.build()
    assert _changes(raw, "plan") == [(at(1), at(1), '"gold"', "snapshot")]
    assert [(when, value) for when, _, value, _ in _changes(raw, "city")] == [(at(1), '"York"'), (at(2), '"Leeds"')]
    assert [(when, value) for when, _, value, _ in _changes(raw, "n")] == [
        (at(1), "1"), (at(2), "null"), (at(4), None), (at(5), "2"),
    ]  # fmt: skip


def test_a_snapshot_that_shows_what_an_identify_event_set_is_no_change(raw: RawCustomers) -> None:
    address = {"town": "York", "geo": {"lat": 1, "lon": 2}}
    turned = {"geo": {"lon": 2, "lat": 1}, "town": "York"}
    raw.load(
        events=[identify("e", 1, "p", {"plan": "gold", "address": turned}), identify("f", 3, "p", {"plan": "silver"})],
        profile_trait_history=[
            snapshot("p", 2, {"plan": "gold", "address": address}),
            snapshot("p", 4, {"plan": "silver", "address": address}),
            snapshot("p", 5, {"plan": "silver", "address": address | {"geo": {"lat": 2, "lon": 1}}}),
        ],
    )
    raw.build()
    assert [origin for *_, origin in _changes(raw, "plan")] == ["identify", "identify"]
    assert [(when, origin) for when, *_, origin in _changes(raw, "address")] == [
        (at(1), "identify"),
        (at(5), "snapshot"),
    ]


def test_a_snapshot_that_does_not_show_what_was_set_is_a_change(raw: RawCustomers) -> None:
    raw.load(
        events=[identify("e", 3, "p", {"plan": "silver"})],
        profile_trait_history=[snapshot("p", 2, {"plan": "gold"}), snapshot("p", 4, {"plan": "gold", "n": 1})],
    )
    raw.build()
    assert [(when, value) for when, _, value, _ in _changes(raw, "plan")] == [
        (at(2), '"gold"'), (at(3), '"silver"'), (at(4), '"gold"'),
    ]  # fmt: skip


def test_an_identify_event_that_was_heard_of_late_leaves_what_snapshots_show(raw: RawCustomers) -> None:
    raw.load(
        events=[
            identify("e", 1, "p", {"plan": "bronze"}),
            identify("f", 2, "p", {"plan": "silver"}, received_time=at(5)),
        ],
        profile_trait_history=[snapshot("p", 3, {"plan": "bronze"}), snapshot("p", 6, {"plan": "bronze", "n": 1})],
    )
    raw.build()
    newest = _changes(raw, "plan")[-1]
    assert newest == (at(6), at(6), '"bronze"', "snapshot")


def test_what_was_heard_of_late_does_not_hide_a_change(raw: RawCustomers) -> None:
    raw.load(
        events=[identify("e", 1, "p", {"plan": "silver"}, received_time=at(5))],
        profile_trait_history=[snapshot("p", 3, {"plan": "bronze"}), snapshot("p", 6, {"plan": "silver"})],
    )
    raw.build()
    assert _changes(raw, "plan")[-1] == (at(6), at(6), '"silver"', "snapshot")


def test_a_customer_who_is_gone_has_no_traits(raw: RawCustomers) -> None:
    raw.load(
        events=[identify("e", 1, "p", {"plan": "gold", "nickname": "Jo"})],
        profile_trait_history=[
            snapshot("p", 0, {"plan": "gold", "city": None}),
            snapshot("p", 3, None),
            snapshot("p", 4, {"plan": "gold"}),
        ],
    )  # fmt: skip
    raw.build()
    for trait in ("plan", "nickname", "city"):
        assert (at(3), at(3), None, "snapshot") in _changes(raw, trait)
    assert _changes(raw, "plan")[-1] == (at(4), at(4), '"gold"', "snapshot")


def test_what_was_set_and_is_not_shown_is_gone(raw: RawCustomers) -> None:
    raw.load(
        events=[identify("e", 1, "p", {"score": 7}), identify("f", 3, "p", {"score": 8}, received_time=at(5))],
        profile_trait_history=[snapshot("p", hours, {"n": hours}) for hours in (0, 2, 4, 6, 8)],
    )
    raw.build()
    assert [(when, value) for when, _, value, _ in _changes(raw, "score")] == [
        (at(1), "7"), (at(2), None), (at(3), "8"), (at(6), None),
    ]  # fmt: skip


def test_one_instant_keeps_one_value(raw: RawCustomers) -> None:
    raw.load(events=[identify("a", 1, "p", {"plan": "gold"}), identify("b", 1, "p", '{"plan": "x", "plan": "silver"}')])
    raw.build()
    assert _changes(raw, "plan") == [(at(1), at(1 + 1 / 60), '"silver"', "identify")]


def test_odd_traits_are_left_out(raw: RawCustomers) -> None:
    raw.load(
        events=[identify(f"e{n}", n, "p", odd) for n, odd in enumerate(['"text"', "[1]", "3", "null", None, "{}"])],
        profile_trait_history=[snapshot("p", 9, {})],
    )
    raw.build()
    assert raw.rows("SELECT count(*) FROM customer_tables.customer_trait_changes") == [(0,)]


def test_what_a_merged_profile_set_is_its_customers_once_that_is_known(raw: RawCustomers) -> None:
    raw.load(events=[identify("e", 1, "p", {"plan": "gold"})], profile_merges=[merge("p", "q", 7)])
    raw.build()
    assert raw.rows("SELECT customer_id FROM customer_tables.customer_trait_changes") == [("q",)]
    assert _changes(raw, "plan") == [(at(1), at(7), '"gold"', "identify")]


def _preferences(**channels: Any) -> dict[str, Any]:
    listed = [{"channel": name, "subscribed": value} for name, value in channels.items()]
    return {"marketingPreferences": {"channels": listed}}


def test_consents_change_where_a_channel_does(raw: RawCustomers) -> None:
    raw.load(
        events=[
            identify("e", 1, "p", _preferences(email=True, sms=True)),
            identify("f", 2, "p", _preferences(email=False)),
        ],
        profile_trait_history=[
            snapshot("p", 3, _preferences(email=False, sms=True)),
            snapshot("p", 4, _preferences(email=True)),
            snapshot("p", 5, {"marketingPreferences": None}),
        ],
    )
    raw.build()
    assert _consents(raw) == [
        ("email", at(1), True), ("email", at(2), False), ("email", at(4), True), ("email", at(5), None),
        ("sms", at(1), True), ("sms", at(4), None),
    ]  # fmt: skip


def test_odd_consents_are_null_or_left_out(raw: RawCustomers) -> None:
    odd = [
        {"channels": [{"channel": "email", "subscribed": "maybe"}, {"channel": "sms", "subscribed": True}, 7, {}]},
        {"channels": {"email": True}},
        {"channels": [{"channel": "sms", "subscribed": True}, {"channel": "sms", "subscribed": False}]},
    ]
    raw.load(events=[identify(f"e{n}", n, "p", {"marketingPreferences": value}) for n, value in enumerate(odd)])
    raw.build()
    assert _consents(raw) == [("email", at(0), None), ("sms", at(0), True), ("sms", at(2), False)]


def test_a_repeated_consent_that_was_known_earlier_than_the_first_stays(raw: RawCustomers) -> None:
    first = identify("e", 1, "p", _preferences(email=True), received_time=at(9))
    raw.load(events=[first, identify("f", 2, "p", _preferences(email=True))])
    raw.build()
    assert [when for _, when, _ in _consents(raw)] == [at(1), at(2)]


def test_a_consent_that_is_heard_of_later_is_not_lost_before(raw: RawCustomers) -> None:
    def listing(channel: str) -> dict[str, Any]:
        return {"marketingPreferences": {"channels": [{"channel": channel, "subscribed": True}]}}

    raw.load(
        events=[identify("e", 5, "p", listing("sms"), received_time=at(20))],
        profile_trait_history=[snapshot("p", 10, listing("email"))],
    )
    raw.build()
    found = raw.rows(
        "SELECT valid_from, observed_at, subscribed FROM customer_tables.customer_consents "
        "WHERE channel = 'sms' ORDER BY valid_from"
    )
    assert found == [(at(5), at(20), True), (at(10), at(20), None)]
