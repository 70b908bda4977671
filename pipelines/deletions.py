"""What becomes of the events and the history of profiles that were deleted: the setting `on_delete`."""

from contextlib import suppress
from pathlib import Path

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.pipeline.pipeline import Pipeline

from intilery_source.settings import ON_DELETE
from intilery_source.tables import (
    PENDING_LOOKUPS,
    PROFILE_DELETIONS,
    PROFILE_MERGES,
    PROFILE_META,
    PROFILE_TRAIT_HISTORY,
    PROFILE_TRAITS,
    PROFILES,
    Table,
)
from pipelines import duckdb_rewrite
from pipelines.delta_folder import must_be_local
from pipelines.destination import Target
from pipelines.erasure import erase_profiles

KEEP, PSEUDONYMISE, _ = ON_DELETE
_TRACES = (
    (PROFILES, "id", ""),
    (PROFILE_TRAITS, "id", ""),
    (PROFILE_META, "id", ""),
    (PENDING_LOOKUPS, "profile_id", ""),
    (PROFILE_MERGES, "profile_id", " AND t.detected_at > d.at"),
    (PROFILE_TRAIT_HISTORY, "profile_id", " AND t.trait_hash IS NOT NULL AND t.observed_at > d.at"),
)
"""Where a profile that was deleted may be seen afterwards, by which key, and on what condition."""


def check_can_honour(where: Target, on_delete: str) -> None:
    """Refuse a setting before anything is loaded that could not be honoured afterwards.

    Raises:
        ConfigurationError: nothing can be erased from the destination.
    """
    if on_delete != KEEP and where.folder is not None:
        must_be_local(where.folder)


def honour_deletions(pipeline: Pipeline, where: Target, on_delete: str, key: str | None) -> None:
    """Erase or pseudonymise what is left of deleted profiles; `clean_up` follows when the destination is closed.

    `profile_deletions` itself stays, with the profiles' identifiers: it says whose late events are to go, too.
    """
    gone = [] if on_delete == KEEP else _deleted(pipeline)
    if not gone:
        return
    marker = _marker(where)
    unclean = marker.exists()
    marker.touch()  # first: a run that is killed midway leaves the cleaning to the next one
    spared = frozenset({PROFILE_DELETIONS.name})
    if not erase_profiles(pipeline, gone, key, pseudonymise=on_delete == PSEUDONYMISE, spared=spared) and not unclean:
        marker.unlink()


def clean_up(where: Target) -> None:
    """Write a DuckDB file anew from which something was erased: its free space still holds it."""
    marker = _marker(where)
    if marker.exists():
        if where.database is not None:
            duckdb_rewrite.rewrite(where.database)
        marker.unlink()


def _marker(where: Target) -> Path:
    return where.working_folder / "to-clean-up"


def _deleted(pipeline: Pipeline) -> list[str]:
    """The profiles whose last trace is that they were deleted: not those that came back, were merged, or are due."""
    tables = pipeline.default_schema.tables
    with pipeline.sql_client() as client:

        def written(table: Table) -> bool:
            if C_DLT_LOAD_ID not in tables.get(table.name, {}).get("columns", {}):
                return False
            # of Delta tables, a killed load leaves some in the schema that it has not made
            place = client.make_qualified_table_name(table.name)
            with suppress(DatabaseUndefinedRelation), client.execute_query(f"SELECT 1 FROM {place} LIMIT 0"):  # noqa: S608
                return True
            return False

        if not written(PROFILE_DELETIONS):
            return []
        deletions = client.make_qualified_table_name(PROFILE_DELETIONS.name)
        query = f"SELECT d.profile_id FROM (SELECT profile_id, MAX(detected_at) AS at FROM {deletions} "  # noqa: S608
        query += "GROUP BY profile_id) d WHERE 1 = 1"
        for table, key, later in _TRACES:
            if written(table):
                place = client.make_qualified_table_name(table.name)
                query += f" AND NOT EXISTS (SELECT 1 FROM {place} t WHERE t.{key} = d.profile_id{later})"  # noqa: S608
        with client.execute_query(query) as cursor:
            return [str(profile_id) for (profile_id,) in cursor.fetchall()]
