"""Which parts of a profile get columns and child tables, and which stay JSON: no table grows without bound.

A table takes `max_columns` columns and child tables for the keys of profiles, the first that come; what is new beyond
them goes, with its keys as they are spelled, into the column `kept_as_json` of its row. An object of more than
`max_columns` keys is one JSON column from then on, for every profile, and a profile of so many one in `kept_as_json`.
What has a column is read off the destination's schema, so that it is the same for every run.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema import Schema
from dlt.pipeline.pipeline import Pipeline

from intilery_source.column_names import REST, name_columns
from intilery_source.lossless import KEPT
from intilery_source.profile_rows import Object, storable
from intilery_source.report import RunReport
from intilery_source.tables import DELETED

_IDENTIFIERS = {"id": "id", "externalId": "external_id", "userId": "user_id", "email": "email"}
"""Keys of a profile that always have their columns, which do not count."""
_DEEPEST = 4
"""A list in so many others gets no table of its own."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_VARIANT = re.compile(r"__v_[a-z]+$")

Path = tuple[str | int, ...]


@dataclass(slots=True)
class _Shape:
    """What a table has: columns and child tables by name without the table's, and the columns that hold JSON."""

    taken: set[str] = field(default_factory=set)
    json: set[str] = field(default_factory=set)
    shortened: set[str] = field(default_factory=set)
    """Names that `taken` has as the destination shortened them."""


class ProfileColumns:
    """Cuts profiles into rows whose keys are columns' names; not for several threads."""

    def __init__(self, max_columns: int, report: RunReport) -> None:
        self._max, self._report = max_columns, report
        self._schema: Schema | None = None
        self._shapes: dict[str, _Shape] = {}

    def begin(self, pipeline: SupportsPipeline | None, schema_name: str) -> None:
        """Go by what the pipeline's destination has now, and forget what a load that failed would have added."""
        loaded = pipeline.schemas if isinstance(pipeline, Pipeline) else {}
        self._schema = loaded.get(schema_name)
        self._shapes = {}

    def rows(self, table: str, profiles: Iterable[Object]) -> list[Object]:
        """The profiles as rows of `table`, for `lossless.DataItemNormalizer`."""
        return [self._row(table, profile) for profile in profiles]

    def _row(self, table: str, profile: Object) -> Object:
        profile = storable(profile)
        rest: Object = {}
        if len(profile) > self._max:
            rest = {key: value for key, value in profile.items() if key not in _IDENTIFIERS}
            profile = {key: value for key, value in profile.items() if key in _IDENTIFIERS}
        kept: list[Path] = []
        row = self._with_rest(table, profile, rest, (), kept)
        if kept:
            row[KEPT] = kept
        return row

    def _with_rest(
        self, table: str, value: Object, rest: Object, way: Path, kept: list[Path], depth: int = 0
    ) -> Object:
        """A row of a table or child table; `way` is its place in the profile's row."""
        row, more = self._columns(table, "", value, way, kept, depth)
        if rest or more:
            row[REST] = rest | more
            kept.append((*way, REST))
            self._report.keep_as_json(table)
        return row

    def _columns(
        self, table: str, prefix: str, value: Object, way: Path, kept: list[Path], depth: int
    ) -> tuple[Object, Object]:
        """What of an object goes into columns, by their names, and the rest, by its keys."""
        shape = self._shape(table)
        row: Object = {}
        rest: Object = {}
        names = name_columns(value)
        for key, inner in value.items():
            name = names[key]
            full, here = prefix + name, (*way, name)
            whole = isinstance(inner, dict | list) and self._stays_whole(shape, full, inner, depth)
            if isinstance(inner, dict) and not whole:
                columns, more = self._columns(table, f"{full}__", inner, here, kept, depth)
                row[name] = columns
                if more:
                    rest[key] = more
            elif inner is None:
                row[name] = None
            elif not self._has_room(table, shape, full):
                rest[key] = inner
            elif whole:
                row[name] = self._whole(table, full, inner, here, kept)
            elif isinstance(inner, list):
                row[name] = self._items(f"{table}__{full}", inner, here, kept, depth + 1)
            else:
                row[name] = _typed(inner)
        return row, rest

    def _items(self, table: str, items: list[Any], way: Path, kept: list[Path], depth: int) -> list[Any]:
        """The rows of a child table."""
        found: list[Any] = []
        for number, item in enumerate(items):
            here = (*way, number)
            if isinstance(item, dict | list) and self._stays_whole(self._shape(table), "value", item, depth):
                found.append(self._whole(table, "value", item, here, kept))
            elif isinstance(item, dict):
                found.append(self._with_rest(table, item, {}, here, kept, depth))
            elif isinstance(item, list):
                found.append(self._items(f"{table}__list", item, here, kept, depth + 1))
            else:
                found.append(_typed(item))
        return found

    def _whole(self, table: str, name: str, value: Any, way: Path, kept: list[Path]) -> Any:
        """The value, which one column of the table is to hold as JSON."""
        kept.append(way)
        self._shape(table).json.add(name)
        self._report.keep_as_json(f"{table}.{name}")
        return value

    def _stays_whole(self, shape: _Shape, name: str, value: Object | list[Any], depth: int) -> bool:
        too_large = depth >= _DEEPEST if isinstance(value, list) else len(value) > self._max
        return too_large or (bool(value and shape.json) and not shape.json.isdisjoint((name, self._stored(name))))

    def _has_room(self, table: str, shape: _Shape, name: str) -> bool:
        """Whether there is a column or child table of that name, or may be one."""
        if self._is_identifier(table, name):
            return True
        if name in shape.taken or name in shape.shortened:
            return True
        child = self._stored(f"{table}__{name}").removeprefix(f"{self._stored(table)}__")
        if not shape.taken.isdisjoint((self._stored(name), child)):
            shape.shortened.add(name)
            return True
        if len(shape.taken) >= self._max:
            return False
        shape.taken.add(name)
        return True

    @staticmethod
    def _is_identifier(table: str, name: str) -> bool:
        return "__" not in table and name in _IDENTIFIERS.values()

    def _stored(self, name: str) -> str:
        """The name as the destination has it, which may allow fewer characters: dlt shortens its parts, then all."""
        if self._schema is None:
            return name
        naming = self._schema.naming
        return str(naming.shorten_fragments(*map(naming.normalize_identifier, name.split("__"))))

    def _shape(self, table: str) -> _Shape:
        if table not in self._shapes:
            self._shapes[table] = self._loaded(self._stored(table))
        return self._shapes[table]

    def _loaded(self, table: str) -> _Shape:
        shape = _Shape()
        tables = {} if self._schema is None else self._schema.tables
        for name, column in tables[table]["columns"].items() if table in tables else ():
            ours = name in (REST, DELETED) or name.startswith("_dlt_") or self._is_identifier(table, name)
            if not ours and "data_type" in column:
                plain = _VARIANT.sub("", name) if column.get("variant") else name
                shape.taken.add(plain)
                if column["data_type"] == "json":
                    shape.json.add(plain)
        for name, other in tables.items():
            if other.get("parent") == table:
                shape.taken.add(name.removeprefix(f"{table}__"))
        return shape


def _typed(value: Any) -> Any:
    """The value; of a text that is an instant, the instant, which is in UTC where it names no zone."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return value
    try:
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February, or before the year 1 in UTC
        return value
