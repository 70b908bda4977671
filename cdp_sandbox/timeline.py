"""Events in the order of one of their times, searched without touching their bodies."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Search:
    """Which events are wanted: `first <= key < end` (milliseconds), received by `clock`, of an action in `actions`.

    `actions` is one flag an action, None for all; `needed` hits are enough, and with `whole_ties` all those of the
    last one's instant are returned too.
    """

    first: int
    end: int
    clock: int
    actions: npt.NDArray[np.bool_] | None
    descending: bool
    needed: int
    whole_ties: bool = False


class Timeline:
    """Events sorted by a key in milliseconds; `order` gives each one's position in the world (None: the same)."""

    def __init__(
        self,
        keys: npt.NDArray[np.int64],
        received: npt.NDArray[np.int64],
        action: npt.NDArray[np.int16],
        order: Positions | None = None,
    ) -> None:
        self.keys = keys
        self._received = received
        self._action = action
        self._order = order
        starts = np.arange(0, len(keys), _BLOCK)
        self._last_received = np.maximum.reduceat(received, starts) if len(keys) else received

    def search(self, search: Search) -> tuple[Positions, npt.NDArray[np.int64]]:
        """Find hits in the asked direction: their positions in the world and their keys."""
        low = int(np.searchsorted(self.keys, search.first, side="left"))
        high = int(np.searchsorted(self.keys, search.end, side="left"))
        places = self._scan(low, high, search, search.needed)
        if search.whole_ties and len(places):
            last = int(self.keys[places[-1]])
            low = int(np.searchsorted(self.keys, last, side="left"))
            high = int(np.searchsorted(self.keys, last, side="right"))
            ties = self._scan(low, high, search, high - low)
            places = np.concatenate((places[self.keys[places] != last], ties))
        return (places if self._order is None else self._order[places]), self.keys[places]

    def _scan(self, low: int, high: int, search: Search, needed: int) -> Positions:
        found: list[Positions] = []
        count = 0
        chunk = max(needed, 1024)
        while low < high and count < needed:
            if search.descending:
                start, stop = max(low, high - chunk), high
                high = start
            else:
                start, stop = low, min(high, low + chunk)
                low = stop
            places = self._matching(start, stop, search)
            found.append(places[::-1] if search.descending else places)
            count += len(places)
            chunk *= 2
        if not found:
            return np.empty(0, dtype=np.int64)
        return (found[0] if len(found) == 1 else np.concatenate(found))[:needed]

    def _matching(self, start: int, stop: int, search: Search) -> Positions:
        blocks = self._last_received[start // _BLOCK : (stop - 1) // _BLOCK + 1]
        received = int(blocks.max()) <= search.clock
        if received and search.actions is None:
            return np.arange(start, stop, dtype=np.int64)
        mask = np.ones(stop - start, dtype=np.bool_) if received else self._received[start:stop] <= search.clock
        if search.actions is not None:
            mask &= search.actions[self._action[start:stop]]
        return np.flatnonzero(mask).astype(np.int64, copy=False) + start
