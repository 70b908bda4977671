"""Odd bodies: legal JSON that a careless reader trips over, on a known share of the shop's events."""

from collections.abc import Callable

import numpy as np

from cdp_sandbox.world import Json
from cdp_sandbox.worlds.shop_behaviour import Ints

SHARES = {
    "numeric_user_id": 0.002,
    "explicit_nulls": 0.003,
    "unknown_keys": 0.003,
    "offset_for_z": 0.003,
    "empty_values": 0.003,
    "big_integers": 0.003,
    "float_spellings": 0.003,
    "spaced_keys": 0.003,
    "long_text": 0.001,
}
"""Shares of all distinct events. Of each there are at least two, and no event has more than one of them."""

BEYOND_DOUBLE = 2**60 + 1
LONG_TEXT = 'Ein langer Satz mit "Zitat", Tab\t und 🎁. ' * 500
_SPELLINGS = {"1e3": 1e3, "1.0": 1.0, "-0.0": -0.0, "2.50E-3": 2.5e-3}
_SPELLED = "spelled as "


def choose(rng: np.random.Generator, rows: Ints, with_digits: Ints) -> dict[str, Ints]:
    """Choose which of the distinct `rows` get which oddity; `with_digits` are those whose user id is all digits."""
    chosen: dict[str, Ints] = {}
    taken = np.empty(0, dtype=np.int64)
    for name, share in SHARES.items():
        free = np.setdiff1d(with_digits if name == "numeric_user_id" else rows, taken)
        count = min(len(free), max(2, round(share * len(rows))))
        chosen[name] = np.sort(rng.choice(free, size=count, replace=False))
        taken = np.concatenate([taken, chosen[name]])
    return chosen


def _numeric_user_id(body: Json, raw: Json, free: Json) -> None:
    body["userId"] = raw["userId"] = int(body["userId"])


def _explicit_nulls(body: Json, raw: Json, free: Json) -> None:
    body.setdefault("anonymousId", None)
    body["source"] = None
    raw.setdefault("sendType", None)
    raw["integrations"] = None
    free["affiliation"] = None


def _unknown_keys(body: Json, raw: Json, free: Json) -> None:
    body |= {
        "ingestNode": "eu-2b",
        "schemaVersion": 3,
        "trace": {"spans": [{"name": "in", "ms": 1.5}, {"name": "out"}]},
    }
    raw |= {"messageId": f"msg-{body['eventId'][:8]}", "library": {"name": "analytics.js", "version": "4.1.0"}}


def _offset_for_z(body: Json, raw: Json, free: Json) -> None:
    body["eventTime"] = raw["timestamp"] = body["eventTime"].replace("Z", "+00:00")


def _empty_values(body: Json, raw: Json, free: Json) -> None:
    free |= {"filters": [], "experiments": {}, "note": "", "nested": [{}, []]}


def _big_integers(body: Json, raw: Json, free: Json) -> None:
    free |= {"session_number": BEYOND_DOUBLE, "balance": -BEYOND_DOUBLE}


def _float_spellings(body: Json, raw: Json, free: Json) -> None:
    free["spellings"] = [_SPELLED + spelling for spelling in _SPELLINGS]


def _spaced_keys(body: Json, raw: Json, free: Json) -> None:
    free |= {"Delivery Method": "Click & Collect", "größe.max": {"in cm": 12}}


def _long_text(body: Json, raw: Json, free: Json) -> None:
    free["review"] = LONG_TEXT


_APPLY: dict[str, Callable[[Json, Json, Json], None]] = {
    "numeric_user_id": _numeric_user_id,
    "explicit_nulls": _explicit_nulls,
    "unknown_keys": _unknown_keys,
    "offset_for_z": _offset_for_z,
    "empty_values": _empty_values,
    "big_integers": _big_integers,
    "float_spellings": _float_spellings,
    "spaced_keys": _spaced_keys,
    "long_text": _long_text,
}


def apply(name: str, body: Json) -> None:
    """Make a body odd, in place; what is added to its properties goes into the context where it has none."""
    raw: Json = body["rawData"]
    free: Json = raw["properties"] if "properties" in raw else raw["context"]
    _APPLY[name](body, raw, free)


def spell_floats(text: str) -> str:
    """Write the numbers of `float_spellings` as they are meant to be spelled, which `json.dumps` cannot."""
    for spelling in _SPELLINGS:
        text = text.replace(f'"{_SPELLED}{spelling}"', spelling)
    return text
