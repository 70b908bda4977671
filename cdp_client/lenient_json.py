"""JSON as the standard library reads it: it also takes half of a surrogate pair, which msgspec refuses."""

import json
import math
from typing import Any


def loads(body: bytes) -> Any:
    """Decode JSON; slower than msgspec, for what that refuses.

    Raises:
        ValueError: it is no JSON, or holds a number that is none (NaN, or too large to be one).
    """
    try:
        return json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _no_number(_: str) -> float:
    raise ValueError("not a number")
