"""Pages of profiles that were read together, and the rows that they give to each table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from intilery_source import profile_rows
from intilery_source.event_rows import TIMESTAMP
from intilery_source.profile_rows import Object
from intilery_source.tables import (
    DELETED,
    PROFILE_EVENT_BOUNDS,
    PROFILE_META,
    PROFILE_TRAIT_HISTORY,
    PROFILE_TRAITS,
    Table,
)
from intilery_source.types import ProfileAnswer

_HISTORY_SCHEMA = pa.schema(
    [
        pa.field("profile_id", pa.string(), nullable=False),
        pa.field("observed_at", TIMESTAMP, nullable=False),
        pa.field("external_id", pa.string()),
        pa.field("trait_hash", pa.string()),
        pa.field("traits", pa.string()),
    ]
)


@dataclass(slots=True)
class ProfilePage:
    """Profiles that were read together, with the answers to their look-ups (`id`, answer)."""

    listed: list[Object] = field(default_factory=list)
    traits: list[tuple[str, ProfileAnswer]] = field(default_factory=list)
    meta: list[tuple[str, ProfileAnswer]] = field(default_factory=list)
    gone: dict[str, list[str]] = field(default_factory=dict)
    """Profiles whose rows are to be deleted, of each table: dlt would put a row in where it has none."""
    ends_load: bool = False
    """Whether what follows belongs into a load of its own, if loads are kept small."""
    bounds_gone: list[tuple[str, str]] = field(default_factory=list)
    """The keys of their rows of `profile_event_bounds`."""
    aside: list[tuple[Table, Any]] = field(default_factory=list)
    """Rows of other tables that came with the page; who writes them empties it."""

    def rows_of(self, table: str) -> list[Object]:
        """The rows of a profile table that the page holds."""
        if table == PROFILE_EVENT_BOUNDS.name:
            rows = [row for key, meta in self.meta for row in profile_rows.bound_rows(key, meta.value)]
            return rows + [{"profile_id": key, "event_key": event, DELETED: True} for key, event in self.bounds_gone]
        if table == PROFILE_TRAITS.name:
            rows = [profile_rows.traits_row(key, traits.value) for key, traits in self.traits]
        elif table == PROFILE_META.name:
            rows = [profile_rows.meta_row(key, meta.value) for key, meta in self.meta]
        else:
            rows = list(self.listed)
        return rows + [{"id": key, DELETED: True} for key in self.gone.get(table, [])]


def history_table(rows: Sequence[Object]) -> tuple[Table, pa.Table]:
    """Rows of `profile_trait_history` as Arrow."""
    return PROFILE_TRAIT_HISTORY, pa.Table.from_pylist(list(rows), schema=_HISTORY_SCHEMA)
