"""Each check finds what was planted for it, and nothing in tables as they should be."""

from datetime import timedelta

import pytest
from raw_customers import RawCustomers, at, deletion, event, identify, snapshot

import customer_tables


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> RawCustomers:
    raw = RawCustomers(tmp_path_factory.mktemp("checks") / "customers.duckdb")
    preferences = {"channels": [{"channel": "email", "subscribed": True}]}
    raw.load(
        events=[
            event("order", 1, customer_id="p", properties={"products": [{"sku": "A", "price": 2}]}),
            event("guess", 2, anonymous_id="phone", received_time=None),
            identify("set", 3, "p", {"plan": "gold", "email": "p@example.com", "marketingPreferences": preferences}),
        ],
        profile_trait_history=[snapshot("p", 4, {"plan": "silver"}, "x"), snapshot("q", 4, {})],
        profile_deletions=[deletion("q", 3)],
    )
    raw.build()
    return raw


def test_tables_as_they_should_be_have_no_finding(built: RawCustomers) -> None:
    assert customer_tables.check(built.database) == []


@pytest.mark.parametrize(
    ("planted", "table", "rule"),
    [
        ("INSERT INTO customer_events FROM customer_events WHERE event_id = 'order'", "customer_events", "unique"),
        ("INSERT INTO customers FROM customers LIMIT 1", "customers", "unique"),
        ("INSERT INTO customer_identifiers FROM customer_identifiers LIMIT 1", "customer_identifiers", "unique"),
        ("INSERT INTO customer_consents FROM customer_consents LIMIT 1", "customer_consents", "unique"),
        ("INSERT INTO customer_order_items FROM customer_order_items LIMIT 1", "customer_order_items", "unique"),
        ("INSERT INTO customer_trait_changes FROM customer_trait_changes LIMIT 1", "customer_trait_changes", "unique"),
        ("UPDATE customer_events SET event_at = NULL", "customer_events", "event_at is not NULL"),
        ("UPDATE customer_trait_changes SET observed_at = NULL", "customer_trait_changes", "observed_at is not NULL"),
        ("UPDATE customers SET customer_id = ''", "customers", "customer_id is not empty"),
        ("UPDATE customer_identifiers SET id_value = ''", "customer_identifiers", "id_value is not empty"),
        ("DELETE FROM customers WHERE customer_id = 'p'", "customer_events", "in customers"),
        ("DELETE FROM customers WHERE customer_id = 'p'", "customer_consents", "in customers"),
        ("DELETE FROM customers WHERE customer_id = 'q'", "customer_identifiers", "in customers"),
        ("UPDATE customer_events SET event_at = event_at + INTERVAL 25 HOUR", "customer_events", "after ingested_at"),
        ("UPDATE customer_events SET known_at = event_at", "customer_events", "known_at is not before"),
        ("UPDATE customer_events SET known_at_imputed = true", "customer_events", "imputed"),
        ("UPDATE customer_events SET known_at_imputed = false", "customer_events", "imputed"),
        ("DELETE FROM customer_events WHERE event_id = 'order'", "customer_order_items", "in customer_events"),
        ("UPDATE customer_order_items SET customer_id = 'q'", "customer_order_items", "those of its event"),
        ("UPDATE customer_order_items SET customer_id = NULL", "customer_order_items", "those of its event"),
        ("UPDATE customer_order_items SET line_number = 0", "customer_order_items", "counts from 1"),
        ("UPDATE customer_order_items SET price = 'nan'", "customer_order_items", "finite"),
        ("UPDATE customer_order_items SET quantity = '-inf'", "customer_order_items", "finite"),
        ("UPDATE customer_identifiers SET id_type = 'phone'", "customer_identifiers", "id_type is one of"),
        (
            "INSERT INTO customer_identifiers VALUES ('profile', 'p', 'q', NULL, NULL)",
            "customer_identifiers",
            "one customer's",
        ),
        ("UPDATE customers SET deleted_at = first_seen_at - INTERVAL 1 DAY", "customers", "deleted_at"),
        (
            "UPDATE customer_absences SET returned_at = deleted_at - INTERVAL 1 DAY",
            "customer_absences",
            "returned_at is not before",
        ),
        ("UPDATE customer_trait_changes SET origin = 'guess'", "customer_trait_changes", "origin is"),
        ("ALTER TABLE customer_events ALTER event_at TYPE TIMESTAMP", "customer_events", "columns"),
        ("ALTER TABLE customer_events DROP COLUMN source", "customer_events", "columns"),
        ("DROP TABLE customer_consents", "customer_consents", "it is there"),
    ],
)
def test_what_is_planted_is_found(built: RawCustomers, tmp_path: object, planted: str, table: str, rule: str) -> None:
    with built.planted(f"USE customer_tables; {planted}") as connection:
        found = customer_tables.check(connection)
    named = [finding for finding in found if finding.table == table and rule in finding.rule]
    assert len(named) == 1, found
    assert rule == "it is there" or "columns" in rule or (named[0].rows > 0 and named[0].examples)


def test_the_clock_skew_can_be_told(built: RawCustomers) -> None:
    with built.planted(
        "UPDATE customer_tables.customer_events SET event_at = event_at + INTERVAL 2 HOUR"
    ) as connection:
        assert customer_tables.check(connection, clock_skew=timedelta(hours=3)) == [
            finding for finding in customer_tables.check(connection) if "after" not in finding.rule
        ]
        found = customer_tables.check(connection, clock_skew=timedelta(hours=1))
    assert any("1:00:00 after ingested_at" in finding.rule for finding in found)


def test_a_finding_shows_no_address(built: RawCustomers) -> None:
    with built.planted("DELETE FROM customer_tables.customers WHERE customer_id = 'p'") as connection:
        found = [finding for finding in customer_tables.check(connection) if finding.table == "customer_identifiers"]
    (finding,) = found
    assert finding.rows == 3
    assert "@" not in str(finding)
    assert any(key[:1] == ("email",) and len(key[1]) == 64 for key in finding.examples)


def test_without_a_build_there_is_nothing_to_check(raw: RawCustomers) -> None:
    raw.load(events=[event("e", at(1).hour)])
    with pytest.raises(customer_tables.NothingLoadedError, match="intilery tables build"):
        customer_tables.check(raw.database)
