"""Small worlds of canonical tables: plain rows that a test can read, and the DuckDB file made of them.

Instants are microseconds since 1970. Each world has what goes wrong in real ones: events known late or before they
happened, at the cutoff and at the same instant, properties of any JSON, deleted and merged customers, events of nobody.
"""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from customer_features.spans import DAY, MINUTE, Micros, micros

INSTANT = pa.timestamp("us", tz="UTC")
_COLUMNS = {
    "customers": {
        "customer_id": pa.string(), "created_at": INSTANT, "first_seen_at": INSTANT, "deleted_at": INSTANT,
        "merged_from": pa.int64(),
    },
    "customer_absences": {"customer_id": pa.string(), "deleted_at": INSTANT, "returned_at": INSTANT},
    "customer_trait_changes": {
        "customer_id": pa.string(), "trait": pa.string(), "valid_from": INSTANT, "observed_at": INSTANT,
        "value": pa.string(), "origin": pa.string(),
    },
    "customer_events": {
        "event_id": pa.string(), "customer_id": pa.string(), "event_name": pa.string(), "event_at": INSTANT,
        "known_at": INSTANT, "properties": pa.string(),
    },
    "customer_order_items": {
        "event_id": pa.string(), "line_number": pa.int64(), "customer_id": pa.string(), "event_at": INSTANT,
        "known_at": INSTANT, "event_name": pa.string(), "sku": pa.string(), "name": pa.string(),
        "category": pa.string(), "quantity": pa.float64(), "price": pa.float64(),
    },
    "customer_consents": {
        "customer_id": pa.string(), "channel": pa.string(), "valid_from": INSTANT, "observed_at": INSTANT,
        "subscribed": pa.bool_(),
    },
}  # fmt: skip
_JSON = {"customer_events": "properties", "customer_trait_changes": "value"}

CUTOFFS = (micros("2025-06-01"), micros("2025-09-01T09:30"))
WATERMARK = micros("2026-01-01")
NAMES = ("Order Completed", "Order Refunded", "Product Viewed", "page", "Email Sent", "Email Delivered",
         "Email Opened", "Email Link Clicked", "Email Bounced", "Unsubscribed", None)  # fmt: skip
TOTALS = (
    10, 12.5, "19.99", 0.1, 0.2, 0.3, -5, 0, "abc", None, True, {"amount": 3}, [1, 2], 1e3, 1e15, "  7 ", "", 1.0000005
)  # fmt: skip
PROPERTIES = (None, {}, {"channel": "web"}, {"channel": "app", "coupon": "Ärger"}, {"channel": ""}, {"channel": None},
              {"channel": 7}, {"channel": {"of": "web"}}, {"coupon": 'a"b', "channel": "web"})  # fmt: skip


@dataclass
class World:
    """The rows of the canonical tables."""

    watermark: Micros = WATERMARK
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})

    def customer(self, customer: str, created: Micros, **others: Any) -> None:
        row = {"customer_id": customer, "created_at": created, "first_seen_at": created, "deleted_at": None}
        self.rows["customers"].append({**row, "merged_from": 0, **others})
        if others.get("deleted_at") is not None:
            self.absence(customer, others["deleted_at"], None)

    def absence(self, customer: str, deleted: Micros, returned: Micros | None) -> None:
        row = {"customer_id": customer, "deleted_at": deleted, "returned_at": returned}
        self.rows["customer_absences"].append(row)

    def event(self, customer: str | None, name: str | None, at: Micros, known: Micros, properties: Any) -> str:
        """An event; its identifier. `properties` is a JSON value."""
        events = self.rows["customer_events"]
        identifier = f"e{len(events) * 7919 % 100_003:05}"
        document = None if properties is None else json.dumps(properties, ensure_ascii=False)
        events.append({"event_id": identifier, "customer_id": customer, "event_name": name, "event_at": at,
                       "known_at": known, "properties": document})  # fmt: skip
        return identifier

    def item(self, event: str, line: int, **others: Any) -> None:
        """A line of an order that is there already."""
        of = next(row for row in self.rows["customer_events"] if row["event_id"] == event)
        held = {name: of[name] for name in ("event_id", "customer_id", "event_name", "event_at", "known_at")}
        self.rows["customer_order_items"].append({**held, "line_number": line, "name": None, **others})

    def trait(self, customer: str, trait: str, valid: Micros, observed: Micros, value: str | None) -> None:
        """A change of a trait; `value` is JSON as text."""
        row = {"customer_id": customer, "trait": trait, "valid_from": valid, "observed_at": observed}
        self.rows["customer_trait_changes"].append({**row, "value": value, "origin": "identify"})

    def consent(self, customer: str, channel: str, valid: Micros, observed: Micros, subscribed: bool | None) -> None:
        row = {"customer_id": customer, "channel": channel, "valid_from": valid, "observed_at": observed}
        self.rows["customer_consents"].append({**row, "subscribed": subscribed})

    def mend_first_seen(self) -> None:
        """A customer is known since anything of them is."""
        seen: dict[str | None, list[Micros]] = {}
        for name, column in (("customer_events", "known_at"), ("customer_trait_changes", "observed_at"),
                             ("customer_consents", "observed_at")):  # fmt: skip
            for row in self.rows[name]:
                seen.setdefault(row["customer_id"], []).append(row[column])
        for row in self.rows["customers"]:
            row["first_seen_at"] = min([row["created_at"], *seen.get(row["customer_id"], [])])

    def tables(self) -> dict[str, pa.Table]:
        """The rows as Arrow tables, with JSON as text."""
        return {
            name: pa.table(
                {column: pa.array([row[column] for row in self.rows[name]], columns[column]) for column in columns}
            )
            for name, columns in _COLUMNS.items()
        }

    def write(self, path: Path) -> Path:
        """Make a DuckDB file of the rows, in place of what was there."""
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("CREATE SCHEMA customer_tables")
            for name, table in self.tables().items():
                connection.register("given", table)
                chosen = f"SELECT * REPLACE ({_JSON[name]}::JSON AS {_JSON[name]})" if name in _JSON else "SELECT *"
                connection.execute(f"CREATE TABLE customer_tables.{name} AS {chosen} FROM given")
                connection.unregister("given")
            connection.execute(
                "CREATE TABLE customer_tables.builds AS SELECT 'test' AS source, make_timestamptz(?) AS watermark",
                [self.watermark],
            )
        return path


