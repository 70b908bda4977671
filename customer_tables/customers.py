"""The customers: profiles that are no part of another."""

import ibis
import ibis.expr.types as ir

from customer_tables.identifiers import PROFILE
from customer_tables.staging.contract import Staging


def customers(found: ir.Table, merged: ir.Table, staging: Staging) -> ir.Table:
    """`customers` of all identifiers, and of the profiles that the platform lists.

    A customer that was found deleted is back if it is listed again, or if a later snapshot shows it.
    """
    profiles = staging.profiles()
    known = profiles.left_join(merged, profiles.profile_id == merged.profile_id)
    known = known.select(customer_id=known.customer_id.coalesce(known.profile_id), created_at="created_at")
    made = known.group_by("customer_id").agg(platform_made_at=known.created_at.min())
    seen = found.group_by("customer_id").agg(
        first_seen_at=found.first_seen_at.min(), profiles=(found.id_type == PROFILE).sum()
    )
    ids = ibis.union(made.select("customer_id"), seen.select("customer_id"), distinct=True)
    gone = _gone(staging, profiles).rename(gone_id="profile_id")
    joined = (
        ids.left_join(made, "customer_id")
        .left_join(seen, "customer_id")
        .left_join(gone, ids.customer_id == gone.gone_id)
    )
    parts = merged.group_by("customer_id").agg(parts=merged.count())
    joined = joined.select("customer_id", "platform_made_at", "first_seen_at", "deleted_at").left_join(
        parts, "customer_id"
    )
    return joined.select(
        "customer_id",
        created_at=joined.platform_made_at.coalesce(joined.first_seen_at),
        first_seen_at="first_seen_at",
        deleted_at="deleted_at",
        merged_from=joined.parts.coalesce(0),
    )


def _gone(staging: Staging, profiles: ir.Table) -> ir.Table:
    """The profiles that were found deleted last, and when."""
    deletions, snapshots = staging.deletions(), staging.snapshots()
    last = deletions.group_by("profile_id").agg(deleted_at=deletions.detected_at.max())
    alive = snapshots.filter(snapshots.traits.notnull())
    alive = alive.group_by("profile_id").agg(shown_at=alive.observed_at.max())
    gone = last.anti_join(profiles, "profile_id").left_join(alive, "profile_id")
    gone = gone.filter(gone.shown_at.isnull() | (gone.shown_at <= gone.deleted_at))
    return gone.select("profile_id", "deleted_at")
