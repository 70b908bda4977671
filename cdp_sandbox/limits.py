"""The API's limits and its latency, all settable, and the token bucket behind the first."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the documents, as the sandbox's settings.

    `rate` is requests a second (None: no limit) and `burst` requests at once (Event API, "Limits"); `cap` is the
    most results that `from` reaches and `list_page` the profiles a page (Profiles API, "Pagination", "Listing all
    Customer Profiles"); `response_bytes` counts for the switch `response_limit`; a scroll that is not used for
    `scroll_seconds` of real time expires.
    """

    rate: float | None = 100.0
    burst: int = 500
    cap: int = 10_000
    list_page: int = 100
    response_bytes: int = 1024 * 1024
    scroll_seconds: float = 300.0


def changed(limits: Limits, changes: dict[str, Any]) -> Limits:
    """Set some limits by name; an unknown name or a value that is no number above 0 is a ValueError."""
    names = {field.name: field.type for field in fields(Limits)}
    for name, value in changes.items():
        if name not in names:
            raise ValueError(f"no limit {name!r}; there are {', '.join(names)}")
        if name == "rate" and value is None:
            continue
        whole = name not in ("rate", "scroll_seconds")
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value <= 0:
            raise ValueError(f"limit {name} is a {'whole ' if whole else ''}number above 0, not {value!r}")
    return replace(limits, **changes)


class TokenBucket:
    """A token bucket in real time: `burst` tokens at most, `rate` new ones a second (Event API, "Limits")."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = limits.rate
        self._burst = float(limits.burst)
        self._tokens = self._burst
        self._now = now
        self._at = now()

    def take(self) -> bool:
        """Take a token; False when there is none."""
        if self._rate is None:
            return True
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Latency:
    """How long an answer takes: uniform between `low` and `high` seconds."""

    def __init__(self, low: float = 0.0, high: float = 0.0, seed: int = 0) -> None:
        if not 0 <= low <= high:
            raise ValueError(f"latency is 0 <= low <= high seconds, not {low!r} and {high!r}")
        self._low = low
        self._high = high
        self._rng = random.Random(seed)  # noqa: S311 - chooses delays, guards nothing

    def draw(self) -> float:
        """Choose the next delay, in seconds."""
        return self._rng.uniform(self._low, self._high) if self._high else 0.0


def latency(setting: Any) -> Latency:
    """Read a latency setting, `{"low": seconds, "high": seconds}` or one number of seconds; raises ValueError."""
    if isinstance(setting, int | float) and not isinstance(setting, bool):
        return Latency(setting, setting)
    if isinstance(setting, dict) and setting.keys() == {"low", "high"}:
        return Latency(float(setting["low"]), float(setting["high"]))
    raise ValueError(f"latency is a number of seconds or {{low, high}}, not {setting!r}")
