"""The canonical tables: what a row is, its key, its columns with their types and units.

Types are DuckDB's; in Delta tables JSON is text. Every time is UTC with microseconds. A key is unique.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCHEMA = "customer_tables"
"""The schema beside the dataset, or the folder beside the dataset's."""

_TEXT, _TIME, _JSON, _YES_NO, _NUMBER, _COUNT = "VARCHAR", "TIMESTAMPTZ", "JSON", "BOOLEAN", "DOUBLE", "BIGINT"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `required` says that it is never NULL."""

    type: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `grain` is what a row is; `customer` names the column that refers to `customers`."""

    name: str
    grain: str
    key: Sequence[str]
    columns: Mapping[str, Column]
    customer: str | None = "customer_id"

    @property
    def required(self) -> list[str]:
        """The columns that are never NULL."""
        return [name for name, column in self.columns.items() if column.required]


_CUSTOMER = Column(_TEXT, "the customer", required=True)
_SINCE = Column(_TIME, "from when it holds", required=True)
_SEEN = Column(_TIME, "when it was known", required=True)

CUSTOMERS = Table(
    "customers",
    "customer",
    ("customer_id",),
    {
        "customer_id": Column(_TEXT, "the profile that others were merged into", required=True),
        "created_at": Column(_TIME, "when the platform made the profile, else first_seen_at"),
        "first_seen_at": Column(_TIME, "when anything of them was first known; NULL where nothing was"),
        "deleted_at": Column(_TIME, "when they were found deleted, unless they are back"),
        "merged_from": Column(_COUNT, "profiles that were merged into this one", required=True),
    },
    customer=None,
)
ABSENCES = Table(
    "customer_absences",
    "time that a customer was found deleted",
    ("customer_id", "deleted_at"),
    {
        "customer_id": _CUSTOMER,
        "deleted_at": Column(_TIME, "when they were found deleted", required=True),
        "returned_at": Column(_TIME, "when a snapshot first showed them again; NULL while they are gone"),
    },
)
IDENTIFIERS = Table(
    "customer_identifiers",
    "identifier of a customer",
    ("id_type", "id_value", "customer_id"),
    {
        "id_type": Column(_TEXT, "profile, external_id, email (lower case) or anonymous_id", required=True),
        "id_value": Column(_TEXT, "the identifier", required=True),
        "customer_id": _CUSTOMER,
        "first_seen_at": Column(_TIME, "when it was first known to be theirs"),
        "shared_until": Column(_TIME, "when the last merge was found of profiles that had it before; NULL if none"),
    },
)
TRAIT_CHANGES = Table(
    "customer_trait_changes",
    "change of one trait, as it became known",
    ("customer_id", "trait", "valid_from", "observed_at"),
    {
        "customer_id": _CUSTOMER,
        "trait": Column(_TEXT, "its key at the top level", required=True),
        "valid_from": _SINCE,
        "observed_at": _SEEN,
        "value": Column(_JSON, "JSON null if set to null, SQL NULL if gone"),
        "origin": Column(_TEXT, "identify: set by an event; snapshot: seen by a load", required=True),
    },
)
EVENTS = Table(
    "customer_events",
    "event",
    ("event_id",),
    {
        "event_id": Column(_TEXT, "the event", required=True),
        "customer_id": Column(_TEXT, "NULL if nobody is known"),
        "event_name": Column(_TEXT, "such as Order Completed"),
        "call_type": Column(_TEXT, "track, page or identify"),
        "send_type": Column(_TEXT, "a message's channel"),
        "source": Column(_TEXT, "how it was sent"),
        "event_at": Column(_TIME, "when it happened, by the sender's clock", required=True),
        "ingested_at": Column(_TIME, "when the platform received it"),
        "known_at": Column(_TIME, "when it, and that it is this customer's, was known", required=True),
        "known_at_imputed": Column(_YES_NO, "whether ingested_at is missing", required=True),
        "properties": Column(_JSON, "as they came"),
    },
)
ORDER_ITEMS = Table(
    "customer_order_items",
    "product line of an event with a list of products",
    ("event_id", "line_number"),
    {
        "event_id": Column(_TEXT, "the event", required=True),
        "line_number": Column(_COUNT, "from 1", required=True),
        "sku": Column(_TEXT, "the product's sku, else its product_id"),
        "name": Column(_TEXT, "the product's name"),
        "category": Column(_TEXT, "the product's category"),
        "quantity": Column(_NUMBER, "1 where the line does not say"),
        "price": Column(_NUMBER, "of one, in the order's currency"),
        "customer_id": Column(_TEXT, "the event's"),
        "event_name": Column(_TEXT, "the event's"),
        "event_at": Column(_TIME, "the event's", required=True),
        "known_at": Column(_TIME, "the event's", required=True),
    },
)
CONSENTS = Table(
    "customer_consents",
    "change of consent on a channel, as it became known",
    ("customer_id", "channel", "valid_from", "observed_at"),
    {
        "customer_id": _CUSTOMER,
        "channel": Column(_TEXT, "such as email, sms, push", required=True),
        "valid_from": _SINCE,
        "observed_at": _SEEN,
        "subscribed": Column(_YES_NO, "NULL if it is gone"),
    },
)
BUILDS = Table(
    "builds",
    "source",
    ("source",),
    {
        "source": Column(_TEXT, "the dataset", required=True),
        "built_at": Column(_TIME, "when the tables were last built, by this machine's clock", required=True),
        "watermark": Column(_TIME, "all events received before it are there"),
        "position": Column(_JSON, "what was built, for the next build", required=True),
    },
    customer=None,
)
LINKS = Table(
    "identifier_links",
    "identifier that was seen with a profile: what customer_identifiers is made of",
    ("id_type", "id_value", "profile_id"),
    {
        "id_type": Column(_TEXT, "the identifier's type", required=True),
        "id_value": Column(_TEXT, "as in customer_identifiers", required=True),
        "profile_id": Column(_TEXT, "the profile, before merges", required=True),
        "seen_at": Column(_TIME, "when they were first known together"),
        "event_id": Column(_TEXT, "the event that shows it; NULL if it was no event"),
    },
    customer=None,
)
MERGED = Table(
    "merged_profiles",
    "profile that was merged into another",
    ("profile_id",),
    {
        "profile_id": Column(_TEXT, "the profile", required=True),
        "customer_id": Column(_TEXT, "the profile that it is part of, over all merges", required=True),
        "merged_at": Column(_TIME, "when the last merge on the way there was found", required=True),
    },
    customer="customer_id",
)
CREATIONS = Table(
    "profile_creations",
    "profile that the platform said when it made it, be it gone since: no build makes it anew",
    ("profile_id",),
    {
        "profile_id": Column(_TEXT, "the profile", required=True),
        "created_at": Column(_TIME, "when the platform made it, as was said last", required=True),
    },
    customer=None,
)
TABLES = (CUSTOMERS, ABSENCES, IDENTIFIERS, TRAIT_CHANGES, EVENTS, ORDER_ITEMS, CONSENTS)
"""The canonical tables."""
KEPT = (*TABLES, LINKS, MERGED, CREATIONS, BUILDS)
"""All tables of the schema."""
