"""The canonical tables brought up to date with what is new in the raw tables, exactly as if they were filled anew.

Only what new rows may have changed is looked at again: their events, the events of identifiers that belong to somebody
else than before, the traits of the customers concerned. What new loads do not account for, such as rows that were
erased, is left to a build in full.
"""

import ibis.expr.types as ir

from customer_tables.build import IDENTIFY, LINE_OF, Builder
from customer_tables.consents import consents
from customer_tables.contract import CONSENTS, CUSTOMERS, EVENTS, IDENTIFIERS, LINKS, MERGED, ORDER_ITEMS, TRAIT_CHANGES
from customer_tables.customers import customers
from customer_tables.engine import Engine, place, sql
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
        loads = {name: sorted({*log} - {*before.logs[name]}) for name, log in now.logs.items()}
        events, snapshots = staging.events(), staging.snapshots()
        self._loads = loads
        self._events = engine.keep("new_events", events.filter(events.load_id.isin(loads[staging.event_log])))
        self._snapshots = engine.keep(
            "new_snapshots", snapshots.filter(snapshots.load_id.isin(loads[staging.snapshot_log]))
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
                again = again.semi_join(self.events, again.key == self.events.event_id)
                ((more, sum_of_more),) = self.engine.rows(again.agg(rows=again.count(), total=again.mark.sum()))
                rows, total = rows + int(more), total + int(sum_of_more or 0)
            if (rows, total) != tuple(map(sum, zip((0, 0), *before.values(), strict=True))):
                return False
        return True

    def _changed_links(self) -> ir.Table | None:
        """The links that are new or older than was known; None where one is not there any more.

        A link is lost where the event that showed it was read again and shows it no longer, or later.
        """
        shown = self.engine.keep("shown_links", self.seen_links(self._events, self._snapshots))
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
        now = self.merged()
        moved = self.engine.keep("moved", now.difference(self.merges).union(self.merges.difference(now)))
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
        events = self.staging.events().anti_join(self._events, "event_id")
        of_user = events.user_id.isin(ids.filter(ids.id_type == EXTERNAL_ID).id_value)
        of_device = events.anonymous_id.isin(ids.filter(ids.id_type == ANONYMOUS_ID).id_value)
        by_link = events.profile_id.isnull() & (of_user | of_device)
        events = events.filter(by_link | events.profile_id.isin(moved.profile_id))
        return self.engine.keep("reassigned", events.drop("properties", "context", "traits"))

    def _write_events(self, reassigned: ir.Table, moved: ir.Table) -> ir.Table:
        """Write the new events and the customers of reassigned ones; the customers whose traits this may change."""
        engine = self.engine
        ours = self._events.select("event_id").union(reassigned.select("event_id"))
        before = self.events.filter(self.events.call_type == IDENTIFY).semi_join(ours, "event_id")
        before = engine.keep("identified_before", before.select("customer_id"))
        now = engine.keep("resolved", self._resolved(self._events))
        for table in (EVENTS, ORDER_ITEMS):
            engine.delete(table, now.select("event_id"))
        engine.insert(EVENTS, now)
        engine.insert(ORDER_ITEMS, self.staging.order_lines(now, *LINE_OF))
        others = engine.keep("resolved_again", self._resolved(reassigned))
        if not engine.is_empty(others):
            for table in (EVENTS, ORDER_ITEMS):
                engine.run(
                    f"UPDATE {place(table)} AS t SET customer_id = o.customer_id, known_at = o.known_at "
                    f"FROM ({sql(others)}) AS o WHERE t.event_id = o.event_id"
                )
        after = [rows.filter(rows.call_type == IDENTIFY).select("customer_id") for rows in (now, others)]
        seen = self._snapshots.select(customer_id="profile_id")
        merged = moved.select("customer_id").union(moved.select(customer_id="profile_id"))
        every = before.union(*after, seen, merged, distinct=True)
        return engine.keep("concerned", every.filter(every.customer_id.notnull()))

    def _resolved(self, events: ir.Table) -> ir.Table:
        """A few events with their customers; only the identifiers that they show are looked at."""
        shown = self.engine.keep(
            "shown", events.select(id_value="user_id").union(events.select(id_value="anonymous_id"))
        )
        found = self.engine.keep("owned", self.identifiers.semi_join(shown, "id_value"))
        return resolved(events, found, self.merges)

    def _write_traits(self, concerned: ir.Table) -> None:
        """Write the traits and consents of some customers anew."""
        engine = self.engine
        if engine.is_empty(concerned):
            return
        theirs = self.events.semi_join(concerned, "customer_id")
        theirs = theirs.filter(theirs.call_type == IDENTIFY).select("event_id", "customer_id", "event_at", "known_at")
        theirs = engine.keep("identifies", theirs)
        events = self.staging.events().select("event_id", "traits")
        snapshots = self.snapshots()
        snapshots = snapshots.filter(snapshots.customer_id.isin(concerned.customer_id))
        identifies = engine.keep("identified_traits", events.inner_join(theirs, "event_id"))
        changes = engine.keep("trait_changes", trait_changes(identifies, snapshots))
        for table in (TRAIT_CHANGES, CONSENTS):
            engine.delete(table, concerned)
        engine.insert(TRAIT_CHANGES, changes)
        engine.insert(CONSENTS, consents(changes, self.staging))

    def _write_customers(self, owners: ir.Table) -> None:
        """Write the customers anew whose identifiers changed, or all if anything new but events was read."""
        others = [name for name, loads in self._loads.items() if loads and name != self.staging.event_log]
        if others or self._before.states != self._now.states:
            self.engine.replace(CUSTOMERS, customers(self.identifiers, self.merges, self.staging))
            return
        found = customers(self.identifiers.semi_join(owners, "customer_id"), self.merges, self.staging)
        found = self.engine.keep("customers", found)
        self.engine.delete(CUSTOMERS, owners)
        self.engine.insert(CUSTOMERS, found.semi_join(owners, "customer_id"))
