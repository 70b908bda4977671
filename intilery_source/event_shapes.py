"""Which keys an account's events have: learnt from those met, so that all of a page can be decoded at once.

The API's documents name some keys, and real accounts send more. A shape is those known so far, as the types of decoders
that refuse an event with any other; `learn` adds what such an event has, for the pages to come.
"""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from intilery_source import event_rows

FURTHER_KEYS = 64
"""How many keys that the documents do not name are learnt, of an event and of its `rawData` each."""

NULLABLE: Any = str | None | msgspec.UnsetType
Kinds = Mapping[str, Any]
"""What a key's value is decoded as: `str`; `NULLABLE` for a text that was null once (and `UNSET` where it is missing);
`Raw` for JSON, further keys, and a text that was something else once."""
Values = dict[str, Sequence[Any]]
"""For each key the values of many events, None for one that lacks it."""

_EVENT: dict[str, Any] = dict.fromkeys(("eventId", *event_rows.TIMES, *event_rows.TEXT), str)
_KINDS: Mapping[bool, Kinds] = {False: _EVENT, True: {**dict.fromkeys(event_rows.PROFILE_TEXT, str), **_EVENT}}
_DATA: Kinds = dict.fromkeys(event_rows.RAW_TEXT, str) | dict.fromkeys(event_rows.RAW_JSON, msgspec.Raw)
_NAMED = {*_EVENT, *event_rows.PROFILE_TEXT, *_DATA, "rawData"}
_REQUIRED = frozenset({"eventId", "eventTime", "rawData"})
_NO_NAME = re.compile(r'["\\\x00-\x1f]')
"""What msgspec does not take in a field's name."""


class Shape:
    """The keys of an event and of its `rawData`, and decoders for events that have no others.

    What they decode has the named keys as attributes, and no event without an `eventId`, an `eventTime`, an object as
    `rawData` and, if it was read through a profile, an `id`.
    """

    def __init__(self, event: Kinds, data: Kinds, *, of_profiles: bool) -> None:
        self.event = event
        self.data = data
        required = _REQUIRED | {"id"} if of_profiles else _REQUIRED
        data_type = _struct("Data", data, frozenset())
        event_type = _struct("Event", {**event, "rawData": data_type}, required)
        page_type = msgspec.defstruct("Page", [("data", list[event_type])], gc=False)  # type: ignore[valid-type]
        self.one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(event_type)
        self.page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type)

    def values(self, events: Sequence[Any]) -> tuple[Values, Values]:
        """The values of decoded events, key by key, and those of their `rawData`."""
        values = _values((*self.event, "rawData"), events)
        return values, _values(self.data, values.pop("rawData"))


def _values(keys: Iterable[str], objects: Sequence[Any]) -> Values:
    if not objects:
        return dict.fromkeys(keys, ())
    return dict(zip(keys, zip(*map(msgspec.structs.astuple, objects), strict=True), strict=True))


def _struct(title: str, kinds: Kinds, required: frozenset[str]) -> type[msgspec.Struct]:
    """A struct with these keys, in their order; one that is not required is None where it is missing."""
    names = {key if key in _NAMED else f"further_{number}": key for number, key in enumerate(kinds)}
    missing: dict[str, Any] = {key: msgspec.UNSET if kind is NULLABLE else None for key, kind in kinds.items()}
    missing |= dict.fromkeys(required, msgspec.NODEFAULT)
    fields = [(name, kinds[key], missing[key]) for name, key in names.items()]
    return msgspec.defstruct(title, fields, rename=names, kw_only=True, forbid_unknown_fields=True, gc=False)


def documented() -> dict[bool, Shape]:
    """The shapes of the account's events and of those read through a profile, as the documents have them."""
    return {of_profiles: Shape(_KINDS[of_profiles], _DATA, of_profiles=of_profiles) for of_profiles in (False, True)}


_lock = threading.Lock()
_shapes = documented()


def shape(*, of_profiles: bool) -> Shape:
    """What is known by now of the account's events, or of those read through a profile."""
    return _shapes[of_profiles]


def learn(events: Iterable[msgspec.Raw], *, of_profiles: bool) -> None:
    """Take in the keys of events that the shape refused, and `event_rows.read` could read."""
    with _lock:
        known = _shapes[of_profiles]
        event_kinds, data_kinds = dict(known.event), dict(known.data)
        for raw in events:
            event = event_rows.members_of(raw)
            try:
                data = event_rows.members_of(event.pop("rawData", b""))
            except msgspec.MsgspecError:
                continue
            if event_rows.WHOLE not in event:
                _add(event, event_kinds, len(_KINDS[of_profiles]) + FURTHER_KEYS)
                _add(data, data_kinds, len(_DATA) + FURTHER_KEYS)
        if event_kinds != known.event or data_kinds != known.data:
            _shapes[of_profiles] = Shape(event_kinds, data_kinds, of_profiles=of_profiles)


def _add(values: Mapping[str, msgspec.Raw], kinds: dict[str, Any], most: int) -> None:
    for key, value in values.items():
        if key in kinds:
            if kinds[key] is not msgspec.Raw and not bytes(value).startswith(b'"'):
                kinds[key] = NULLABLE if bytes(value) == b"null" else msgspec.Raw
        elif len(kinds) < most and not _NO_NAME.search(key):
            kinds[key] = msgspec.Raw
