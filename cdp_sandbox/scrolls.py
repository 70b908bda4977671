"""Scrolls: places on the server (Profiles API, "Listing all Customer Profiles").

The state is here and not in the scroll id: every request with a live id answers the next page and moves the scroll,
whether its answer arrives or not. The snapshot of profiles is taken when a scroll starts.
"""

import base64
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cdp_sandbox.world import Millis

_MANY = 1000
"""From so many live ids on, the expired ones are looked for."""


@dataclass(slots=True)
class Scroll:
    """One scroll: the profiles and the clock at its start, the next position, and its ids, oldest first."""

    profiles: Sequence[int]
    clock: Millis
    used: float
    place: int = 0
    ids: list[str] = field(default_factory=list)


class Scrolls:
    """All live scrolls by id; one that is not used for some seconds of real time is gone."""

    def __init__(self, seed: int, now: Callable[[], float] = time.monotonic) -> None:
        self._by_id: dict[str, Scroll] = {}
        self._rng = random.Random(seed)  # noqa: S311 - ids of a stand-in
        self._now = now

    def start(self, profiles: Sequence[int], clock: Millis, seconds: float) -> Scroll:
        """Begin a scroll over a snapshot of profiles; `seconds` without use end one."""
        if len(self._by_id) > _MANY:
            for old in {id(scroll): scroll for scroll in self._by_id.values()}.values():
                if self._now() - old.used > seconds:
                    self.drop(old)
        scroll = Scroll(profiles, clock, self._now())
        self._mint(scroll)
        return scroll

    def find(self, scroll_id: str, seconds: float) -> Scroll | None:
        """Find a live scroll; None when it is unknown or has expired. Ids older than this one are forgotten."""
        scroll = self._by_id.get(scroll_id)
        if scroll is None:
            return None
        now = self._now()
        if now - scroll.used > seconds:
            self.drop(scroll)
            return None
        scroll.used = now
        self._forget_before(scroll, scroll_id)
        return scroll

    def next_page(self, scroll: Scroll, size: int, *, rotate: bool) -> tuple[Sequence[int], str]:
        """Move a scroll by one page: the profiles on it, and the id to go on with."""
        page = scroll.profiles[scroll.place : scroll.place + size]
        scroll.place += len(page)
        if rotate and scroll.place > len(page):
            self._mint(scroll)
        return page, scroll.ids[-1]

    def delivered(self, scroll_id: str) -> None:
        """Note that the client has an answer with this id, so that older ones are of no use."""
        scroll = self._by_id.get(scroll_id)
        if scroll is not None:
            self._forget_before(scroll, scroll_id)

    def drop(self, scroll: Scroll) -> None:
        """End a scroll: its ids are unknown from now on."""
        for scroll_id in scroll.ids:
            self._by_id.pop(scroll_id, None)
        scroll.ids.clear()

    def _mint(self, scroll: Scroll) -> None:
        scroll_id = "DnF1ZXJ5VGhlbkZldGNo" + base64.urlsafe_b64encode(self._rng.randbytes(48)).decode()
        scroll.ids.append(scroll_id)
        self._by_id[scroll_id] = scroll

    def _forget_before(self, scroll: Scroll, scroll_id: str) -> None:
        for old in scroll.ids[: scroll.ids.index(scroll_id)]:
            del self._by_id[old]
            scroll.ids.remove(old)
