"""The resources `profiles`, `profile_traits`, `profile_meta` and `profile_event_bounds`.

All four are cut from the same pages, for which only the look-ups are made that the selected resources need, once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from intilery_source.profile_columns import ProfileColumns
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
_OF_META = {PROFILE_META.name, PROFILE_EVENT_BOUNDS.name}
_READ_AT = "read_at"
"""State: when the last complete reading began that wrote to a table, of each profile table."""
_SLACK = 10
"""A reading is due this part of `full_scroll_every` early, an hour at most: schedules are not to the second."""
_HOUR = 3_600_000
_LISTING_HOLDS_TRAITS = "listing_holds_traits"
_READ = "read"


@dataclass(slots=True)
class _Reading:
    """A reading of profiles that may take several loads, and how many it has given out."""

    refresh: Refresh
    pages: Iterator[ProfilePage]
    tables: Sequence[str]
    profiles: int = 0


def profile_resources(extraction: Extraction) -> list[DltResource]:
    """One resource a table, each of which can be selected alone."""
    columns = ProfileColumns(extraction.settings.max_columns, extraction.report)

    under_way: list[_Reading] = []

    def profile_pages() -> Iterator[ProfilePage | None]:
        source = dlt.current.source()
        columns.begin(_active_pipeline(), source.schema.name)
        if extraction.settings.profile_refresh == "none":
            return
        if EVENTS.name in source.selected_resources:
            load_id = current_load()
            while load_id is not None and extraction.events_read_by != load_id:
                yield None  # dlt goes on with the events meanwhile
        state = dlt.current.resource_state(PROFILES.name)
        reading = under_way.pop() if under_way else None
        if reading is not None and state.get(_READ) != reading.profiles:  # what it gave out was not loaded
            reading.refresh.close()
            reading = None
        if reading is None:
            reading = _begin(extraction, source, state)
        try:
            # beside events, whose changed profiles are known to this process alone, all are read at once
            small = extraction.profiles_per_load is not None and EVENTS.name not in source.selected_resources
            enough = reading.profiles + (extraction.profiles_per_load or 0)
            for page in reading.pages:
                reading.profiles += max(len(page.listed), len(page.traits), len(page.meta))
                yield page
                if small and (reading.profiles >= enough or page.ends_load):
                    under_way.append(reading)
                    state[_READ] = reading.profiles
                    return
            state.pop(_READ, None)
            if reading.refresh.complete:
                began = reading.refresh.began if extraction.now is None else extraction.now
                now = instants.write(extraction.client.now() if began is None else began)
                state[_READ_AT] = state.get(_READ_AT, {}) | dict.fromkeys(reading.tables, now)
                state[_LISTING_HOLDS_TRAITS] = reading.refresh.listing_holds_traits
            extraction.changed -= reading.refresh.due
        finally:
            if not under_way:
                reading.refresh.close()

    pages = dlt.resource(profile_pages, name="profile_pages", selected=False)
    return [_cut(extraction, columns, pages, table) for table in _TABLES]


def _begin(extraction: Extraction, source: DltSource, state: dict[str, Any]) -> "_Reading":
    """Read the whole list where it is due or there is nothing else to read, and what changed otherwise."""
    settings = extraction.settings
    unwanted = {"both": set(), "meta": {PROFILE_TRAITS.name}, "traits": _OF_META}[settings.profile_detail]
    tables = sorted(({table.name for table in _TABLES} & source.selected_resources.keys()) - unwanted)
    traits, meta = PROFILE_TRAITS.name in tables, bool(_OF_META.intersection(tables))
    refresh = Refresh(
        extraction,
        standing_of(source),
        ProfileScreen(extraction, forgotten_people(source.schema.name, settings.pii_key)),
        traits=traits,
        meta=meta,
        settles=(traits or settings.profile_detail == "meta") and (meta or settings.profile_detail == "traits"),
        listing_holds_traits=bool(state.get(_LISTING_HOLDS_TRAITS, False)),
    )
    whole = settings.profile_refresh == "all" or not (traits or meta) or _is_due(state, extraction, tables)
    return _Reading(refresh, refresh.everything() if whole else refresh.changed(), tables)


def remaining(state: dict[str, Any]) -> bool:
    """Whether the last load left profiles unread that the same source goes on with."""
    return _READ in state


def are_read_now(extraction: Extraction) -> bool:
    """Whether the profiles are read in the same load, after the events."""
    selected = dlt.current.source().selected_resources
    return extraction.settings.profile_refresh != "none" and any(table.name in selected for table in _TABLES)


def listed_at() -> Millis | None:
    """When the last complete reading of all profiles began, None before the first one: what came later changes them."""
    found = dlt.current.resource_state(PROFILES.name).get(_READ_AT, {})
    return min((instants.parse(at) // 1000 for at in found.values()), default=None)


def current_load() -> str | None:
    """The load that is being extracted; None outside a pipeline."""
    try:
        return str(dlt.current.load_package_state()["load_id"])
    except CurrentLoadPackageStateNotAvailable:
        return None


def standing_of(source: DltSource) -> Standing:
    """What the active pipeline's destination holds."""
    return Standing(_active_pipeline(), source.schema.name)


def _active_pipeline() -> SupportsPipeline | None:
    pipelines = Container()[PipelineContext]
    return pipelines.pipeline() if pipelines.is_active() else None


def _is_due(state: dict[str, Any], extraction: Extraction, tables: Sequence[str]) -> bool:
    """Whether one of the tables has never been written wholly, or too long ago."""
    read_at = state.get(_READ_AT, {})
    if any(table not in read_at for table in tables):
        return True
    oldest = min(instants.parse(read_at[table]) // 1000 for table in tables)
    every = int(extraction.settings.full_scroll_every.total_seconds() * 1000)
    now = extraction.client.now() if extraction.now is None else extraction.now
    return now - oldest >= every - min(every // _SLACK, _HOUR)


def _cut(extraction: Extraction, columns: ProfileColumns, pages: DltResource, table: Table) -> DltResource:
    """The resource that writes one table's rows."""

    def cut(page: ProfilePage) -> Iterator[Any]:
        rows = page.rows_of(table.name)
        if rows:
            extraction.report.count_rows(table.name, len(rows))
            if table is not PROFILE_EVENT_BOUNDS:
                read = len(rows) - len(page.gone.get(table.name, []))
                rows = columns.rows(table.name, rows[:read]) + rows[read:]
            yield table.first(rows)
        aside, page.aside = page.aside, []
        for other, other_rows in aside:
            yield other.first(other_rows)

    resource = dlt.transformer(cut, data_from=pages, name=table.name, file_format="parquet")()
    resource.apply_hints(write_disposition=UPSERT_CHANGED)
    return resource
