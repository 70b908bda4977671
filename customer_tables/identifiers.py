"""Which identifier is which customer's, and since when the platform knew."""

import ibis
import ibis.expr.types as ir

from customer_tables.primitives import earliest

PROFILE, EXTERNAL_ID, EMAIL, ANONYMOUS_ID = "profile", "external_id", "email", "anonymous_id"


def first_links(links: ir.Table) -> ir.Table:
    """Each identifier and profile once, with the first time that they were seen together."""
    return links.group_by("id_type", "id_value", "profile_id").agg(
        seen_at=links.seen_at.min(),
        event_id=earliest(links.event_id, links.seen_at),
    )


def identifiers(links: ir.Table, merged: ir.Table) -> ir.Table:
    """`customer_identifiers` of some links; `merged` has profile_id, customer_id, merged_at of merged profiles.

    An identifier of a merged profile is its customer's since the merge was found; until then it was another's, too, if
    the profile had it before.
    """
    joined = links.left_join(merged, links.profile_id == merged.profile_id)
    found = joined.select(
        "id_type",
        "id_value",
        customer_id=joined.customer_id.coalesce(joined.profile_id),
        known=ibis.greatest(joined.seen_at, joined.merged_at.coalesce(joined.seen_at)),
        shared_until=ibis.ifelse(
            joined.seen_at >= joined.merged_at, ibis.null(joined.merged_at.type()), joined.merged_at
        ),
    )
    return found.group_by("id_type", "id_value", "customer_id").agg(
        first_seen_at=found.known.min(), shared_until=found.shared_until.max()
    )


def sole(found: ir.Table, id_type: str) -> ir.Table:
    """The identifiers of a type that exactly one customer has: id_value, customer_id, known_at.

    It was known once all profiles that had it were found to be one.
    """
    of_type = found.filter(found.id_type == id_type)
    grouped = of_type.group_by("id_value").agg(
        customers=of_type.count(),
        customer_id=of_type.customer_id.min(),
        known_at=ibis.greatest(of_type.first_seen_at, of_type.shared_until.coalesce(of_type.first_seen_at)).min(),
    )
    return grouped.filter(grouped.customers == 1).drop("customers")
