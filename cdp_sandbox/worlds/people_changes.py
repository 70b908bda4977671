"""When the people's traits change, and in which way; what each kind of change does is in `people_traits`."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.worlds.durations import DAY, HOUR
from cdp_sandbox.worlds.people_calendar import DAYS, HISTORY_STARTS, OPENS_AT
from cdp_sandbox.worlds.people_lives import Lives

KINDS = ("edit", "null", "remove", "reorder", "seen", "retype", "appear", "collide", "list", "nested")
"""A kind of change is an index into these; `people_traits.APPLY` has one function a kind."""

_SHARE_A_DAY = (0.015, 0.006, 0.006, 0.01, 0.02, 0.004, 0.006, 0.003, 0.008, 0.006)
"""Of those who exist, by kind."""
_SHARE_WITH_EVENT = (0.75, 0.5, 0.0, 0.0, 0.0, 0.8, 0.8, 0.8, 0.7, 0.7)
"""Of the changes of a kind: an `identify` event says what was set. No event can remove or reorder."""
_SHARE_EDITED_BEFORE_OPENING = 0.5
_QUIET = HOUR
"""Nothing changes so soon after a life begins, before it ends, or at either end of a day: of one profile's changes each
is long received when the next one happens."""


@dataclass(frozen=True, slots=True)
class Changes:
    """One element a change, sorted by profile and time; `value` seeds what is set."""

    profile: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    """When the platform sets it: the `receivedTime` of its event, if it has one."""
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.int64]
    with_event: npt.NDArray[np.bool_]


def draw_changes(seed: int, lives: Lives) -> Changes:
    """Draw at most one change a profile and day of the month, and one for some before it.

    From twenty profiles on, each kind occurs in the month.
    """
    rng = np.random.default_rng([seed, 32])
    created = np.array([key.created for key in lives.keys], dtype=np.int64) + _QUIET
    vanished = np.array([key.vanished or OPENS_AT + 2 * DAYS * DAY for key in lives.keys], dtype=np.int64) - _QUIET
    before = np.flatnonzero((created < OPENS_AT - DAY) & (rng.random(len(created)) < _SHARE_EDITED_BEFORE_OPENING))
    start = np.maximum(created[before], HISTORY_STARTS)
    profiles = [before]
    times = [start + (rng.random(len(before)) * (OPENS_AT - _QUIET - start)).astype(np.int64)]
    kinds = [np.zeros(len(before), dtype=np.int64)]
    for day in range(DAYS):
        midnight = OPENS_AT + day * DAY
        there = np.flatnonzero((created <= midnight) & (vanished >= midnight + DAY))
        counts = (np.array(_SHARE_A_DAY) * len(there) + rng.random(len(KINDS))).astype(np.int64)
        if day % 3 == 2:
            counts[day // 3] = max(1, counts[day // 3])
        kind = rng.permutation(np.repeat(np.arange(len(KINDS)), counts))[: len(there)]
        profiles.append(rng.choice(there, size=len(kind), replace=False))
        times.append(midnight + rng.integers(_QUIET, DAY - _QUIET, size=len(kind)))
        kinds.append(kind)
    profile, time, kind = np.concatenate(profiles), np.concatenate(times), np.concatenate(kinds)
    with_event = rng.random(len(kind)) < np.array(_SHARE_WITH_EVENT)[kind]
    with_event |= time < OPENS_AT
    order = np.lexsort((time, profile))
    return Changes(
        profile=profile[order],
        time=time[order],
        kind=kind[order].astype(np.int8),
        value=rng.integers(0, 2**40, size=len(order)),
        with_event=with_event[order],
    )
