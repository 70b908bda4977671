"""What the feed does to the shop's events: late, doubled, dated ahead, anonymous, and several in one millisecond.

The API is held to deliver at least once, hours or days late, and by clocks that run ahead; the shares are this
stand-in's own, so that tests can count.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.worlds.durations import DAY, MINUTE, SECOND
from cdp_sandbox.worlds.shop_behaviour import (
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
from cdp_sandbox.worlds.shop_customers import SIGN_UP_DELAY, Customers

Flags = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.int8]

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


def _share_instants(rng: np.random.Generator, kind: Kinds, time: Ints, earliest: Ints) -> Ints:
    """Move events to the instant of the one before, in place: pairs, triples, and beside a newsletter other actions.

    `time` is sorted when it comes; nothing moves before its `earliest`. The answer names what was moved.
    """
    before = np.concatenate([[0], time[:-1]])
    picked = _pick(rng, before >= earliest, SHARES["same_instant"] / 1.5, len(time))
    picked = picked[np.diff(picked, prepend=-3) >= 3]
    third = picked[::2] + 1
    third = third[third < len(time)]
    third = third[before[third - 1] >= earliest[third]]
    time[picked] = before[picked]
    time[third] = time[third - 1]
    newsletter = NEWSLETTERS[np.searchsorted(NEWSLETTERS, OPENS_AT) - 1]
    free = (time >= newsletter) & (earliest <= newsletter)
    beside = np.concatenate([np.flatnonzero(free & (kind == which))[:2] for which in (PAGE, VIEWED)])
    time[beside] = newsletter
    return np.union1d(np.union1d(picked, third), beside)


def _disorder(
    rng: np.random.Generator, kind: Kinds, time: Ints, profile: npt.NDArray[np.int32], created: Ints
) -> dict[str, Flags]:
    """Make events anonymous, whole-second and simultaneous, in place; what sets traits keeps its time.

    No event of a customer comes to lie before its profile is `created`.
    """
    marked = {name: np.zeros(len(kind), dtype=np.bool_) for name in SHARES}
    pages = kind == PAGE
    marked["anonymous"][_pick(rng, pages, SHARES["anonymous"], int(pages.sum()))] = True
    profile[marked["anonymous"]] = -1

    movable = ~np.isin(kind, [IDENTIFY, UNSUBSCRIBED, SENT])
    whole = _pick(rng, movable, SHARES["whole_second"], len(kind))
    marked["whole_second"][whole] = True
    time[whole] -= time[whole] % SECOND

    earliest = np.where(profile >= 0, created[profile], 0)
    earliest[~movable | marked["whole_second"]] = np.iinfo(np.int64).max
    by_time = np.argsort(time, kind="stable")
    sorted_time = time[by_time]
    together = _share_instants(rng, kind[by_time], sorted_time, earliest[by_time])
    time[by_time] = sorted_time
    marked["same_instant"][by_time[together]] = True
    return marked


def _receive(rng: np.random.Generator, kind: Kinds, sign_up: Flags, time: Ints, marked: dict[str, Flags]) -> Ints:
    """When each event is received: in seconds, late, or before it happened, in which case `time` is put ahead."""
    count = len(kind)
    delay = np.minimum(rng.lognormal(6.0, 0.8, size=count).astype(np.int64) + 20, _QUIET - 1)
    delay[sign_up] = SIGN_UP_DELAY
    late = _pick(rng, ~sign_up, SHARES["late"], count)
    delay[late] = _spread(rng, MINUTE, LATEST - 10 * MINUTE, len(late))
    marked["late"][late] = True
    very_late = _pick(rng, marked["late"] & (time < ENDS_AT - LATEST), SHARES["very_late"], count)
    delay[very_late] = rng.integers(29 * DAY // 10, 299 * DAY // 100, size=len(very_late))
    marked["very_late"][very_late] = True
    received = time + delay

    careless = np.isin(kind, [PAGE, VIEWED, OPENED, CLICKED])
    alone = ~(marked["late"] | marked["same_instant"] | marked["whole_second"])
    ahead = _pick(rng, careless & alone, SHARES["dated_ahead"], count)
    time[ahead] = received[ahead] + _spread(rng, MINUTE, FARTHEST_AHEAD, len(ahead))
    marked["dated_ahead"][ahead] = True
    return received


def disturb(seed: int, customers: Customers, happenings: Happenings) -> Feed:
    """Deliver the happenings, as a feed would; what would be received after the world's end is not in it."""
    rng = np.random.default_rng([seed, 4])
    row = np.argsort(happenings.time, kind="stable")
    row = row[(happenings.time[row] >= HISTORY_STARTS) & (happenings.time[row] < ENDS_AT)]
    kind, time, profile = happenings.kind[row], happenings.time[row], happenings.profile[row]
    sign_up = (kind == IDENTIFY) & (happenings.reference[row] == SIGN_UP)
    created = np.array([key.created for key in customers.keys], dtype=np.int64)
    marked = _disorder(rng, kind, time, profile, created)
    received = _receive(rng, kind, sign_up, time, marked)

    again = _pick(rng, ~marked["dated_ahead"], SHARES["doubled"], len(row))
    longest = time[again] + LATEST - 1 - received[again]
    received = np.concatenate([received, received[again] + _spread(rng, SECOND, longest, len(again))])
    position = np.concatenate([np.arange(len(row)), again])
    order = np.lexsort((received, time[position]))
    order = order[received[order] <= ENDS_AT]
    position, received, second_time = position[order], received[order], order >= len(row)

    marks = {name: np.flatnonzero(flags[position] & ~second_time) for name, flags in marked.items()}
    marks["doubled"] = np.flatnonzero(second_time)
    event_time = time[position]
    instants, sizes = np.unique(event_time[~second_time], return_counts=True)
    moved = marks["same_instant"]
    marks["same_instant"] = moved[np.isin(event_time[moved], instants[sizes > 1])]
    return Feed(
        row=row[position],
        event_time=event_time,
        received_time=received,
        profile=profile[position],
        marks=marks,
    )
