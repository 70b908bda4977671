"""What becomes of the events and the history of profiles that were deleted: the setting `on_delete`."""

from collections.abc import Mapping

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.pipeline.pipeline import Pipeline

from intilery_source.settings import ON_DELETE
from intilery_source.tables import PROFILE_DELETIONS, PROFILES
from pipelines.erasure import Erased, erase_profiles

KEEP, PSEUDONYMISE, _ = ON_DELETE


def honour_deletions(pipeline: Pipeline, on_delete: str, key: str | None) -> Mapping[str, Erased]:
    """Erase or pseudonymise what is left of deleted profiles; the rows of each table that were changed.

    `profile_deletions` itself stays, with the profiles' identifiers: it says whose late events are to go, too.
    """
    if on_delete == KEEP:
        return {}
    gone = _deleted(pipeline)
    return erase_profiles(
        pipeline, gone, key, pseudonymise=on_delete == PSEUDONYMISE, spared=frozenset({PROFILE_DELETIONS.name})
    )


def _deleted(pipeline: Pipeline) -> list[str]:
    """The profiles that were found deleted and have not come back."""
    tables = pipeline.default_schema.tables
    if any(
        C_DLT_LOAD_ID not in tables.get(table.name, {}).get("columns", {}) for table in (PROFILE_DELETIONS, PROFILES)
    ):
        return []
    with pipeline.sql_client() as client:
        deletions, profiles = map(client.make_qualified_table_name, (PROFILE_DELETIONS.name, PROFILES.name))
        query = (
            f"SELECT DISTINCT d.profile_id FROM {deletions} d LEFT JOIN {profiles} p ON p.id = d.profile_id "  # noqa: S608
            "WHERE p.id IS NULL"
        )
        with client.execute_query(query) as cursor:
            return [str(profile_id) for (profile_id,) in cursor.fetchall()]
