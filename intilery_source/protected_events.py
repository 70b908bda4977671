"""Events' columns without the personal data that the rules name: what `Protection` does, done to Arrow tables."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from intilery_source import event_rows
from intilery_source.pii_rules import KEYS, Action, normal
from intilery_source.protection import MASK, Node, Part, Protection

_KEYS_IN_EXTRA = frozenset({"eventId", "eventTime"})
_CUT = {name: key for key, name in event_rows.RAW_TEXT.items()} | {key: key for key in event_rows.RAW_JSON}
"""The columns that are cut from an event's `rawData`, and their keys there."""
_JSON_MASK = f'"{MASK}"'


class _Column(NamedTuple):
    """What becomes of a column; `node` is where its JSON begins."""

    action: Action | None
    node: Node


class ProtectedEvents:
    """Treats tables of `events` or `profile_events`."""

    def __init__(self, protection: Protection, *, of_profiles: bool) -> None:
        self._protection = protection
        self._of_profiles = of_profiles
        self._bases = ("profileevents", "events") if of_profiles else ("events",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with every value as the rules want it."""
        for name, (action, node) in self._columns.items():
            index = table.schema.get_field_index(name)
            column = self._treated(table.column(index), action, node, is_json=name in event_rows.JSON_COLUMNS)
            table = table.set_column(index, table.schema.field(index), column)
        return table

    def _treated(self, column: pa.ChunkedArray, action: Action | None, node: Node, *, is_json: bool) -> Any:
        protection = self._protection
        if action is Action.DROP:
            return pa.nulls(len(column), column.type)
        if action is Action.MASK:
            return _each(column, lambda _: _JSON_MASK if is_json else MASK)
        if action is Action.HASH and not is_json:
            return _each(column, protection.hash_text)
        if action is Action.HASH:
            return _each(column, lambda text: f'"{protection.hash_json(text)}"')
        kept = action is Action.KEEP
        if is_json:
            return _each(column, lambda text: protection.json(text, node, kept=kept))
        return _each(column, lambda text: protection.text(text, node, kept=kept))

    @cached_property
    def _columns(self) -> dict[str, _Column]:
        """The columns in which a rule may match."""
        rules, found = self._protection.rules, {}
        keys = KEYS["profile_events" if self._of_profiles else "events"]
        for name, paths in self._paths().items():
            action = self._action(name, paths)
            may_hold_more = name not in event_rows.TIMES.values() and rules.reach(paths)
            if name not in keys and (action not in (None, Action.KEEP) or may_hold_more):
                found[name] = _Column(action, Node(Part.ANY, paths))
        if rules.reach(self._bases):  # what is left over has its own keys, and is called nothing itself
            own = _KEYS_IN_EXTRA | ({"id"} if self._of_profiles else set())
            found["extra"] = _Column(None, Node(Part.EXTRA, self._bases, own))
        return found

    def _action(self, name: str, paths: tuple[str, ...]) -> Action | None:
        """What becomes of a column: a rule that meets all of `rawData` meets the columns that are cut from it."""
        whole = self._protection.rules.action(self._under("", "rawData")) if name in _CUT else None
        return whole if whole not in (None, Action.KEEP) else self._protection.rules.action(paths)

    def _paths(self) -> dict[str, tuple[str, ...]]:
        """Each column's names; what lies in `rawData` is also called after it."""
        found: dict[str, tuple[str, ...]] = {}
        outer = event_rows.TEXT | event_rows.TIMES | (event_rows.PROFILE_TEXT if self._of_profiles else {})
        for key, name in outer.items():
            found[name] = self._under("", key, name)
        for name, key in _CUT.items():
            found[name] = (*self._under("", key, name), *self._under("rawdata.", key, name))
        return found

    def _under(self, before: str, *names: str) -> tuple[str, ...]:
        return tuple(f"{base}.{before}{normal(name)}" for base in self._bases for name in dict.fromkeys(names))


def _each(column: pa.ChunkedArray, function: Callable[[str], str | None]) -> pa.Array:
    """A function of each text; each distinct text is treated once."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = pc.dictionary_encode(array)
    treated = [function(text) for text in coded.dictionary.to_pylist()]
    return pa.array(treated, array.type).take(coded.indices)
