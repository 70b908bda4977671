"""Intilery's raw tables, as `docs/data_dictionary.md` has them; no other module of this package knows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from customer_tables.primitives import earliest, elements, json_text, json_type_at, mentions, number, row_hash
from customer_tables.raw import RawTables
from customer_tables.staging.contract import Standing

_TIME = dt.Timestamp(timezone="UTC", scale=6)
_EVENTS = {
    "event_id": dt.string,
    "customer_id": dt.string,
    "user_id": dt.string,
    "anonymous_id": dt.string,
    "event_name": dt.string,
    "call_type": dt.string,
    "send_type": dt.string,
    "source": dt.string,
    "event_time": _TIME,
    "received_time": _TIME,
    "properties": dt.json,
    "context": dt.json,
    "traits": dt.json,
    "_dlt_load_id": dt.string,
}
_HISTORY = {
    "profile_id": dt.string,
    "external_id": dt.string,
    "observed_at": _TIME,
    "trait_hash": dt.string,
    "traits": dt.json,
    "_dlt_load_id": dt.string,
}
_MERGES = {
    "profile_id": dt.string,
    "merged_into": dt.string,
    "external_id": dt.string,
    "detected_at": _TIME,
    "_dlt_load_id": dt.string,
}
_DELETIONS = {"profile_id": dt.string, "detected_at": _TIME, "_dlt_load_id": dt.string}
_PROFILE = {"id": dt.string, "_dlt_load_id": dt.string}
_META = {**_PROFILE, "created_by__created_time": _TIME}
_RUNS = {"run_id": dt.string, "since": _TIME, "lateness_p99_99": dt.float64}
_WINDOWS = {"run_id": dt.string, "window_end": _TIME, "known_at": _TIME, "complete": dt.boolean}
_LINK = ("id_type", "id_value", "profile_id", "seen_at", "event_id")
_LIKE_AN_ADDRESS = "@"


class Intilery:
    """The staged contract over Intilery's raw tables."""

    consent_trait = "marketingPreferences"
    event_log = "events"
    snapshot_log = "profile_trait_history"

    def __init__(self, raw: RawTables) -> None:
        self._raw = raw
        self._standing: Standing | None = None

    def standing(self) -> Standing:
        """The lateness that 99.99 % of events kept to, and the platform's time up to which all events were read."""
        if self._standing is None:
            self._standing = self._measured()
        return self._standing

    def logs(self) -> Mapping[str, ir.Table]:
        """Events, trait history, merges, deletions."""
        identities: Mapping[str, tuple[Mapping[str, dt.DataType], Sequence[str]]] = {
            "events": (_EVENTS, ("event_id", "customer_id", "user_id", "anonymous_id")),
            "profile_trait_history": (_HISTORY, ("profile_id", "observed_at", "external_id", "trait_hash")),
            "profile_merges": (_MERGES, ("profile_id", "detected_at", "merged_into", "external_id")),
            "profile_deletions": (_DELETIONS, ("profile_id", "detected_at", "profile_id", "detected_at")),
        }
        return {
            name: self._raw.table(name, columns).pipe(_marked, identity)
            for name, (columns, identity) in identities.items()
        }

    def states(self) -> Mapping[str, ir.Table]:
        """The tables of what profiles are now."""
        identity = ("id", "_dlt_load_id", "id", "id")
        return {
            name: self._raw.table(name, _PROFILE).pipe(_marked, identity)
            for name in ("profiles", "profile_traits", "profile_meta")
        }

    def events(self) -> ir.Table:
        """The table `events`; `heard_at` is the time of receipt, or when it must have been received at the latest."""
        raw = self._raw_events()
        lateness = (
            ibis.interval(seconds=1) * int(-(-self.standing().lateness // 1)) if self.standing().guesses else None
        )
        late = raw.received_time if lateness is None else raw.received_time.coalesce(raw.event_time + lateness)
        return raw.select(
            "event_id",
            "event_name",
            "call_type",
            "send_type",
            "source",
            "properties",
            "context",
            "traits",
            profile_id=raw.customer_id.nullif(""),
            user_id=raw.user_id.nullif(""),
            anonymous_id=raw.anonymous_id.nullif(""),
            event_at=raw.event_time,
            ingested_at=raw.received_time,
            heard_at=late,
            load_id=_load(raw),
        )

    def snapshots(self) -> ir.Table:
        """The table `profile_trait_history`."""
        raw = self._raw.table("profile_trait_history", _HISTORY)
        raw = raw.filter(raw.profile_id.notnull(), raw.observed_at.notnull())
        return raw.select(
            "profile_id",
            "observed_at",
            "traits",
            external_id=raw.external_id.nullif(""),
            load_id=_load(raw),
        )

    def merges(self) -> ir.Table:
        """The table `profile_merges`."""
        raw = self._raw.table("profile_merges", _MERGES).drop("_dlt_load_id")
        return raw.filter(raw.profile_id.notnull(), raw.merged_into.notnull(), raw.detected_at.notnull())

    def deletions(self) -> ir.Table:
        """The table `profile_deletions`."""
        raw = self._raw.table("profile_deletions", _DELETIONS).drop("_dlt_load_id")
        return raw.filter(raw.profile_id.notnull(), raw.detected_at.notnull())

    def profiles(self) -> ir.Table:
        """What the tables of profiles hold now; the metadata say when the platform made one."""
        meta = self._raw.table("profile_meta", _META)
        shown = [
            self._raw.table(name, _PROFILE).select(profile_id="id", created_at=ibis.null(_TIME))
            for name in ("profiles", "profile_traits")
        ]
        every = ibis.union(meta.select(profile_id="id", created_at="created_by__created_time"), *shown)
        every = every.filter(every.profile_id.notnull())
        return every.group_by("profile_id").agg(created_at=every.created_at.min())

    def event_links(self, events: ir.Table) -> Sequence[ir.Table]:
        """Of events with a profile: the profile itself, the sender's user id, the device, e-mail addresses.

        A user id that looks like an address counts as one: it may be a household's.
        """
        known = events.filter(events.profile_id.notnull())
        return (
            _links(known, known.profile_id, "profile"),
            _links(known, known.user_id, "external_id", address="email"),
            _links(known, known.anonymous_id, "anonymous_id"),
            _addresses(known.filter(mentions(known.context, '"email"')), "context", "$.traits.email"),
            _addresses(known.filter(known.call_type == "identify"), "traits", "$.email"),
        )

    def profile_links(self, snapshots: ir.Table) -> Sequence[ir.Table]:
        """What snapshots, merges and deletions say."""
        seen = snapshots.mutate(heard_at=snapshots.observed_at, event_id=ibis.null(dt.string))
        merges, gone = (
            table.mutate(heard_at=table.detected_at, event_id=ibis.null(dt.string))
            for table in (self.merges(), self.deletions())
        )
        into = merges.drop("profile_id").rename(profile_id="merged_into")
        return (
            _links(seen, seen.profile_id, "profile"),
            _links(seen, seen.external_id, "external_id"),
            _addresses(seen, "traits", "$.email"),
            _links(merges, merges.profile_id, "profile"),
            _links(into, into.profile_id, "profile"),
            _links(into, into.external_id.nullif(""), "external_id"),
            _links(gone, gone.profile_id, "profile"),
        )

    def order_lines(self, events: ir.Table, *kept: str) -> ir.Table:
        """The elements of `products`; a plain search goes before, since few events have any."""
        likely = events.filter(mentions(events.properties, '"products"') | mentions(events.properties, "\\u"))
        lines = elements(likely, "properties", "$.products", *kept, item="line")
        counted = json_type_at(lines.line, "$.quantity")
        said = number(json_text(lines.line, "$.quantity"))
        product = json_type_at(lines.line, "$") == "OBJECT"
        return lines.select(
            *kept,
            line_number=lines.place,
            sku=json_text(lines.line, "$.sku").coalesce(json_text(lines.line, "$.product_id")),
            name=json_text(lines.line, "$.name"),
            category=json_text(lines.line, "$.category"),
            quantity=ibis.ifelse(product & (counted.isnull() | (counted == "NULL")), 1.0, said),
            price=number(json_text(lines.line, "$.price")),
        )

    def channels(self, changes: ir.Table, *kept: str) -> ir.Table:
        """The elements of `channels` that name one."""
        found = elements(changes, "value", "$.channels", *kept, item="entry")
        found = found.select(
            *kept,
            "place",
            channel=json_text(found.entry, "$.channel").nullif(""),
            subscribed=json_text(found.entry, "$.subscribed").try_cast(dt.boolean),
        )
        return found.filter(found.channel.notnull())

    def _raw_events(self) -> ir.Table:
        raw = self._raw.table("events", _EVENTS)
        return raw.filter(raw.event_id.notnull(), raw.event_time.notnull())

    def _measured(self) -> Standing:
        raw, runs = self._raw_events(), self._raw.table("extract_runs", _RUNS)
        windows = self._raw.table("extract_windows", _WINDOWS)
        guesses = bool(self._raw.value(raw.received_time.isnull().any()))
        lateness = 0.0
        if guesses:
            told = self._raw.value(runs.lateness_p99_99.max())
            if told is None:
                both = raw.filter(raw.received_time.notnull())
                delays = both.received_time.delta(both.event_time, unit="second")
                told = self._raw.value(delays.quantile(0.9999))
            lateness = max(float(told or 0.0), 0.0)
        ranges = runs.filter(runs.since.notnull()).select("run_id").distinct()
        passes = windows.anti_join(ranges, "run_id").group_by("known_at").agg(reached=windows.window_end.max())
        read = passes.select(until=ibis.least(passes.known_at, passes.reached))
        watermark = self._raw.value(read.until.max()) or self._raw.value(raw.received_time.max())
        return Standing(lateness, guesses, watermark if isinstance(watermark, datetime) else None)


def _marked(table: ir.Table, identity: Sequence[str]) -> ir.Table:
    mark = row_hash(*(table[name].cast(dt.string) for name in identity))
    return table.select(load_id=_load(table), key=table[identity[0]], mark=mark)


def _load(table: ir.Table) -> ir.StringValue:
    return table["_dlt_load_id"].coalesce("")


def _links(table: ir.Table, value: ir.StringValue, id_type: str, address: str | None = None) -> ir.Table:
    """A row for each value and profile; a value that looks like an e-mail address is of the type `address`, if given.

    It groups before the union of all kinds: five million events are ten times as fast so.
    """
    rows = table.select("profile_id", "event_id", "heard_at", given=value)
    rows = rows.filter(rows.given.notnull())
    first = rows.group_by("profile_id", "given").agg(
        seen_at=rows.heard_at.min(), event_id=earliest(rows.event_id, rows.heard_at)
    )
    kind, plain = ibis.literal(id_type), first.given
    if address is not None:
        is_address = first.given.contains(_LIKE_AN_ADDRESS)
        kind, plain = ibis.ifelse(is_address, address, id_type), ibis.ifelse(is_address, _plain(first.given), plain)
    return first.select("profile_id", "seen_at", "event_id", id_type=kind, id_value=plain).select(*_LINK)


def _addresses(table: ir.Table, column: str, path: str) -> ir.Table:
    found = _links(table, json_text(table[column], path), "email", address="email")
    return found.filter(found.id_value.contains(_LIKE_AN_ADDRESS))


def _plain(address: ir.StringValue) -> ir.StringValue:
    return address.strip().lower()
