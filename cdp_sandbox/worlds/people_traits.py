"""The people's traits: what a life begins with, and what each kind of change does to them.

A change alters what it finds, so that it is always a real one, but for `reorder`, which alters the order of the keys
only, and `seen`, which sets the volatile `lastSeenTime` only.
"""

from collections.abc import Callable
from typing import Any

from cdp_sandbox.instants import format_millis
from cdp_sandbox.world import Json, Millis
from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.people_calendar import OPENS_AT
from cdp_sandbox.worlds.people_changes import KINDS

_TITLES = ["Ms", "Mr", "Mx", "Dr"]
_FIRST_NAMES = ["Anna", "Zoë", "José", "Åse", 'Robert "Bob"', "Siobhán", "李", "Мария", "Fred", "D'Arcy"]
_LAST_NAMES = ["Bloggs", "O'Neill", "Müller-Lüdenscheidt", "García Márquez", "王", "Smith", 'van "der" Berg']
_TOWNS = ["Chester", "Łódź", "Saint-Étienne", "São Paulo", "King's Lynn", "東京"]
_PLANS = ["bronze", "silver", "gold"]
_LANGUAGES = ["en", "de", "pl", "ja"]
_EDITED: dict[str, list[Any]] = {"title": _TITLES, "lastName": _LAST_NAMES, "city": _TOWNS, "plan": _PLANS}
_MAY_GO = (*_EDITED, "phone", "householdSize", "newsletter", "addresses", "preferences")
"""What may become null or be removed."""
_MOST_ADDRESSES = 4

NEW_TRAITS: list[tuple[int, str, list[Any]]] = [
    (0, "npsScore", list(range(11))),
    (6, "survey answer", ["Très bien, “merci” 👍", "ok", ""]),
    (10, "isVip", [True, False]),
    (15, "lastStore", [{"id": 7, "opened": "2019-05-01"}, {"id": 12, "opened": None}]),
    (20, "tags", [["new"], ["new", "sale"], []]),
    (25, "credit", [0.5, 1e16, -3.25]),
]
"""Traits that nobody has before: the day of the month from which they appear, their name and their values."""


def initial_traits(value: int, *, collides: bool) -> Json:
    """What a life begins with; `value` decides all, `collides` adds a name that differs from another in spelling."""
    traits: Json = {
        "title": _TITLES[value % 4],
        "firstName": _FIRST_NAMES[value % 10],
        "lastName": _LAST_NAMES[value % 7],
        "phone": f"+44113496{value % 10_000:04d}",
        "city": _TOWNS[value % 6],
        "plan": _PLANS[value % 3],
        "points": value % 5_000,
        "householdSize": value % 5 + 0.5,
        "newsletter": value % 3 > 0,
        "referredBy": None,
        "addresses": [_address(value + number) for number in range(value % 4)],
        "preferences": _preferences(value),
        "lastSeenTime": format_millis(OPENS_AT - value % (90 * DAY)),
    }
    if collides:
        traits["first_name"] = _FIRST_NAMES[(value + 1) % 10]
    return traits


def _address(value: int) -> Json:
    return {
        "kind": ["home", "work", "other"][value % 3],
        "lines": [f"{value % 200 + 1} A Road", _TOWNS[value % 6]],
        "postalCode": f"CH{value % 9 + 1} {value % 10}AB" if value % 5 else None,
        "geo": {"lat": round(50 + value % 9_000 / 1_000, 3), "lon": -2.0},
    }


def _preferences(value: int) -> Json:
    topics = {"offers": bool(value & 1), "news": bool(value & 2)}
    return {"language": _LANGUAGES[value % 4], "topics": topics, "quiet": {} if value % 3 else {"from": "22:00"}}


def _another(values: list[Any], current: Any, value: int) -> Any:
    """Choose one of the values that is not the current one."""
    others = [other for other in values if other != current]
    return others[value % len(others)]


def _edit(traits: Json, value: int, time: Millis) -> Json:
    name = [*_EDITED, "phone"][value % (len(_EDITED) + 1)]
    if name == "phone":
        numbers = [f"+44113497{(value + step) % 10_000:04d}" for step in range(2)]
        return {name: _another(numbers, traits.get(name), value)}
    return {name: _another(_EDITED[name], traits.get(name), value // 8)}


def _null(traits: Json, value: int, time: Millis) -> Json:
    there = [name for name in _MAY_GO if traits.get(name) is not None]
    return {there[value % len(there)]: None} if there else {}


def _remove(traits: Json, value: int, time: Millis) -> Json:
    there = [name for name in _MAY_GO if name in traits]
    if there:
        del traits[there[value % len(there)]]
    return {}


def _reorder(traits: Json, value: int, time: Millis) -> Json:
    """Turn the keys round by some places, and those of the nested objects about."""
    items = list(traits.items())
    turn = 1 + value % (len(items) - 1)
    traits.clear()
    for name, found in items[turn:] + items[:turn]:
        traits[name] = dict(reversed(found.items())) if isinstance(found, dict) else found
    return {}


def _seen(traits: Json, value: int, time: Millis) -> Json:
    return {"lastSeenTime": format_millis(time)}


def _retype(traits: Json, value: int, time: Millis) -> Json:
    """Turn an integer into a text, a text into a fraction, anything else into an integer."""
    points = traits.get("points")
    if isinstance(points, int):
        return {"points": f"{points + 1_000:,}"}
    return {"points": value % 900 + 0.25 if isinstance(points, str) else value % 5_000}


def _appear(traits: Json, value: int, time: Millis) -> Json:
    known = [(name, values) for day, name, values in NEW_TRAITS if time >= OPENS_AT + day * DAY]
    unseen = [(name, values) for name, values in known if name not in traits]
    name, values = (unseen or known)[value % len(unseen or known)]
    return {name: _another(values, traits.get(name), value // 8)}


def _collide(traits: Json, value: int, time: Millis) -> Json:
    name = ["first_name", "FirstName"][value % 2]
    return {name: _another(_FIRST_NAMES, traits.get(name), value // 2)}


def _list(traits: Json, value: int, time: Millis) -> Json:
    addresses = list(traits.get("addresses") or ())
    if addresses and (value % 2 or len(addresses) == _MOST_ADDRESSES):
        del addresses[value // 2 % len(addresses)]
    else:
        addresses.append(_address(value))
    return {"addresses": addresses}


def _nested(traits: Json, value: int, time: Millis) -> Json:
    preferences = traits.get("preferences")
    if preferences is None:
        return {"preferences": _preferences(value)}
    if value % 2:
        return {"preferences": preferences | {"language": _another(_LANGUAGES, preferences["language"], value // 2)}}
    topics = preferences["topics"] | {"offers": not preferences["topics"]["offers"]}
    return {"preferences": preferences | {"topics": topics}}


APPLY: dict[str, Callable[[Json, int, Millis], Json]] = {
    "edit": _edit,
    "null": _null,
    "remove": _remove,
    "reorder": _reorder,
    "seen": _seen,
    "retype": _retype,
    "appear": _appear,
    "collide": _collide,
    "list": _list,
    "nested": _nested,
}
"""Each takes the traits before a change, its value and its time, and gives back what the change sets."""


def change(traits: Json, kind: int, value: int, time: Millis) -> Json:
    """Change traits in place; returns what was set, as an `identify` event carries it."""
    set_now = APPLY[KINDS[kind]](traits, value, time)
    traits.update(set_now)
    return set_now
