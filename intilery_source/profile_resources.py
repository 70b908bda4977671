"""The resources `profiles`, `profile_traits`, `profile_meta` and `profile_event_bounds`.

All four are cut from the same pages: one scroll over the list, and for each of its profiles only the look-ups that
the selected resources need, once.
"""

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.extract import DltResource

from intilery_source import profile_pages
from intilery_source.extraction import Extraction
from intilery_source.pending import pending_profiles
from intilery_source.profile_pages import ProfilePage
from intilery_source.tables import (
    PROFILE_EVENT_BOUNDS,
    PROFILE_META,
    PROFILE_TRAITS,
    PROFILES,
    UPSERT_CHANGED,
    Table,
)

_TABLES = (PROFILES, PROFILE_TRAITS, PROFILE_META, PROFILE_EVENT_BOUNDS)


def profile_resources(extraction: Extraction) -> list[DltResource]:
    """One resource a table, each of which can be selected alone."""

    def listed_profiles() -> Iterator[ProfilePage]:
        source = dlt.current.source()
        wanted = source.selected_resources.keys()
        pipelines = Container()[PipelineContext]
        pipeline = pipelines.pipeline() if pipelines.is_active() else None
        yield from profile_pages.read(
            extraction,
            traits=PROFILE_TRAITS.name in wanted,
            meta=PROFILE_META.name in wanted or PROFILE_EVENT_BOUNDS.name in wanted,
            pending=pending_profiles(pipeline, source.schema.name),
        )

    pages = dlt.resource(listed_profiles, name="listed_profiles", selected=False)
    return [_cut(extraction, pages, table) for table in _TABLES]


def _cut(extraction: Extraction, pages: DltResource, table: Table) -> DltResource:
    """The resource that writes one table's rows."""

    def cut(page: ProfilePage) -> Iterator[Any]:
        rows = profile_pages.rows_of(table.name, page)
        if rows:
            extraction.report.count_rows(table.name, len(rows))
            yield table.first(rows)
        aside, page.aside = page.aside, []
        for other, other_rows in aside:
            yield other.first(other_rows)

    resource = dlt.transformer(cut, data_from=pages, name=table.name, file_format="parquet")()
    resource.apply_hints(write_disposition=UPSERT_CHANGED)
    return resource
