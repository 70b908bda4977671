"""Faults on request, by seed: what goes wrong with which request."""

import random
from dataclasses import dataclass
from typing import Any

KINDS = {
    "http_429": "a 429 out of turn; nothing moves",
    "http_500": "a JSON 500; the request took effect in half of the cases",
    "http_502": "an HTML 502; the request took effect in half of the cases",
    "http_503": "an HTML 503, sometimes with Retry-After 0 or 1; nothing moves",
    "http_504": "an HTML 504 in place of the answer; the request took effect",
    "reset": "the connection is reset without an answer; the request took effect in half of the cases",
    "cut": "the answer stops short of its Content-Length; the request took effect",
    "truncated": "a complete 200 whose JSON stops in the middle; the request took effect",
    "slow": "the answer comes `slow_seconds` late",
    "expire_scroll": "the scroll of this request is gone",
    "lost_scroll_answer": "an HTML 504 in place of a scroll's page; the scroll moved",
    "repeat_page": "the previous 200 of the same listing route again; a scroll moved in half of the cases",
}
SCROLL_ONLY = frozenset({"expire_scroll", "lost_scroll_answer"})

HEAVY = {
    "http_429": 0.02,
    "http_503": 0.02,
    "http_500": 0.01,
    "http_502": 0.01,
    "http_504": 0.01,
    "reset": 0.007,
    "cut": 0.005,
    "truncated": 0.005,
    "slow": 0.005,
    "expire_scroll": 0.005,
    "lost_scroll_answer": 0.003,
    "repeat_page": 0.007,
}
"""The preset `heavy`: about one request in ten."""

PRESETS = {"none": dict[str, float](), "heavy": HEAVY}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request; `coin` is between 0 and 1, for kinds that have several forms."""

    kind: str
    coin: float

    @property
    def half(self) -> bool:
        """True in half of the cases."""
        return self.coin < 0.5


class Faults:
    """Rates a kind between 0 and 1, and one sequence of draws: two a request, in the order of requests."""

    def __init__(self, seed: int = 0, rates: dict[str, float] | None = None, slow_seconds: float = 0.2) -> None:
        self.rates = dict(rates or {})
        self.slow_seconds = slow_seconds
        self._rng = random.Random(seed)  # noqa: S311 - chooses faults, guards nothing

    def draw(self) -> Fault | None:
        """Choose what goes wrong with the next request."""
        if not self.rates:
            return None
        chance, coin = self._rng.random(), self._rng.random()
        for kind, rate in self.rates.items():
            if chance < rate:
                return Fault(kind, coin)
            chance -= rate
        return None


def faults(setting: dict[str, Any]) -> Faults:
    """Read `{"preset"?, "seed"?, "rates"?, "slow_seconds"?}`; rates come on top of a preset's. Raises ValueError."""
    unknown = setting.keys() - {"preset", "seed", "rates", "slow_seconds"}
    if unknown:
        raise ValueError(f"faults have preset, seed, rates, slow_seconds, not {', '.join(sorted(unknown))}")
    preset = setting.get("preset", "none")
    if preset not in PRESETS:
        raise ValueError(f"preset is one of {', '.join(PRESETS)}, not {preset!r}")
    rates = {**PRESETS[preset], **setting.get("rates", {})}
    for kind, rate in rates.items():
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(f"the rate of {kind} is between 0 and 1, not {rate!r}")
    if sum(rates.values()) > 1 + 1e-9:
        raise ValueError("the rates of all faults together are at most 1")
    return Faults(int(setting.get("seed", 0)), rates, float(setting.get("slow_seconds", 0.2)))
