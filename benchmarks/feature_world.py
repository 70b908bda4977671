"""Canonical tables of customers who never were, as large as asked for, written straight into a DuckDB file.

Two years of events: half of them views, a third messages, an eighth orders of two lines, the rest refunds and pages.
What an event is, whose and when, is drawn from a hash of its number, so that a world of a size is always the same one.
"""

from pathlib import Path

import duckdb

STARTS, ENDS = "2024-01-01", "2026-01-01"

_EVENTS = """
CREATE TABLE customer_tables.customer_events AS
WITH drawn AS (
    SELECT range AS n, hash(range) % 1000 AS kind, hash(range, 1) % $customers AS customer,
        CAST(hash(range, 2) % (731 * 86400 * 1000000::UBIGINT) AS BIGINT) AS micros,
        CASE WHEN hash(range, 3) % 200 = 0 THEN hash(range, 4) % (3 * 86400) ELSE hash(range, 4) % 30 END AS late,
        hash(range, 5) AS value
    FROM range($events)
)
SELECT 'event-' || n AS event_id, 'customer-' || lpad(customer::VARCHAR, 24, '0') AS customer_id,
    CASE WHEN kind < 125 THEN 'Order Completed' WHEN kind < 135 THEN 'Order Refunded'
        WHEN kind < 535 THEN 'Product Viewed' WHEN kind < 670 THEN 'page' WHEN kind < 820 THEN 'Email Sent'
        WHEN kind < 950 THEN 'Email Delivered' WHEN kind < 985 THEN 'Email Opened'
        WHEN kind < 995 THEN 'Email Link Clicked' WHEN kind < 998 THEN 'Email Bounced'
        ELSE 'Unsubscribed' END AS event_name,
    'track' AS call_type, CASE WHEN kind >= 670 THEN 'email' END AS send_type, 'API' AS source,
    make_timestamptz(epoch_us(TIMESTAMPTZ '2024-01-01 00:00:00+00') + micros) AS event_at,
    event_at + to_seconds(late) AS ingested_at, ingested_at AS known_at, FALSE AS known_at_imputed,
    CASE WHEN kind < 135 THEN '{"order_id":"order-' || n || '","currency":"GBP","total":' || (value % 20000) / 100
            || ',"products":[{"sku":"sku-' || value % 4000 || '"},{"sku":"sku-' || value // 7 % 4000 || '"}]}'
        WHEN kind < 670 THEN '{"sku":"sku-' || value % 4000 || '","url":"https://shop.example/' || value % 4000 || '"}'
        ELSE '{"email_id":"newsletter-' || value % 100 || '"}' END::JSON AS properties
FROM drawn ORDER BY event_at
"""

_OTHERS = (
    """
    CREATE TABLE customer_tables.customer_order_items AS
    SELECT event_id, line_number, 'sku-' || hash(event_id, line_number) % 4000 AS sku, 'Product' AS name,
        'category-' || hash(event_id, line_number) % 8 AS category, 1.0 + hash(event_id, line_number) % 3 AS quantity,
        (hash(event_id, line_number) % 9000) / 100 AS price, customer_id, event_name, event_at, known_at
    FROM customer_tables.customer_events, (VALUES (1), (2)) AS lines (line_number) WHERE event_name = 'Order Completed'
    """,
    """
    CREATE TABLE customer_tables.customers AS
    SELECT customer_id, min(event_at) AS created_at, min(known_at) AS first_seen_at, NULL::TIMESTAMPTZ AS deleted_at,
        0 AS merged_from
    FROM customer_tables.customer_events GROUP BY customer_id
    """,
    """
    CREATE TABLE customer_tables.customer_absences
    (customer_id VARCHAR, deleted_at TIMESTAMPTZ, returned_at TIMESTAMPTZ)
    """,
    """
    CREATE TABLE customer_tables.customer_trait_changes AS
    SELECT customer_id, 'plan' AS trait, created_at + to_days(CAST(90 * step AS INTEGER)) AS valid_from,
        valid_from AS observed_at,
        to_json(['free', 'plus', 'pro'][1 + CAST(hash(customer_id, step) % 3 AS INTEGER)]) AS value,
        'identify' AS origin
    FROM customer_tables.customers, range(5) AS steps (step)
    """,
    """
    CREATE TABLE customer_tables.customer_consents AS
    SELECT customer_id, channel, created_at AS valid_from, created_at AS observed_at, hash(customer_id, channel) % 4 > 0
        AS subscribed
    FROM customer_tables.customers, (VALUES ('email'), ('sms')) AS channels (channel)
    """,
    """
    CREATE TABLE customer_tables.builds AS
    SELECT 'benchmark' AS source, now() AS built_at, TIMESTAMPTZ '2026-01-04 00:00:00+00' AS watermark
    """,
)


def write(database: Path, events: int, customers: int) -> None:
    """Write the canonical tables of a world into a new file."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET memory_limit = '3GB'")
        connection.execute("CREATE SCHEMA customer_tables")
        connection.execute(_EVENTS, {"events": events, "customers": customers})
        for statement in _OTHERS:
            connection.execute(statement)
