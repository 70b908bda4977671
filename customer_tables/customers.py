"""The customers: profiles that are no part of another."""

import ibis
import ibis.expr.types as ir

from customer_tables.identifiers import PROFILE
from customer_tables.staging.contract import Staging


def customers(found: ir.Table, merged: ir.Table, creations: ir.Table, staging: Staging) -> ir.Table:
    """`customers` of all identifiers, and of profiles that the platform lists; `creations` says when they were made.

    A customer that was found deleted is back if it is listed again, or if a later snapshot shows it.
    """
    profiles = staging.profiles()
    listed = profiles.left_join(merged, profiles.profile_id == merged.profile_id)
    listed = listed.select(customer_id=listed.customer_id.coalesce(listed.profile_id))
    # of the profile itself: an older one that is merged into it later must not change what was true before
    made = creations.select(customer_id="profile_id", platform_made_at="created_at")
    seen = found.group_by("customer_id").agg(
        first_seen_at=found.first_seen_at.min(), profiles=(found.id_type == PROFILE).sum()
    )
    ids = ibis.union(listed, seen.select("customer_id"), distinct=True)
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


def absences(merged: ir.Table, staging: Staging) -> ir.Table:
    """`customer_absences`: each time that a customer was found deleted, until a later snapshot showed it again.

    One that is listed again, though no snapshot says since when, is back since it was found deleted: no time that it
    was gone is known.
    """
    deletions, snapshots = staging.deletions(), staging.snapshots()
    gone = deletions.anti_join(merged, "profile_id").select("profile_id", deleted_at="detected_at").distinct()
    alive = snapshots.filter(snapshots.traits.notnull()).select(shown_id="profile_id", shown_at="observed_at")
    both = gone.left_join(alive, [gone.profile_id == alive.shown_id, alive.shown_at > gone.deleted_at])
    found = both.group_by("profile_id", "deleted_at").agg(shown_at=both.shown_at.min())
    listed = staging.profiles().select(listed_id="profile_id")
    found = found.left_join(listed, found.profile_id == listed.listed_id)
    return found.select(
        customer_id="profile_id",
        deleted_at="deleted_at",
        returned_at=found.shown_at.coalesce(
            ibis.ifelse(found.listed_id.notnull(), found.deleted_at, ibis.null(found.deleted_at.type()))
        ),
    )
