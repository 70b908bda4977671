"""Personal data are dropped, hashed or masked in memory, before a row goes anywhere; pii_rules.py says which."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from intilery_source import addresses, event_rows
from intilery_source.pii_rules import Action, Rules, normal

MASK = "[masked]"
_NODES_KEPT = 20_000
_KEYS_KEPT = 500


def keyed(key: str, text: str) -> str:
    """The HMAC-SHA-256 of a text's UTF-8 bytes, in hexadecimal digits."""
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class Part(Enum):
    """What an object is, where its keys have more than one name."""

    ANY = 0
    EVENT = 1
    """An event: its keys may have a column, and those of `rawData` count as its own."""
    DATA = 2
    """An event's `rawData`."""
    META = 3
    """A profile: its metadata have two maps of events."""
    BOUNDS = 4
    """One of these maps: its keys are actions, which are no part of a path."""
    EXTRA = 5
    """The column `extra`: what is left over of an event, or all of it."""


_OUTER = event_rows.TEXT | event_rows.TIMES | event_rows.PROFILE_TEXT
_COLUMNS: Mapping[Part, Mapping[str, str]] = {
    Part.EVENT: _OUTER,
    Part.EXTRA: _OUTER,
    Part.DATA: event_rows.RAW_TEXT,
}
_BOUNDS = ("firstEvent", "lastEvent")
_BOUNDS_TABLE = "profileeventbounds"
_EVENT_KEYS = frozenset({"eventId", "eventTime"})


class Node:
    """A place in documents: the paths that lead there, and what is known of the keys beneath."""

    __slots__ = ("keys", "members", "part", "paths")

    def __init__(self, part: Part, paths: tuple[str, ...], keys: frozenset[str] = frozenset()) -> None:
        """`keys` are those that stay as they are: a row's key."""
        self.part = part
        self.paths = paths
        self.keys = keys
        self.members: dict[str, tuple[str, Action | None, Node]] = {}


class Protection:
    """What the rules make of JSON documents and columns; safe to use from any thread."""

    def __init__(self, rules: Rules, key: str) -> None:
        """`key` is what values are hashed with."""
        self.rules = rules
        self._nodes = 0
        self.hash_text: Callable[[str], str] = lru_cache(maxsize=50_000)(lambda text: keyed(key, text))
        self._roots = {
            table: Node(Part.META, (normal(table),), frozenset({"id"}))
            for table in ("profiles", "profile_traits", "profile_meta")
        }

    def profile(self, table: str, document: dict[str, Any]) -> dict[str, Any]:
        """A profile's JSON object as `profiles`, `profile_traits` or `profile_meta` may hold it."""
        protected: dict[str, Any] = self.value(document, self._roots[table])
        return protected

    def hash_json(self, text: str) -> str:
        """What a column's JSON text is hashed to: the same as its value elsewhere."""
        try:
            return str(self.treated(_decoder.decode(text), Action.HASH))
        except (ValueError, RecursionError):
            return self.hash_text(text)

    def json(self, text: str, node: Node, *, kept: bool = False) -> str | None:
        """A column's JSON text as it may be stored, None where nothing is left of an object.

        It is written anew, so that nothing stays behind of a key that is there twice.
        """
        try:
            protected = self.value(_decoder.decode(text), node, kept=kept)
            if node.part is Part.EXTRA:
                if protected.get("rawData") == {}:
                    del protected["rawData"]
                if not protected:
                    return None
            return msgspec.json.encode(protected).decode()
        except (ValueError, RecursionError):  # what cannot be searched cannot be kept
            return json.dumps(MASK)

    def text(self, text: str, node: Node, *, kept: bool = False) -> str:
        """A column's text; where the API had an object or a list, that is its JSON."""
        if text.startswith(("{", "[")):
            try:
                return msgspec.json.encode(self.value(_decoder.decode(text), node, kept=kept)).decode()
            except ValueError:
                pass
            except RecursionError:
                return MASK
        return self.without_addresses(text) if self.rules.default and not kept else text

    def value(self, value: Any, node: Node, *, kept: bool = False) -> Any:
        """A value of JSON with what lies beneath; `kept` says that a rule keeps it as it is.

        Raises:
            RecursionError: it is nested too deeply.
        """
        if isinstance(value, dict):
            found = {}
            for key, inner in value.items():
                name, action, member = node.members.get(key) or self._member(node, key)
                if action is Action.DROP:
                    continue
                if action is None or action is Action.KEEP:
                    inner = self.value(inner, member, kept=action is Action.KEEP)
                else:
                    inner = self.treated(inner, action)
                found[name] = inner
            return found
        if isinstance(value, list):
            return [self.value(inner, node, kept=kept) for inner in value]
        if isinstance(value, str) and self.rules.default and not kept:
            return self.without_addresses(value)
        return value

    def treated(self, value: Any, action: Action) -> Any:
        """A value that is to be hashed or masked; null, which says that there is none, stays."""
        if value is None:
            return None
        return self.hash_text(value if isinstance(value, str) else _canonical(value)) if action is Action.HASH else MASK

    def without_addresses(self, text: str) -> str:
        """A text with its e-mail addresses hashed."""
        return addresses.replaced(text, self.hash_text)

    def _member(self, node: Node, key: str) -> tuple[str, Action | None, Node]:
        """What a key is called, what becomes of its value, and the place that this is."""
        name = self.without_addresses(key) if self.rules.default else key
        found: tuple[str, Action | None, Node]
        if node.part is Part.BOUNDS:
            found = name, None, Node(Part.EVENT, node.paths, _EVENT_KEYS)
        elif node.part is Part.EXTRA and key == event_rows.WHOLE:
            found = name, None, Node(Part.EVENT, node.paths, node.keys)
        else:
            paths = _paths(node, key)
            action = Action.KEEP if key in node.keys else self.rules.action(paths)
            found = name, action, _child(node, key, paths)
        if self._nodes < _NODES_KEPT and len(node.members) < _KEYS_KEPT:
            self._nodes += 1
            node.members[key] = found
        return found


def _paths(node: Node, key: str) -> tuple[str, ...]:
    """What a key's value is called: after the key, and after the column that it has."""
    names = {normal(key): None, normal(_COLUMNS.get(node.part, {}).get(key, key)): None}
    paths = tuple(f"{path}.{name}" for path in node.paths for name in names)
    return (*paths, f"{_BOUNDS_TABLE}.{normal(key)}") if node.part is Part.META and key in _BOUNDS else paths


def _child(node: Node, key: str, paths: tuple[str, ...]) -> Node:
    if node.part in (Part.EVENT, Part.EXTRA):
        if key == "rawData":
            return Node(Part.DATA, (*node.paths, *paths))
        if key == event_rows.WHOLE:
            return Node(Part.EVENT, node.paths, node.keys)
    if node.part is Part.META and key in _BOUNDS:
        return Node(Part.BOUNDS, (*paths, _BOUNDS_TABLE, "events"))
    return Node(Part.ANY, paths)


def _canonical(value: Any) -> str:
    """A value's JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_number)


def _number(raw: Any) -> float:
    return float(bytes(raw))


_decoder = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode()))  # a number stays as it is spelled
