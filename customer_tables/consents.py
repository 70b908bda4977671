"""Changes of consent, from the trait that holds it."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from customer_tables.contract import CONSENTS
from customer_tables.primitives import json_type_at
from customer_tables.staging.contract import Staging
from customer_tables.trait_changes import SNAPSHOT

_KEY = CONSENTS.key
_WHEN = ("customer_id", "valid_from", "observed_at")


def consents(changes: ir.Table, staging: Staging) -> ir.Table:
    """`customer_consents` of trait changes.

    A channel that a snapshot does not list, or whose list is gone, has no consent from then on; an identify event may
    list some channels only. A consent that was heard of after such a snapshot is lost from the snapshot on, but that is
    known only once it was heard of. What only repeats a consent that was known before is no change.
    """
    ours = changes.filter(changes.trait == staging.consent_trait)
    listed = staging.channels(ours, *_WHEN)
    last = ibis.row_number().over(group_by=_KEY, order_by=listed.place.desc())
    listed = listed.mutate(rank=last).filter(ibis._.rank == 0).select(*_KEY, "subscribed")
    whole = ours.filter((ours.origin == SNAPSHOT) | (json_type_at(ours.value, "$").coalesce("") != "OBJECT"))
    told = listed.select(of_customer="customer_id", channel="channel", since="valid_from", heard_at="observed_at")
    before = whole.select(*_WHEN)
    expected = before.inner_join(told, [before.customer_id == told.of_customer, told.since < before.valid_from])
    expected = expected.group_by(*_KEY).agg(heard_at=expected.heard_at.min()).anti_join(listed, [*_KEY])
    lost = expected.select(
        "customer_id", "channel", "valid_from", observed_at=ibis.greatest(expected.observed_at, expected.heard_at)
    )
    lost = lost.distinct().anti_join(listed, [*_KEY]).mutate(subscribed=ibis.null(dt.boolean))
    every = ibis.union(listed, lost.select(*_KEY, "subscribed"))
    in_time = ibis.window(group_by=["customer_id", "channel"], order_by=["valid_from", "observed_at"])
    every = every.mutate(
        last=every.subscribed.lag().over(in_time),
        last_at=every.observed_at.lag().over(in_time),
    )
    repeated = (
        every.last_at.notnull() & every.last.identical_to(every.subscribed) & (every.last_at <= every.observed_at)
    )
    return every.filter(~repeated).select(list(CONSENTS.columns))