def random_world(seed: int, customers: int = 24) -> World:
    """A year of some customers, with cutoffs at `CUTOFFS`."""
    chance, world = random.Random(seed), World()
    first, last = micros("2024-11-01"), WATERMARK - 1
    for number in range(customers):
        customer, created = f"c{number:02}", chance.randrange(first, CUTOFFS[1])
        deleted = chance.choice([None, None, None, None, *CUTOFFS, chance.randrange(created, last)])
        world.customer(customer, created, deleted_at=deleted, merged_from=chance.choice([0, 0, 1]))
        for cutoff in CUTOFFS:
            if chance.random() < 0.2:
                returned = cutoff + chance.choice([0, 1, DAY, 60 * DAY])
                world.absence(customer, cutoff - chance.choice([0, DAY, -1, -20 * DAY]) - 7 * MINUTE, returned)
        for _ in range(chance.choice([0, 3, 20, 40])):
            _event(world, chance, customer, _instant(chance, created, last))
        for trait, values in (
            ("plan", ['"gold"', '"silver"', '"free"', "null", None]),
            ("age", ["31", '"44"', "57.5", '"old"']),
            ("address", ['{"city": "Bath"}', '{"city": "York", "zip": 3}', "[]"]),
            ("vip", ["true", "false", '"true"', "1"]),
        ):
            for _ in range(chance.randrange(6)):
                valid, late = _instant(chance, created, last), chance.choice([0, 0, DAY, 60 * DAY])
                world.trait(customer, trait, valid, valid + late, chance.choice(values))
        for channel in ("email", "sms"):
            for _ in range(chance.randrange(4)):
                valid, late = _instant(chance, created, last), chance.choice([0, 0, DAY, 60 * DAY])
                world.consent(customer, channel, valid, valid + late, chance.random() < 0.5)
    for _ in range(20):
        _event(world, chance, None, chance.randrange(first, last))
    for rows in world.rows.values():
        chance.shuffle(rows)
    world.mend_first_seen()
    return world


def _instant(chance: random.Random, first: Micros, last: Micros) -> Micros:
    """Mostly anywhere, now and then at a cutoff, beside it, or where a window begins."""
    cutoff = chance.choice(CUTOFFS)
    near = [cutoff, cutoff - 1, cutoff - 7 * DAY, cutoff - 28 * DAY - 1, cutoff - 28 * DAY, cutoff - cutoff % DAY]
    return chance.choice(near) if chance.random() < 0.15 else chance.randrange(first, last)


def _event(world: World, chance: random.Random, customer: str | None, at: Micros) -> None:
    name = chance.choice(NAMES[:3]) if chance.random() < 0.6 else chance.choice(NAMES)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        late = chance.choice([0, 0, 0, 0, MINUTE, DAY, 45 * DAY, -DAY])
        known = chance.choice(CUTOFFS) if chance.random() < 0.05 else at + late
        properties = chance.choice(PROPERTIES)
        if name in ("Order Completed", "Order Refunded") and properties is not None:
            properties = {**properties, "total": chance.choice(TOTALS)}
        event = world.event(customer, name, at, known, properties)
        if name in ("Order Completed", "Order Refunded"):
            for line in range(chance.randrange(3)):
                world.item(
                    event,
                    line + 1,
                    sku=chance.choice(["s1", "s2", None]),
                    category=chance.choice(["bread", "milk", "Ähren", "", None]),
                    quantity=chance.choice([1.0, 2.5, 0.0, None]),
                    price=chance.choice([0.1, 9.99, None]),
                )
        at += chance.choice([0, 0, MINUTE, 30 * MINUTE, 30 * MINUTE + 1, DAY])
