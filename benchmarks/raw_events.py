"""Raw tables of a shop of any size, written straight into a DuckDB file as loads of half a million events leave them.

Of a hundred events seven are orders of two lines, three are identify calls, five are of visitors whom at most a user id
or a device tells. There is a customer, with a snapshot, for every fifty events.
"""

from pathlib import Path

import duckdb

_EVENTS_A_LOAD = 500_000
_EVENTS_A_CUSTOMER = 50
_BEGINS = "2024-01-01 00:00:00+00"
_YEAR = 366 * 86_400_000_000
_PROFILE = "printf('%08x-1111-4000-8000-%012d', c, c)"
_NAMES = """['Product Viewed', 'Product Added', 'page', 'Email Opened', 'Order Completed', 'Email Bounced',
 'Customer Identified']"""
_LINE = """{"product_id":"p'||(i % 5000)||'","sku":"SKU-'||(i % 5000)||'","name":"A product of our shop","category":
"category '||(i % 20)||'","price":'||(i % 90)||'.5,"quantity":'||(i % 3 + 1)||'}"""
_ORDER = """{"order_id":"o'||i||'","currency":"GBP","total":12.5,"revenue":12.5,"products":[LINE,LINE]}"""
_PLAIN = """{"product_id":"p-'||(i % 5000)||'","name":"A product of our shop","category":"category","price":'
||(i % 90)||'.25,"currency":"GBP","quantity":'||(i % 3)||',"sequence":'||i||'}"""
_CONTEXT = """{"ip":"203.0.113.'||(i % 256)||'","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4)
 AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Safari/605.1.15","page":{"path":"/shop/category/product-'
||(i % 5000)||'","title":"A product"},"traits":{"email":"person'||c||'@example.com"}}"""
_TRAITS = """{"plan":"'||['gold', 'silver', 'bronze'][1 + i % 3]||'","city":"London","marketingPreferences":{"channels":
[{"channel":"email","subscribed":'||(i % 2 = 0)||'},{"channel":"sms","subscribed":true}]}}"""
_SNAPSHOT = """{"computed":{"n":'||c||'},"email":"person'||c||'@example.com","externalId":"customer-'||c||'",
"firstName":"A","city":"London","plan":"gold","marketingPreferences":{"channels":[{"channel":"email","subscribed":true}]}}"""


def write(database: Path, first: int, events: int, of: int) -> None:
    """Write the events from number `first` on, of so many in a year, in loads of their own; the file may be new."""
    with duckdb.connect(str(database), config={"memory_limit": "1GB", "preserve_insertion_order": False}) as file:
        rows = _events(first, first + events, of)
        if first:
            file.execute(f"INSERT INTO intilery.events {rows}")
            return
        file.execute("CREATE SCHEMA intilery")
        file.execute(f"CREATE TABLE intilery.events AS {rows}")
        file.execute(
            f"CREATE TABLE intilery.profile_trait_history AS SELECT {_PROFILE} AS profile_id, "  # noqa: S608
            f"TIMESTAMPTZ '{_BEGINS}' + INTERVAL 400 DAY AS observed_at, 'customer-' || c AS external_id, "
            f"'h' || c AS trait_hash, ('{_one_line(_SNAPSHOT)}')::JSON AS traits, 'profiles' AS _dlt_load_id "
            f"FROM range({_customers(of)}) AS r(c)"
        )
        file.execute("CREATE TABLE intilery.profiles AS SELECT profile_id AS id, _dlt_load_id "
                     "FROM intilery.profile_trait_history")  # fmt: skip


def _customers(events: int) -> int:
    return max(1, events // _EVENTS_A_CUSTOMER)


def _one_line(text: str) -> str:
    return text.replace("\n", "")


def _events(first: int, end: int, of: int) -> str:
    order, plain, context, traits = map(_one_line, (_ORDER.replace("LINE", _LINE), _PLAIN, _CONTEXT, _TRAITS))
    return f"""
SELECT printf('%08x-0000-4000-8000-%012d', hash(i) % 4294967296, i) AS event_id, t AS event_time,
 t + to_milliseconds((hash(i + 7) % 3000)::BIGINT) AS received_time, {_NAMES}[k] AS event_name,
 CASE WHEN i % 20 <> 0 THEN {_PROFILE} END AS customer_id,
 CASE WHEN i % 20 <> 0 OR i % 40 = 0 THEN 'customer-' || c END AS user_id,
 CASE WHEN i % 20 = 0 OR i % 7 = 0 THEN 'device-' || (hash(i // 3) % {_customers(of) * 4}) END AS anonymous_id,
 'SEGMENT_API' AS source, CASE WHEN k = 3 THEN 'page' WHEN k = 7 THEN 'identify' ELSE 'track' END AS call_type,
 CASE WHEN k IN (4, 6) THEN 'email' END AS send_type,
 CASE WHEN k = 7 THEN NULL WHEN k = 5 THEN '{order}' ELSE '{plain}' END::JSON AS properties,
 ('{context}')::JSON AS context, CASE WHEN k = 7 THEN '{traits}' END::JSON AS traits, NULL::JSON AS extra,
 t AS extracted_at, 'load ' || (i // {_EVENTS_A_LOAD}) || ' from {first}' AS _dlt_load_id
FROM (SELECT i, TIMESTAMPTZ '{_BEGINS}' + to_microseconds(i::BIGINT * ({_YEAR} // {of})) AS t,
 (hash(i * 3) % {_customers(of)})::BIGINT AS c, CASE WHEN h < 45 THEN 1 WHEN h < 63 THEN 2 WHEN h < 78 THEN 3
 WHEN h < 88 THEN 4 WHEN h < 95 THEN 5 WHEN h < 97 THEN 6 ELSE 7 END AS k
 FROM (SELECT range AS i, hash(range + 13) % 100 AS h FROM range({first}, {end})))"""  # noqa: S608 - our own numbers
