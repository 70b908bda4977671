"""What the destination holds of the profiles: the only memory there is of what was seen of them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.pipeline.pipeline import Pipeline

from intilery_source.tables import (
    EVENTS,
    PENDING_LOOKUPS,
    PROFILE_DELETIONS,
    PROFILE_EVENT_BOUNDS,
    PROFILE_MERGES,
    PROFILE_META,
    PROFILE_TRAIT_HISTORY,
    PROFILE_TRAITS,
    PROFILES,
    Table,
)

_AT_ONCE = 500
_OF_PROFILES = "profile_id IN ({values})"
_OF_IDS = "id IN ({values})"
_OF_EXTERNAL_IDS = "profile_id IN (SELECT profile_id FROM {table} WHERE external_id IN ({values}))"
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Version:
    """The last version of a profile's traits: when it was observed; `trait_hash` is None where it was gone then."""

    profile_id: str
    observed_at: datetime
    trait_hash: str | None
    external_id: str | None


class Standing:
    """Asks the dataset of a pipeline; where there is none, or a table is missing, there is nothing."""

    def __init__(self, pipeline: SupportsPipeline | None, schema_name: str) -> None:
        known = isinstance(pipeline, Pipeline) and schema_name in pipeline.schemas
        self._pipeline = pipeline if known and isinstance(pipeline, Pipeline) else None
        self._schema = schema_name

    def profiles(self) -> set[str]:
        """The identifiers of all profiles that have a row of their own anywhere."""
        tables = (PROFILES, PROFILE_TRAITS, PROFILE_META)
        return {profile_id for table in tables for (profile_id,) in self._rows(table, "SELECT id FROM {table}")}

    def pending(self) -> dict[str, bool]:
        """The profiles that are due to be looked up, and of each whether a look-up of it has failed."""
        query = "SELECT profile_id, failed_at FROM {table}"
        return {profile_id: failed_at is not None for profile_id, failed_at in self._rows(PENDING_LOOKUPS, query)}

    def versions(self, ids: Sequence[str] | None) -> dict[str, Version]:
        """The last version of each of some profiles, of all where `ids` is None."""
        return {version.profile_id: version for version in self._versions(_OF_PROFILES, ids)}

    def sharing(self, external_ids: Sequence[str]) -> list[Version]:
        """The last versions of the profiles that have, or had, one of these external identifiers."""
        return list(self._versions(_OF_EXTERNAL_IDS, external_ids))

    def merges(self, ids: Sequence[str] | None) -> dict[str, str]:
        """What each of some profiles was last found merged into, of all where `ids` is None."""
        query = "SELECT profile_id, merged_into FROM {table}{where} ORDER BY detected_at"
        return dict(self._rows_of(PROFILE_MERGES, query, _OF_PROFILES, ids))

    def deletions(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When each of some profiles was last found deleted."""
        query = "SELECT profile_id, detected_at FROM {table}{where} ORDER BY detected_at"
        found = self._rows_of(PROFILE_DELETIONS, query, _OF_PROFILES, ids)
        return {profile_id: _aware(detected_at) for profile_id, detected_at in found}

    def holding(self, table: Table, ids: Sequence[str]) -> list[str]:
        """Those of some profiles that have a row in a profile table."""
        return [profile_id for (profile_id,) in self._rows_of(table, "SELECT id FROM {table}{where}", _OF_IDS, ids)]

    def event_keys(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        """The keys of the rows of `profile_event_bounds` of some profiles."""
        query = "SELECT profile_id, event_key FROM {table}{where}"
        return [(profile, key) for profile, key in self._rows_of(PROFILE_EVENT_BOUNDS, query, _OF_PROFILES, ids)]

    def events_between(self, first: datetime, last: datetime) -> pa.Array:
        """The identifiers of the events that happened in `[first, last]` and came with a load that was finished."""
        query = (
            "SELECT event_id FROM {table} WHERE event_time BETWEEN %s AND %s AND _dlt_load_id IN "
            "(SELECT load_id FROM {loads} WHERE status = 0)"
        )
        return pa.array([event_id for (event_id,) in self._rows(EVENTS, query, first, last)], type=pa.string())

    def _versions(self, condition: str, values: Sequence[str] | None) -> Iterator[Version]:
        query = (
            "SELECT profile_id, observed_at, trait_hash, external_id FROM (SELECT profile_id, observed_at, trait_hash, "
            "external_id, ROW_NUMBER() OVER (PARTITION BY profile_id ORDER BY observed_at DESC) AS age FROM {table}"
            "{where}) v WHERE age = 1"
        )
        for profile_id, observed_at, *others in self._rows_of(PROFILE_TRAIT_HISTORY, query, condition, values):
            yield Version(profile_id, _aware(observed_at), *others)

    def _rows_of(
        self, table: Table, query: str, condition: str, values: Sequence[str] | None
    ) -> Iterator[tuple[Any, ...]]:
        """Rows that meet a condition with one of some values, asked for in portions; `query` has a place `{where}`."""
        if values is None:
            yield from self._rows(table, query.replace("{where}", ""))
            return
        for begin in range(0, len(values), _AT_ONCE):
            some = values[begin : begin + _AT_ONCE]
            where = " WHERE " + condition.replace("{values}", ", ".join(["%s"] * len(some)))
            yield from self._rows(table, query.replace("{where}", where), *some)

    def _rows(self, table: Table, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        if self._pipeline is None:
            return
        columns = self._pipeline.schemas[self._schema].tables.get(table.name, {}).get("columns", {})
        if C_DLT_LOAD_ID not in columns:  # the table was never written
            return
        with self._pipeline.sql_client(self._schema) as client:
            text = query.replace("{table}", client.make_qualified_table_name(table.name))
            loads = client.make_qualified_table_name(self._pipeline.schemas[self._schema].loads_table_name)
            text = text.replace("{loads}", loads)
            # of Delta tables, a killed load leaves some in the schema that it has not made
            with suppress(DatabaseUndefinedRelation), client.execute_query(text, *parameters) as cursor:
                yield from (row for rows in cursor.iter_fetch(_ROWS_AT_ONCE) for row in rows)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
