"""Computed traits: what the platform works out from the orders it has received, every thirty minutes.

The vendor's computed-traits page: they are recomputed every 30 minutes, so that they change without an event.
"""

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import Json, Millis, ProfileKey
from cdp_sandbox.worlds.durations import DAY, MINUTE

RECOMPUTED_EVERY: Millis = 30 * MINUTE
_WINDOW: Millis = 28 * DAY


class OrderLedger:
    """The distinct orders of all profiles, to compute traits from; instants in milliseconds, money in whole cents.

    `profile`, `event_time`, `received_time`, `cents` and `category` have one element an order; `category` is an index
    into `categories`.
    """

    def __init__(
        self,
        profiles: list[ProfileKey],
        categories: list[str],
        *,
        profile: npt.NDArray[np.integer],
        event_time: npt.NDArray[np.int64],
        received_time: npt.NDArray[np.int64],
        cents: npt.NDArray[np.integer],
        category: npt.NDArray[np.integer],
    ) -> None:
        self._profiles = profiles
        self._categories = categories
        order = np.lexsort((received_time, profile))
        self._event_time = event_time[order]
        self._received_time = received_time[order]
        self._cents = cents[order]
        self._category = category[order]
        self._first = np.searchsorted(profile[order], np.arange(len(profiles) + 1))

    def computed(self, profile: int, clock: Millis) -> Json:
        """`ordersLast28d`, `lifetimeRevenue` (as in orders) and, after an order, `favouriteCategory` at a clock.

        They stand as of the last full half hour; before the first one of a profile's life there are none.
        """
        clock -= clock % RECOMPUTED_EVERY
        if clock < self._profiles[profile].created:
            return {}
        first, end = int(self._first[profile]), int(self._first[profile + 1])
        known = slice(first, first + int(np.searchsorted(self._received_time[first:end], clock, side="right")))
        times, cents = self._event_time[known], self._cents[known]
        recent = int(np.count_nonzero((times > clock - _WINDOW) & (times <= clock)))
        found: Json = {"ordersLast28d": recent, "lifetimeRevenue": int(cents.sum()) / 100}
        if len(cents):
            spent = np.bincount(self._category[known], weights=cents)
            found["favouriteCategory"] = self._categories[int(spent.argmax())]
        return found
