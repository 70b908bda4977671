"""All canonical tables, filled anew."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from customer_tables import contract
from customer_tables.consents import consents
from customer_tables.contract import (
    ABSENCES,
    CONSENTS,
    CREATIONS,
    CUSTOMERS,
    EVENTS,
    IDENTIFIERS,
    LINKS,
    MERGED,
    ORDER_ITEMS,
    TRAIT_CHANGES,
)
from customer_tables.customers import absences, customers
from customer_tables.engine import Engine
from customer_tables.events import resolved
from customer_tables.identifiers import first_links, identifiers
from customer_tables.merges import Merge, settled
from customer_tables.staging.contract import Staging
from customer_tables.trait_changes import trait_changes

LINE_OF = ("event_id", "customer_id", "event_name", "event_at", "known_at")
"""What an order line has of its event."""
IDENTIFY = "identify"


class Builder:
    """The canonical tables of one source, on one connection."""

    def __init__(self, engine: Engine, staging: Staging) -> None:
        self.engine = engine
        self.staging = staging
        self.links, self.merges = engine.table(LINKS), engine.table(MERGED)
        self.identifiers, self.events = engine.table(IDENTIFIERS), engine.table(EVENTS)
        self.trait_changes, self.creations = engine.table(TRAIT_CHANGES), engine.table(CREATIONS)

    def fill(self) -> None:
        """Fill all tables anew; of when profiles were made, what the source has no longer is kept."""
        engine, staging = self.engine, self.staging
        for table in contract.KEPT:
            if table is not CREATIONS or not engine.exists(table):
                engine.make(table)
        self.write_creations()
        kinds = (*staging.event_links(staging.events()), *staging.profile_links(staging.snapshots()))
        engine.insert(LINKS, self.seen_links(kinds))
        engine.insert(MERGED, self.merged())
        engine.insert(IDENTIFIERS, identifiers(self.links, self.merges))
        engine.insert(EVENTS, self.resolved(staging.events()))
        engine.insert(ORDER_ITEMS, staging.order_lines(self.events, *LINE_OF))
        identifies = staging.events().filter(staging.events().call_type == IDENTIFY)
        engine.insert(TRAIT_CHANGES, trait_changes(self.resolved(identifies), self.snapshots()))
        engine.insert(CONSENTS, consents(self.trait_changes, staging))
        engine.insert(CUSTOMERS, customers(self.identifiers, self.merges, self.creations, staging))
        engine.insert(ABSENCES, absences(self.merges, staging))

    def write_creations(self) -> None:
        """Write when profiles were made: as the source says now, or as it said last."""
        profiles = self.staging.profiles()
        told = profiles.filter(profiles.created_at.notnull()).select(list(CREATIONS.columns))
        self.engine.replace(CREATIONS, told.union(self.creations.anti_join(told, "profile_id")))

    def seen_links(self, kinds: Iterable[ir.Table]) -> ir.Table:
        """Each identifier and profile once, of several kinds.

        Each kind is a statement of its own: in one, DuckDB would keep all that they have in common aside first.
        """
        return first_links(ibis.union(*(self.engine.keep(f"links_{n}", kind) for n, kind in enumerate(kinds))))

    def merged(self) -> ir.Table:
        """The merged profiles with what they are part of, as the source says now."""
        columns = {name: self.merges[name].type() for name in MERGED.columns}
        found = self.staging.merges().select("profile_id", "merged_into", "detected_at")
        ends = settled(Merge(*row) for row in self.engine.rows(found))
        rows = [(end.profile_id, end.merged_into, end.detected_at) for end in ends]
        return self.engine.of_values("merged", columns, rows)

    def resolved(self, events: ir.Table) -> ir.Table:
        """Events with their customers, by the identifiers that are held."""
        return resolved(events, self.identifiers, self.merges)

    def snapshots(self) -> ir.Table:
        """The snapshots of profiles that are no part of another, whose snapshots say what became of its traits."""
        own = self.staging.snapshots().anti_join(self.merges, "profile_id")
        return own.select("observed_at", "traits", customer_id="profile_id")
