"""Views that the job adds to the tables, where the destination is a database."""

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from intilery_source.tables import PROFILE_TRAIT_HISTORY

TRAIT_VERSIONS = "profile_trait_versions"

_TRAIT_VERSIONS_SQL = (
    "CREATE OR REPLACE VIEW {view} AS SELECT profile_id, observed_at AS valid_from, LEAD(observed_at) OVER "
    "(PARTITION BY profile_id ORDER BY observed_at) AS valid_to, external_id, trait_hash, traits FROM {table}"
)


def make_views(pipeline: Pipeline) -> None:
    """Make `profile_trait_versions`, which adds to each version when it ended, as soon as there is a history."""
    history = pipeline.default_schema.tables.get(PROFILE_TRAIT_HISTORY.name, {})
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase) or C_DLT_LOAD_ID not in history.get("columns", {}):
            return
    with pipeline.sql_client() as client:
        client.execute_sql(
            _TRAIT_VERSIONS_SQL.format(
                view=client.make_qualified_table_name(TRAIT_VERSIONS),
                table=client.make_qualified_table_name(PROFILE_TRAIT_HISTORY.name),
            )
        )
