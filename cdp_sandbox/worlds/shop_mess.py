"""What the feed does to the shop's events: late, doubled, dated ahead, anonymous, and several in one millisecond.

The API is held to deliver at least once, hours or days late, and by clocks that run ahead; the shares are this
stand-in's own, so that tests can count.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.worlds.durations import DAY, MINUTE, SECOND
from cdp_sandbox.worlds.shop_behaviour import (
    ADDED,
    CLICKED,
    IDENTIFY,
    OPENED,
    PAGE,
    SENT,
    SIGN_UP,
    UNSUBSCRIBED,
    VIEWED,
    Happenings,
    Ints,
)
from cdp_sandbox.worlds.shop_calendar import ENDS_AT, HISTORY_STARTS, NEWSLETTERS, OPENS_AT
from cdp_sandbox.worlds.shop_customers import Customers

Flags = npt.NDArray[np.bool_]

LATEST = 3 * DAY
"""No event is received this long after it happened, or longer."""
FARTHEST_AHEAD = 5 * DAY

SHARES = {
    "late": 0.03,
    "very_late": 0.001,
    "doubled": 0.01,
    "dated_ahead": 0.002,
    "anonymous": 0.08,
    "same_instant": 0.01,
    "whole_second": 0.003,
}
"""Shares of all distinct events; of `anonymous`, of pages. Of each there are at least two."""

_QUIET = 6 * SECOND
"""An event that is not late is received before this."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The events as received, one element each, by `event_time`; doubles included."""

    row: Ints
    """Which happening it is: a double names the same row."""
    event_time: Ints
    received_time: Ints
    profile: npt.NDArray[np.int32]
    marks: dict[str, Ints]
    """The positions of every kind of mess; a double is marked as `doubled` only."""

    def first_deliveries(self) -> Ints:
        """The positions of all events but the doubles: every distinct event once."""
        return np.setdiff1d(np.arange(len(self.row)), self.marks["doubled"], assume_unique=True)


def _pick(rng: np.random.Generator, allowed: Flags, share: float, of: int) -> Ints:
    candidates = np.flatnonzero(allowed)
    count = min(len(candidates), max(2, round(share * of)))
    return np.sort(rng.choice(candidates, size=count, replace=False))


def _spread(rng: np.random.Generator, low: int, high: Ints | int, count: int) -> Ints:
    """Lengths of time from `low` to below `high`, every order of magnitude as likely as another."""
    return (low * (high / low) ** rng.random(count)).astype(np.int64)


def _share_instants(rng: np.random.Generator, kind: npt.NDArray[np.int8], time: Ints, movable: Flags) -> Ints:
    """Move events to the instant of the one before, in place; one newsletter gets pages and views of that hour too."""
    picked = _pick(rng, movable, SHARES["same_instant"] / 1.5, len(time))
    picked = picked[picked > 0]
    time[picked] = time[picked - 1]
    third = picked[::2] + 1
    third = third[third < len(time)]
    third = third[movable[third]]
    time[third] = time[third - 1]
    newsletter = NEWSLETTERS[np.searchsorted(NEWSLETTERS, OPENS_AT) - 1]
    at = np.searchsorted(time, newsletter)
    beside = [np.flatnonzero(movable[at:] & (kind[at:] == which))[:2] + at for which in (PAGE, VIEWED)]
    joined = np.concatenate(beside)
    time[joined] = newsletter
    return np.union1d(np.union1d(picked, third), joined)


def disturb(seed: int, customers: Customers, happenings: Happenings) -> Feed:
    """Deliver the happenings, as a feed would; what would be received after the world's end is not in it."""
    rng = np.random.default_rng([seed, 4])
    row = np.argsort(happenings.time, kind="stable")
    row = row[(happenings.time[row] >= HISTORY_STARTS) & (happenings.time[row] < ENDS_AT)]
    kind, time, profile = happenings.kind[row], happenings.time[row].copy(), happenings.profile[row].copy()
    count = len(row)
    is_traits = (kind == IDENTIFY) | (kind == UNSUBSCRIBED)
    sign_up = (kind == IDENTIFY) & (happenings.reference[row] == SIGN_UP)
    marked = {name: np.zeros(count, dtype=np.bool_) for name in SHARES}

    pages = kind == PAGE
    marked["anonymous"][_pick(rng, pages, SHARES["anonymous"], int(pages.sum()))] = True
    profile[marked["anonymous"]] = -1

    whole = _pick(rng, ~is_traits & (kind != SENT), SHARES["whole_second"], count)
    marked["whole_second"][whole] = True
    time[whole] -= time[whole] % SECOND

    movable = ~is_traits & (kind != SENT) & ~marked["whole_second"]
    by_time = np.argsort(time, kind="stable")
    sorted_time = time[by_time]
    together = _share_instants(rng, kind[by_time], sorted_time, movable[by_time])
    time[by_time] = sorted_time
    marked["same_instant"][by_time[together]] = True

    delay = np.minimum(rng.lognormal(6.0, 0.8, size=count).astype(np.int64) + 20, _QUIET - 1)
    delay[sign_up] = 400
    late = _pick(rng, ~sign_up, SHARES["late"], count)
    delay[late] = _spread(rng, MINUTE, LATEST - 10 * MINUTE, len(late))
    early_enough = np.isin(np.arange(count), late) & (time < ENDS_AT - LATEST)
    very_late = _pick(rng, early_enough, SHARES["very_late"], count)
    delay[very_late] = rng.integers(29 * DAY // 10, 299 * DAY // 100, size=len(very_late))
    marked["late"][late] = True
    marked["very_late"][very_late] = True
    created = np.array([key.created for key in customers.keys], dtype=np.int64)
    received = np.where(profile >= 0, np.maximum(time + delay, created[profile]), time + delay)

    careless = np.isin(kind, [PAGE, VIEWED, ADDED, OPENED, CLICKED])
    alone = ~marked["late"] & ~marked["same_instant"] & ~marked["whole_second"]
    ahead = _pick(rng, careless & alone, SHARES["dated_ahead"], count)
    marked["dated_ahead"][ahead] = True
    time[ahead] = received[ahead] + _spread(rng, MINUTE, FARTHEST_AHEAD, len(ahead))

    again = _pick(rng, ~marked["dated_ahead"], SHARES["doubled"], count)
    longest = time[again] + LATEST - received[again]
    received_again = received[again] + _spread(rng, SECOND, longest, len(again))

    position = np.concatenate([np.arange(count), again])
    received = np.concatenate([received, received_again])
    kept = received <= ENDS_AT
    position, received = position[kept], received[kept]
    second_time = np.arange(count + len(again))[kept] >= count
    order = np.lexsort((received, time[position]))
    position, received, second_time = position[order], received[order], second_time[order]
    marks = {name: np.flatnonzero(flags[position] & ~second_time) for name, flags in marked.items()}
    marks["doubled"] = np.flatnonzero(second_time)
    return Feed(
        row=row[position],
        event_time=time[position],
        received_time=received,
        profile=profile[position],
        marks=marks,
    )
