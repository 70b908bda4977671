"""Changes of traits: what identify events set, and what snapshots show beyond that."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from customer_tables.contract import TRAIT_CHANGES
from customer_tables.primitives import entries, same_json

_KEY = TRAIT_CHANGES.key
_CELL = ("customer_id", "trait")
IDENTIFY, SNAPSHOT = "identify", "snapshot"


def trait_changes(identifies: ir.Table, snapshots: ir.Table) -> ir.Table:
    """`customer_trait_changes` of resolved identify events and of the snapshots of customers.

    `snapshots` has customer_id, observed_at and traits, NULL where the customer was gone. A trait of a snapshot is a
    change if it differs from the one before, or from what identify events set meanwhile; one that is not there has no
    value from then on.
    """
    told = _told(identifies)
    versions = _versions(snapshots)
    seen = ibis.union(_differing(_shown(versions), told), _removed(versions), _unshown(versions, told)).distinct()
    ours = list(TRAIT_CHANGES.columns)
    identified = told.anti_join(seen, [*_KEY]).mutate(origin=ibis.literal(IDENTIFY))
    return ibis.union(identified.select(ours), seen.mutate(origin=ibis.literal(SNAPSHOT)).select(ours))


def _told(identifies: ir.Table) -> ir.Table:
    """What identify events set; of several that say so of one instant, at one instant, the last by name counts."""
    named = identifies.filter(identifies.customer_id.notnull())
    rows = entries(named, "traits", "customer_id", "event_at", "known_at", "event_id", key="trait", item="value")
    rows = rows.rename(valid_from="event_at", observed_at="known_at")
    last = ibis.row_number().over(group_by=_KEY, order_by=[rows.event_id.desc(), rows.place.desc()])
    return rows.mutate(rank=last).filter(ibis._.rank == 0).select(*_KEY, "value")


def _versions(snapshots: ir.Table) -> ir.Table:
    """Snapshots numbered by customer, with the times of the one before and the one after."""
    in_time = ibis.window(group_by="customer_id", order_by="observed_at")
    return snapshots.select(
        "customer_id",
        "observed_at",
        "traits",
        version=ibis.row_number().over(in_time),
        before=snapshots.observed_at.lag().over(in_time),
        after=snapshots.observed_at.lead().over(in_time),
    )


def _cells(versions: ir.Table) -> ir.Table:
    """A row for each trait of each version, with its value and its number in the version before and after."""
    rows = entries(versions, "traits", "customer_id", "observed_at", "version", "before", "after",
                   key="trait", item="value")  # fmt: skip
    in_time = ibis.window(group_by=_CELL, order_by="version")
    return rows.mutate(
        last_value=rows.value.lag().over(in_time),
        last_version=rows.version.lag().over(in_time),
        next_version=rows.version.lead().over(in_time),
    )


def _shown(versions: ir.Table) -> ir.Table:
    """The traits of each version, with the value in the version before, SQL NULL where it was not there."""
    cells = _cells(versions)
    was_there = cells.last_version == cells.version - 1
    return cells.mutate(last_value=ibis.ifelse(was_there, cells.last_value, ibis.null(dt.json)))


def _differing(shown: ir.Table, told: ir.Table) -> ir.Table:
    """The traits of versions that neither the version before nor an identify event since explains.

    An identify event that was only heard of after the version before, and holds from earlier than that, may count
    or not: so the value must then be that of both.
    """
    set_ = told.rename(set_from="valid_from", heard_at="observed_at", set_value="value")
    heard = shown.inner_join(
        set_,
        [
            shown.customer_id == set_.customer_id,
            shown.trait == set_.trait,
            set_.heard_at <= shown.observed_at,
            set_.set_from <= shown.observed_at,
            shown.before.isnull() | (set_.heard_at > shown.before),
        ],
    )
    newest = ibis.row_number().over(
        group_by=[*_CELL, "version"], order_by=[heard.set_from.desc(), heard.heard_at.desc()]
    )
    heard = heard.mutate(rank=newest).filter(ibis._.rank == 0)
    heard = heard.select(*_CELL, "version", "set_from", "set_value")
    both = shown.left_join(heard, [*_CELL, "version"])
    as_before, as_set = same_json(both.value, both.last_value), same_json(both.value, both.set_value)
    explained = ibis.cases(
        (both.set_from.isnull(), as_before),
        (both.before.isnull() | (both.set_from > both.before), as_set),
        else_=as_set & as_before,
    )
    new = both.filter(~explained)
    return new.select(*_CELL, valid_from="observed_at", observed_at="observed_at", value="value")


def _removed(versions: ir.Table) -> ir.Table:
    """The traits that the version after does not have."""
    cells = _cells(versions)
    ends = cells.filter(cells.after.notnull(), cells.next_version.isnull() | (cells.next_version > cells.version + 1))
    return ends.select(*_CELL, valid_from="after", observed_at="after", value=ibis.null(dt.json))


def _unshown(versions: ir.Table, told: ir.Table) -> ir.Table:
    """What identify events set and the next version does not show, be it that the customer was gone."""
    known = told.mutate(known_at=ibis.greatest(told.valid_from, told.observed_at)).select(*_CELL, "known_at")
    later = versions.select("customer_id", "version", at="observed_at", before="before")
    both = known.inner_join(
        later,
        [
            known.customer_id == later.customer_id,
            later.at >= known.known_at,
            later.before.isnull() | (later.before < known.known_at),
        ],
    )
    both = both.select(*_CELL, "version", "at").distinct()
    lost = both.anti_join(_cells(versions), [*_CELL, "version"])
    return lost.select(*_CELL, valid_from="at", observed_at="at", value=ibis.null(dt.json))
