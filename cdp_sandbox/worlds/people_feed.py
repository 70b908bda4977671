"""The people's events: a modest number each, some late, some anonymous; and an `identify` for what sets traits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.worlds.durations import DAY, HOUR, MINUTE, SECOND
from cdp_sandbox.worlds.people_calendar import ENDS_AT, HISTORY_STARTS, OPENS_AT, SIGN_UP_DELAY
from cdp_sandbox.worlds.people_changes import Changes
from cdp_sandbox.worlds.people_lives import Lives

Ints = npt.NDArray[np.int64]

EVENT_NAMES = ["page", "Product Viewed", "Email Opened", "Order Completed", "identify"]
PAGE, VIEWED, OPENED, ORDER, IDENTIFY = range(len(EVENT_NAMES))
SIGN_UP = -1
"""The `reference` of an `identify` that begins a life."""

_SHARES = [0.45, 0.25, 0.15, 0.15]
_IN_HISTORY, _IN_MONTH = 12.0, 3.0
"""Events of a profile that exists for all of it, identifies not counted."""
_SHARE_LATE, _SHARE_ANONYMOUS = 0.02, 0.05
_LATEST = 3 * DAY
_FAREWELL_DELAY = 6 * HOUR
"""Of every second profile that vanishes the last event, a minute before, is received so much later."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The events, one element each, by `event_time`; `late` are the positions of those received minutes or days after.

    `reference` is the trait change of an `identify`, and a random number for another kind.
    """

    kind: npt.NDArray[np.int16]
    event_time: Ints
    received_time: Ints
    profile: npt.NDArray[np.int32]
    reference: Ints
    late: Ints


def draw_feed(seed: int, lives: Lives, changes: Changes) -> Feed:
    """Draw all events that are received by the end.

    An event happens while its profile exists, but may be received when that has vanished.
    """
    rng = np.random.default_rng([seed, 33])
    created = np.array([key.created for key in lives.keys], dtype=np.int64)
    vanished = np.array([key.vanished or ENDS_AT for key in lives.keys], dtype=np.int64)
    parts = [_spread(rng, created, np.minimum(vanished, OPENS_AT), HISTORY_STARTS, OPENS_AT, _IN_HISTORY)]
    parts.append(_spread(rng, created, vanished, OPENS_AT, ENDS_AT, _IN_MONTH))
    gone = np.flatnonzero(vanished < ENDS_AT)[::2]
    parts.append((gone, vanished[gone] - MINUTE))
    profile, happened = (np.concatenate(column) for column in zip(*parts, strict=True))
    kind = rng.choice(len(_SHARES), p=_SHARES, size=len(profile))
    delay = rng.integers(50, 5 * SECOND, size=len(profile))
    late = rng.random(len(profile)) < _SHARE_LATE
    delay[late] = (MINUTE * (_LATEST / MINUTE) ** rng.random(int(late.sum()))).astype(np.int64)
    anonymous = (kind == PAGE) & (rng.random(len(profile)) < _SHARE_ANONYMOUS)
    farewell = np.arange(len(profile)) >= len(profile) - len(gone)
    delay[farewell] = _FAREWELL_DELAY
    shown = np.where(anonymous & ~farewell, -1, profile)

    begun = np.flatnonzero(lives.signs_up)
    told = np.flatnonzero(changes.with_event)
    identified = np.concatenate([begun, changes.profile[told]])
    received = np.concatenate([created[begun], changes.time[told]])
    ahead = np.concatenate([np.full(len(begun), SIGN_UP_DELAY), rng.integers(20, 3 * SECOND, size=len(told))])
    random = rng.integers(0, 2**40, size=len(profile))

    event_time = np.concatenate([happened, received - ahead])
    received_time = np.concatenate([happened + delay, received])
    order = np.lexsort((received_time, event_time))
    order = order[received_time[order] <= ENDS_AT]
    return Feed(
        kind=np.concatenate([kind, np.full(len(received), IDENTIFY)])[order].astype(np.int16),
        event_time=event_time[order],
        received_time=received_time[order],
        profile=np.concatenate([shown, identified])[order].astype(np.int32),
        reference=np.concatenate([random, np.full(len(begun), SIGN_UP), told])[order],
        late=np.flatnonzero(np.concatenate([late | farewell, np.zeros(len(received), dtype=np.bool_)])[order]),
    )


def _spread(
    rng: np.random.Generator, created: Ints, ended: Ints, start: int, end: int, events: float
) -> tuple[Ints, Ints]:
    """Spread events evenly over lives between two instants: the profile and the instant of each."""
    begin = np.maximum(created, start)
    length = np.maximum(0, ended - begin)
    profile = np.repeat(np.arange(len(created)), rng.poisson(events * length / (end - start)))
    return profile, begin[profile] + (rng.random(len(profile)) * length[profile]).astype(np.int64)
