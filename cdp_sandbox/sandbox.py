"""The state of one sandbox, from a reset to the next."""

import random
import uuid
from typing import Any

from cdp_sandbox import faults, limits, switches
from cdp_sandbox.answers import Answer
from cdp_sandbox.catalogue import Catalogue
from cdp_sandbox.faults import Faults
from cdp_sandbox.history import History
from cdp_sandbox.instants import parse_millis
from cdp_sandbox.limits import Latency, Limits, TokenBucket
from cdp_sandbox.scrolls import Scrolls
from cdp_sandbox.statistics import Statistics
from cdp_sandbox.switches import Switches

SETTINGS = ("switches", "faults", "latency", "limits")


class Sandbox:
    """A world at a clock, how the API behaves over it, and what has happened since."""

    def __init__(self, catalogue: Catalogue, seed: int, clock: str | None = None) -> None:
        self.world = catalogue.world
        self.history = History(catalogue)
        self.clock = self.world.opens_at if clock is None else parse_millis(clock)
        self.switches = Switches()
        self.limits = Limits()
        self.bucket = TokenBucket(self.limits)
        self.latency = Latency()
        self.faults = Faults()
        self.scrolls = Scrolls(seed)
        self.statistics = Statistics()
        self.previous_pages: dict[str, Answer] = {}
        """The latest whole 200 answer of each listing route."""
        self.lost_scroll_ids: set[str] = set()
        """The scroll ids whose first answer the fault `lost_scroll_answer_once` has taken."""
        self.tie_rng = random.Random(seed)  # noqa: S311 - shuffles ties
        self._id_rng = random.Random(f"{seed} written")  # noqa: S311 - identifiers of a stand-in

    def change(self, settings: dict[str, Any]) -> None:
        """Change switches, faults, latency or limits; all of them or, on a ValueError or TypeError, none."""
        unknown = settings.keys() - set(SETTINGS)
        if unknown:
            raise ValueError(f"settings are {', '.join(SETTINGS)}, not {', '.join(sorted(unknown))}")
        new_switches = switches.changed(self.switches, _object(settings, "switches"))
        new_limits = limits.changed(self.limits, _object(settings, "limits"))
        new_latency = limits.latency(settings["latency"]) if "latency" in settings else self.latency
        new_faults = faults.faults(_object(settings, "faults")) if "faults" in settings else self.faults
        if new_limits != self.limits:
            self.bucket = TokenBucket(new_limits)
        self.switches, self.limits = new_switches, new_limits
        self.latency, self.faults = new_latency, new_faults

    def new_id(self) -> str:
        """A fresh identifier, the same ones after each reset with the same seed."""
        return str(uuid.UUID(int=self._id_rng.getrandbits(128), version=4))


def _object(settings: dict[str, Any], name: str) -> dict[str, Any]:
    value = settings.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"{name} is an object, not {value!r}")
    return value
