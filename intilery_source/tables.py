"""The tables that this source writes: name, key, typed columns. DATA_MODEL's names; other code depends on them.

A resource writes to several tables (its own, `rejected_records`), so the key and columns go with the rows rather
than with the resource: dlt would otherwise give one table's columns to the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TUpsertStrategyDict

from intilery_source import event_rows
from intilery_source.lateness import QUANTILES

UPSERT: TUpsertStrategyDict = {"disposition": "merge", "strategy": "upsert"}
UPSERT_CHANGED: TUpsertStrategyDict = {"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True}

Columns = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table with its primary key and the hints of the columns whose type rows do not show."""

    name: str
    key: tuple[str, ...]
    columns: Columns = field(default_factory=dict)

    def first(self, rows: Any) -> Any:
        """Rows that carry the table's definition, as the first of a run must."""
        columns: dict[str, Any] = {name: {"data_type": "text", "nullable": False} for name in self.key}
        for name, hints in self.columns.items():
            columns[name] = {**columns.get(name, {}), **hints}
        hints = dlt.mark.make_hints(table_name=self.name, primary_key=list(self.key), columns=columns)
        return dlt.mark.with_hints(rows, hints, create_table_variant=True)

    def more(self, rows: Any) -> Any:
        """Further rows."""
        return dlt.mark.with_table_name(rows, self.name)


class Writer:
    """Marks rows with their table, with its definition the first time in a run of a resource."""

    def __init__(self) -> None:
        self._defined: set[str] = set()

    def rows(self, table: Table, rows: Any) -> Any:
        """What a resource yields for `rows` (an Arrow table or a list of dicts) of `table`."""
        if table.name in self._defined:
            return table.more(rows)
        self._defined.add(table.name)
        return table.first(rows)


_TIME: Mapping[str, Any] = {"data_type": "timestamp", "timezone": True, "precision": 6}
_JSON: Mapping[str, Any] = {"data_type": "json"}
_COUNT: Mapping[str, Any] = {"data_type": "bigint"}


def _event_columns(*, of_profiles: bool) -> Columns:
    """Hints that follow the Arrow schema of the rows."""
    columns: dict[str, Mapping[str, Any]] = {}
    for name_field in event_rows.schema(of_profiles=of_profiles):
        hints = dict(_TIME) if pa.types.is_timestamp(name_field.type) else {"data_type": "text"}
        columns[name_field.name] = hints | {"nullable": name_field.nullable}
    for name in event_rows.JSON_COLUMNS:
        columns[name] = _JSON
    return columns


EVENTS = Table("events", ("event_id",), _event_columns(of_profiles=False))
PROFILE_EVENTS = Table("profile_events", ("profile_id", "event_id"), _event_columns(of_profiles=True))
DELETED = "_deleted"
"""Column that tells dlt to delete a profile's row, and what hangs on it; NULL in every row that is there."""

_DELETED: Columns = {DELETED: {"data_type": "bool", "hard_delete": True}}

PROFILES = Table("profiles", ("id",), _DELETED)
PROFILE_TRAITS = Table("profile_traits", ("id",), _DELETED)
PROFILE_META = Table("profile_meta", ("id",), _DELETED)
_BOUND_COLUMNS: Columns = {
    f"{end}_{name}": hints
    for end in ("first", "last")
    for name, hints in (
        ("event_id", {"data_type": "text"}),
        ("event_time", _TIME),
        ("received_time", _TIME),
        ("event", _JSON),
    )
}
PROFILE_EVENT_BOUNDS = Table("profile_event_bounds", ("profile_id", "event_key"), {**_BOUND_COLUMNS, **_DELETED})
PROFILE_TRAIT_HISTORY = Table(
    "profile_trait_history",
    ("profile_id", "observed_at"),
    {
        "observed_at": _TIME,
        "external_id": {"data_type": "text"},
        "trait_hash": {"data_type": "text"},
        "traits": _JSON,
    },
)
PROFILE_DELETIONS = Table("profile_deletions", ("profile_id", "detected_at"), {"detected_at": _TIME})
PROFILE_MERGES = Table(
    "profile_merges",
    ("profile_id", "detected_at"),
    {"detected_at": _TIME, "merged_into": {"data_type": "text"}, "external_id": {"data_type": "text"}},
)
PENDING_LOOKUPS = Table(
    "pending_lookups",
    ("profile_id",),
    {"reason": {"data_type": "text"}, "failed_at": _TIME, "done": {"data_type": "bool", "hard_delete": True}},
)
FORGOTTEN = Table("forgotten", ("person_hmac",), {"forgotten_at": _TIME})
EXTRACT_WINDOWS = Table(
    "extract_windows",
    ("run_id", "window_start", "window_end", "event_action"),
    {
        "window_start": _TIME,
        "window_end": _TIME,
        "rows": _COUNT,
        "requests": _COUNT,
        "split_depth": _COUNT,
        "complete": {"data_type": "bool"},
        "known_at": _TIME,
        "read_at": _TIME,
    },
)
_SECONDS: Mapping[str, Any] = {"data_type": "double"}
EXTRACT_RUNS = Table(
    "extract_runs",
    ("run_id",),
    {
        "started_at": _TIME,
        "finished_at": _TIME,
        "since": _TIME,
        "until": _TIME,
        "lookback": _SECONDS,
        "requests": _COUNT,
        "requests_by_status": _JSON,
        "retries": _COUNT,
        "waited_seconds": _SECONDS,
        "rows_read": _JSON,
        "rejected": _COUNT,
        "failures": _COUNT,
        **{f"lateness_{name}": _SECONDS for name in (*QUANTILES, "max")},
        "lookback_99_99": _COUNT,
        "schema_changes": _JSON,
        "versions": _JSON,
    },
)
REJECTED_RECORDS = Table(
    "rejected_records",
    ("run_id", "record_hash"),
    {"table_name": {"data_type": "text"}, "reason": {"data_type": "text"}, "excerpt": _JSON, "rejected_at": _TIME},
)
