"""Profiles whose look-up failed in an earlier run: the destination remembers them, since state must not grow."""

from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.pipeline.pipeline import Pipeline

from intilery_source.tables import PENDING_LOOKUPS


def pending_profiles(pipeline: SupportsPipeline | None, schema_name: str) -> list[str]:
    """The identifiers in `pending_lookups` of the pipeline's dataset; none where the table does not exist yet."""
    if not isinstance(pipeline, Pipeline) or schema_name not in pipeline.schemas:
        return []
    table = pipeline.schemas[schema_name].tables.get(PENDING_LOOKUPS.name)
    if table is None or C_DLT_LOAD_ID not in table["columns"]:
        return []
    rows = pipeline.dataset(schema=schema_name)[PENDING_LOOKUPS.name].select("profile_id").fetchall()
    return [profile_id for (profile_id,) in rows]
