"""Faults on request, by seed: what goes wrong with which request."""

import hashlib
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
SCROLL_KINDS = {
    "lost_scroll_answer_once": "an HTML 504 in place of the first answer to each scroll id; the scroll moved",
    "repeat_scroll_page": "the previous page of the listing again in place of a scroll's next; nothing moves",
}
"""Kinds that leave all but scrolls alone, so that at a rate of 1 no list is complete and everything else is served."""
SCROLL_ONLY = frozenset({"expire_scroll", "lost_scroll_answer", *SCROLL_KINDS})

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
    """Rates a kind between 0 and 1, and one sequence of draws: two a request, in the order of requests.

    `listing_leaves_out` is the share of profiles that no scroll lists, though look-ups answer for them.
    """

    def __init__(
        self,
        seed: int = 0,
        rates: dict[str, float] | None = None,
        slow_seconds: float = 0.2,
        listing_leaves_out: float = 0.0,
    ) -> None:
        self.rates = dict(rates or {})
        self.slow_seconds = slow_seconds
        self._listing_leaves_out = listing_leaves_out
        self._seed = seed
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

    def leaves_out(self, profile_id: str) -> bool:
        """Whether a profile is in no list: always the same ones, by the seed."""
        if not self._listing_leaves_out:
            return False
        drawn = hashlib.blake2b(f"{self._seed} {profile_id}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) < self._listing_leaves_out * 2**64


_NAMES = ("preset", "seed", "rates", "slow_seconds", "listing_leaves_out")


def faults(setting: dict[str, Any]) -> Faults:
    """Read an object of `preset`, `seed`, `rates`, `slow_seconds` and `listing_leaves_out`, none of them required.

    Rates come on top of a preset's. Raises ValueError.
    """
    unknown = setting.keys() - set(_NAMES)
    if unknown:
        raise ValueError(f"faults have {', '.join(_NAMES)}, not {', '.join(sorted(unknown))}")
    preset = setting.get("preset", "none")
    if preset not in PRESETS:
        raise ValueError(f"preset is one of {', '.join(PRESETS)}, not {preset!r}")
    rates = {**PRESETS[preset], **setting.get("rates", {})}
    for kind, rate in rates.items():
        if kind not in KINDS and kind not in SCROLL_KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join([*KINDS, *SCROLL_KINDS])}")
        _check_share(f"the rate of {kind}", rate)
    if sum(rates.values()) > 1 + 1e-9:
        raise ValueError("the rates of all faults together are at most 1")
    leaves_out = setting.get("listing_leaves_out", 0.0)
    _check_share("listing_leaves_out", leaves_out)
    return Faults(int(setting.get("seed", 0)), rates, float(setting.get("slow_seconds", 0.2)), float(leaves_out))


def _check_share(name: str, share: Any) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"{name} is between 0 and 1, not {share!r}")
