"""The resources `profiles`, `profile_traits`, `profile_meta` and `profile_event_bounds`.

All four are cut from the same pages, for which only the look-ups are made that the selected resources need, once.
"""

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext, SupportsPipeline
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource, DltSource

from intilery_source import instants
from intilery_source.extraction import Extraction
from intilery_source.forgotten import forgotten_people
from intilery_source.instants import Millis
from intilery_source.profile_pages import ProfilePage
from intilery_source.profile_screen import ProfileScreen
from intilery_source.refresh import Refresh
from intilery_source.standing import Standing
from intilery_source.tables import (
    EVENTS,
    PROFILE_EVENT_BOUNDS,
    PROFILE_META,
    PROFILE_TRAITS,
    PROFILES,
    UPSERT_CHANGED,
    Table,
)

_TABLES = (PROFILES, PROFILE_TRAITS, PROFILE_META, PROFILE_EVENT_BOUNDS)
_SCROLLED_AT = "scrolled_at"
_LISTING_HOLDS_TRAITS = "listing_holds_traits"


def profile_resources(extraction: Extraction) -> list[DltResource]:
    """One resource a table, each of which can be selected alone."""

    def profile_pages() -> Iterator[ProfilePage | None]:
        source = dlt.current.source()
        wanted = set(source.selected_resources)
        settings, client = extraction.settings, extraction.client
        if settings.profile_refresh == "none":
            return
        if EVENTS.name in wanted:
            load_id = current_load()
            while load_id is not None and extraction.events_read_by != load_id:
                yield None  # dlt goes on with the events meanwhile
        traits = PROFILE_TRAITS.name in wanted and settings.profile_detail != "meta"
        meta = bool({PROFILE_META.name, PROFILE_EVENT_BOUNDS.name} & wanted) and settings.profile_detail != "traits"
        state = dlt.current.resource_state(PROFILES.name)
        refresh = Refresh(
            extraction,
            standing_of(source),
            ProfileScreen(extraction, forgotten_people(source.schema.name, settings.pii_key)),
            traits=traits,
            meta=meta,
            settles=(traits or settings.profile_detail == "meta") and (meta or settings.profile_detail == "traits"),
            listing_holds_traits=bool(state.get(_LISTING_HOLDS_TRAITS, False)),
        )
        try:
            if settings.profile_refresh == "all" or not (traits or meta) or _is_due(state, extraction):
                yield from refresh.everything()
                if refresh.complete:
                    state[_SCROLLED_AT] = instants.write(client.now() if refresh.began is None else refresh.began)
                    state[_LISTING_HOLDS_TRAITS] = refresh.listing_holds_traits
            else:
                yield from refresh.changed()
            extraction.changed.clear()
        finally:
            refresh.close()

    pages = dlt.resource(profile_pages, name="profile_pages", selected=False)
    return [_cut(extraction, pages, table) for table in _TABLES]


def are_read_now(extraction: Extraction) -> bool:
    """Whether the profiles are read in the same load, after the events."""
    selected = dlt.current.source().selected_resources
    return extraction.settings.profile_refresh != "none" and any(table.name in selected for table in _TABLES)


def listed_at() -> Millis | None:
    """When the last complete reading of all profiles began, None before the first one: what came later changes them."""
    found = dlt.current.resource_state(PROFILES.name).get(_SCROLLED_AT)
    return None if found is None else instants.parse(found) // 1000


def current_load() -> str | None:
    """The load that is being extracted; None outside a pipeline."""
    try:
        return str(dlt.current.load_package_state()["load_id"])
    except CurrentLoadPackageStateNotAvailable:
        return None


def standing_of(source: DltSource) -> Standing:
    """What the active pipeline's destination holds."""
    pipelines = Container()[PipelineContext]
    pipeline: SupportsPipeline | None = pipelines.pipeline() if pipelines.is_active() else None
    return Standing(pipeline, source.schema.name)


def _is_due(state: dict[str, Any], extraction: Extraction) -> bool:
    if _SCROLLED_AT not in state:
        return True
    age = (extraction.client.now() if extraction.now is None else extraction.now) - instants.parse(
        state[_SCROLLED_AT]
    ) // 1000
    return age >= extraction.settings.full_scroll_every.total_seconds() * 1000


def _cut(extraction: Extraction, pages: DltResource, table: Table) -> DltResource:
    """The resource that writes one table's rows."""

    def cut(page: ProfilePage) -> Iterator[Any]:
        rows = page.rows_of(table.name)
        if rows:
            extraction.report.count_rows(table.name, len(rows))
            yield table.first(rows)
        aside, page.aside = page.aside, []
        for other, other_rows in aside:
            yield other.first(other_rows)

    resource = dlt.transformer(cut, data_from=pages, name=table.name, file_format="parquet")()
    resource.apply_hints(write_disposition=UPSERT_CHANGED)
    return resource
