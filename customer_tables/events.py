"""Whose an event is, and when that was known."""

import ibis
import ibis.expr.types as ir

from customer_tables.contract import EVENTS
from customer_tables.identifiers import ANONYMOUS_ID, EXTERNAL_ID, sole


def resolved(events: ir.Table, found: ir.Table, merged: ir.Table) -> ir.Table:
    """Staged events, or as many of their columns as there are, with those of `customer_events`; `traits` beside them.

    An event goes by its profile; one without by its user id, then by its device, if exactly one customer has it. It is
    known once it has been received and the link that was used was known.
    """
    nobody = events.profile_id.isnull()
    asked = events.mutate(
        by_user=ibis.ifelse(nobody, events.user_id, ibis.null("string")),
        by_device=ibis.ifelse(nobody, events.anonymous_id, ibis.null("string")),
    )
    users = sole(found, EXTERNAL_ID).select(of_user="id_value", user="customer_id", user_since="known_at")
    devices = sole(found, ANONYMOUS_ID).select(of_device="id_value", owner="customer_id", owner_since="known_at")
    into = merged.select(of_profile="profile_id", survivor="customer_id", survivor_since="merged_at")
    joined = (
        asked.left_join(into, asked.profile_id == into.of_profile)
        .left_join(users, asked.by_user == users.of_user)
        .left_join(devices, asked.by_device == devices.of_device)
    )
    link_known = ibis.cases(
        (joined.profile_id.notnull(), joined.survivor_since),
        (joined.user.notnull(), joined.user_since),
        else_=joined.owner_since,
    )
    return joined.select(
        *(name for name in EVENTS.columns if name in events.columns),
        *({"traits"} & {*events.columns}),
        customer_id=ibis.coalesce(joined.survivor, joined.profile_id, joined.user, joined.owner),
        known_at=ibis.greatest(joined.heard_at, link_known.coalesce(joined.heard_at)),
        known_at_imputed=joined.ingested_at.isnull(),
    )
