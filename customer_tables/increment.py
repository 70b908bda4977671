"""The canonical tables brought up to date with what is new in the raw tables, exactly as if they were filled anew.

Only what new rows may have changed is looked at again: their events, the events of identifiers that belong to somebody
else than before, the traits of the customers concerned. What new loads do not account for, such as rows that were
erased, is left to a build in full.
"""

import ibis
import ibis.expr.types as ir

from customer_tables.builder import IDENTIFY, LINE_OF, Builder
from customer_tables.consents import consents
from customer_tables.contract import (
    ABSENCES,
    CONSENTS,
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
from customer_tables.identifiers import ANONYMOUS_ID, EXTERNAL_ID, identifiers
from customer_tables.position import Position
from customer_tables.staging.contract import Staging
from customer_tables.trait_changes import trait_changes

_LINK, _ID = list(LINKS.key), ["id_type", "id_value"]


class Increment(Builder):
    """What is new in a source since it stood at `before`; it stands at `now`."""

    def __init__(self, engine: Engine, staging: Staging, before: Position, now: Position) -> None:
        super().__init__(engine, staging)
        self._before, self._now = before, now
        self._loads = {name: sorted({*log} - {*before.logs[name]}) for name, log in now.logs.items()}
        events, snapshots = staging.events(), staging.snapshots()
        of_events, of_snapshots = self._loads[staging.event_log], self._loads[staging.snapshot_log]
        self._events = engine.keep("new_events", events.filter(events.load_id.isin(of_events)))
        self._snapshots = engine.keep("new_snapshots", snapshots.filter(snapshots.load_id.isin(of_snapshots)))
        held = self.events.semi_join(self._events, "event_id").select("event_id", "customer_id", "call_type")
        self._held = engine.keep("held", held)
        self._only_events = before.states == now.states and not any(
            loads for name, loads in self._loads.items() if name != staging.event_log
        )

    def take_in(self) -> bool:
        """Take in what is new; False, with the tables in disorder, where that does not account for what has changed."""
        if self._before.lateness != self._now.lateness or not self._old_rows_are_the_same():
            return False
        links = self._changed_links()
        if links is None:
            return False
        moved = self._moved_profiles()
        changed = self._changed_identifiers(links, moved)
        self._write_traits(self._write_events(self._reassigned(changed, moved), moved))
        self._write_customers(self.engine.keep("owners", changed.select("customer_id").distinct()))
        return True

    def _old_rows_are_the_same(self) -> bool:
        """Whether the rows of old loads are what they were, but for events that were read again."""
        for name, log in self._now.logs.items():
            before = self._before.logs[name]
            rows, total = map(sum, zip((0, 0), *(log[load] for load in log.keys() & before.keys()), strict=True))
            if name == self.staging.event_log:
                again = self.staging.logs()[name]
                again = again.filter(again.load_id.isin(self._loads[name]))
                again = again.semi_join(self._held, again.key == self._held.event_id)
                ((more, sum_of_more),) = self.engine.rows(again.agg(rows=again.count(), total=again.mark.sum()))
                rows, total = rows + int(more), total + int(sum_of_more or 0)
            if (rows, total) != tuple(map(sum, zip((0, 0), *before.values(), strict=True))):
                return False
        return True

    def _changed_links(self) -> ir.Table | None:
        """The links that are new or older than was known; None where one is not there any more.

        A link is lost where the event that showed it was read again and shows it no longer, or later.
        """
        kinds = list(self.staging.event_links(self._events))
        if not self._only_events:
            kinds += self.staging.profile_links(self._snapshots)
        shown = self.engine.keep("shown_links", self.seen_links(kinds))
        renewed = self.links.semi_join(self._events, "event_id")
        lost = renewed.anti_join(
            shown, [*(renewed[name] == shown[name] for name in _LINK), shown.seen_at <= renewed.seen_at]
        )
        if not self.engine.is_empty(lost):
            return None
        held = self.links.select(*_LINK, known_at="seen_at")
        both = shown.left_join(held, _LINK)
        changed = both.filter(both.known_at.isnull() | (both.seen_at < both.known_at)).select(list(LINKS.columns))
        changed = self.engine.keep("changed_links", changed)
        self.engine.delete(LINKS, changed.select(_LINK))
        self.engine.insert(LINKS, changed)
        return changed

    def _moved_profiles(self) -> ir.Table:
        """The profiles that are part of another customer, or since another time; with the old and the new one."""
        now = self.merges if self._only_events else self.merged()
        moved = self.engine.keep("moved", now.difference(self.merges).union(self.merges.difference(now)))
        if not self._only_events:
            self.engine.replace(MERGED, now)
        return moved

    def _changed_identifiers(self, links: ir.Table, moved: ir.Table) -> ir.Table:
        """The identifiers that belong to others than before, or since another time; with whose they are or were."""
        theirs = self.links.semi_join(moved, "profile_id")
        touched = self.engine.keep("touched", links.select(_ID).union(theirs.select(_ID), distinct=True))
        before = self.engine.keep("identifiers_before", self.identifiers.semi_join(touched, _ID))
        now = self.engine.keep("identifiers_now", identifiers(self.links.semi_join(touched, _ID), self.merges))
        changed = now.difference(before).union(before.difference(now))
        changed = self.engine.keep("changed_identifiers", changed.select(*_ID, "customer_id").distinct())
        self.engine.delete(IDENTIFIERS, changed)
        self.engine.insert(IDENTIFIERS, now.semi_join(changed, IDENTIFIERS.key))
        return changed

    def _reassigned(self, ids: ir.Table, moved: ir.Table) -> ir.Table:
        """The events, new ones left out, whose customer may be another; without their JSON."""
        events = self.staging.events().drop("properties", "context", "traits")
        of_user = events.user_id.isin(ids.filter(ids.id_type == EXTERNAL_ID).id_value)
        of_device = events.anonymous_id.isin(ids.filter(ids.id_type == ANONYMOUS_ID).id_value)
        theirs = events.profile_id.isnull() & (of_user | of_device)
        if not self._only_events:
            theirs |= events.profile_id.isin(moved.profile_id)
        found = self.engine.keep("shared_events", events.filter(theirs))
        return self.engine.keep("reassigned", found.anti_join(self._events, "event_id"))

    def _write_events(self, reassigned: ir.Table, moved: ir.Table) -> ir.Table:
        """Write the new events and the customers of reassigned ones; the customers whose traits this may change."""
        engine = self.engine
        new, again = self._resolved("resolved", self._events), self._again(reassigned)
        now = again.mutate(customer_id=again.now, known_at=again.now_known)
        now = engine.keep("written", new.select(list(EVENTS.columns)).union(now.select(list(EVENTS.columns))))
        before = self._held.union(again.select(self._held.columns))
        if not engine.is_empty(before):
            for table in (EVENTS, ORDER_ITEMS):
                engine.delete(table, now.select("event_id"))
        engine.insert(EVENTS, now)
        engine.insert(ORDER_ITEMS, self.staging.order_lines(now, *LINE_OF))
        customers = [rows.filter(rows.call_type == IDENTIFY).select("customer_id") for rows in (before, now)]
        if not self._only_events:
            customers.append(self._snapshots.select(customer_id="profile_id"))
            customers += [moved.select("customer_id"), moved.select(customer_id="profile_id")]
        every = ibis.union(*customers, distinct=True)
        return engine.keep("concerned", every.filter(every.customer_id.notnull()))

    def _again(self, reassigned: ir.Table) -> ir.Table:
        """The reassigned events as they are held, and their customer, and when that was known, as it is now.

        They are taken out and put in again: DuckDB writes all of a column anew where it updates some values.
        """
        now = self._resolved("reassigned_now", reassigned)
        now = now.select("event_id", now="customer_id", now_known="known_at")
        events = self.events.mutate(row=self.events.rowid())
        held = events.select("row", "event_id", "customer_id", "known_at").inner_join(now, "event_id")
        others = held.filter(~(held.customer_id.identical_to(held.now) & (held.known_at == held.now_known)))
        others = self.engine.keep("others", others.select("row", "now", "now_known"))
        # by their places, DuckDB need not look through the JSON of all the others
        found = events.filter(events.row.isin(others.row)).inner_join(others, "row").drop("row")
        return self.engine.keep("reassigned_held", found)

    def _resolved(self, name: str, events: ir.Table) -> ir.Table:
        """A few events with their customers, kept; only the identifiers that they show are looked at."""
        shown = events.select(id_value="user_id").union(events.select(id_value="anonymous_id"))
        owned = self.identifiers.semi_join(self.engine.keep(f"{name}_shown", shown), "id_value")
        return self.engine.keep(name, resolved(events, self.engine.keep(f"{name}_owned", owned), self.merges))

    def _write_traits(self, concerned: ir.Table) -> None:
        """Write the traits and consents of some customers anew."""
        engine = self.engine
        if engine.is_empty(concerned):
            return
        parts = self.merges.semi_join(concerned, "customer_id").select("profile_id")
        parts = engine.keep("parts", parts.union(concerned.select(profile_id="customer_id")))
        events, snapshots = self.staging.events().drop("properties", "context"), self.snapshots()
        snapshots = snapshots.filter(snapshots.customer_id.isin(concerned.customer_id))
        events = events.filter(events.call_type == IDENTIFY)
        events = events.filter(events.profile_id.isnull() | events.profile_id.isin(parts.profile_id))
        identifies = self._resolved("identifies", engine.keep("identify_events", events))
        identifies = identifies.semi_join(concerned, "customer_id")
        changes = engine.keep("trait_changes", trait_changes(identifies, snapshots))
        for table in (TRAIT_CHANGES, CONSENTS):
            engine.delete(table, concerned)
        engine.insert(TRAIT_CHANGES, changes)
        engine.insert(CONSENTS, consents(changes, self.staging))

    def _write_customers(self, owners: ir.Table) -> None:
        """Write the customers anew whose identifiers changed, or all if anything new but events was read."""
        if not self._only_events:
            self.write_creations()
            every = customers(self.identifiers, self.merges, self.creations, self.staging)
            self.engine.replace(CUSTOMERS, every)
            self.engine.replace(ABSENCES, absences(self.merges, self.staging))
            return
        theirs = self.identifiers.semi_join(owners, "customer_id")
        found = customers(theirs, self.merges, self.creations, self.staging)
        found = self.engine.keep("customers", found)
        self.engine.delete(CUSTOMERS, owners)
        self.engine.insert(CUSTOMERS, found.semi_join(owners, "customer_id"))
