"""The worlds that the sandbox can serve, by name."""

import importlib
import re

from cdp_sandbox.world import World

ALLOWED = ("flat:N", "shop", "shop:CUSTOMERS", "complete_journey", "people", "people:N")


def load_world(spec: str, seed: int) -> World:
    """Make the world that a spec names, such as `flat:1000` or `shop:50`.

    Raises ValueError for an unknown spec. A world's module is imported when it is asked for, since they differ in
    what they need.
    """
    name, _, number = spec.partition(":")
    known = re.fullmatch(r"flat:[1-9]\d*|(shop|people)(:[1-9]\d*)?|complete_journey", spec)
    if known is None:
        raise ValueError(f"no world {spec!r}; there are {', '.join(ALLOWED)}")
    kind = {"flat": "Flat", "shop": "Shop", "complete_journey": "CompleteJourney", "people": "People"}[name]
    make = getattr(importlib.import_module(f"cdp_sandbox.worlds.{name}"), kind)
    world: World = make(seed, int(number)) if number else make(seed)
    return world
