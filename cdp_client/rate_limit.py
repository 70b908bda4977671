"""One token bucket for every thread and every retry of a process.

The API's limit is a token bucket: 100 requests a second with a burst of 500 (Profiles API, "Limits"). It is shared
with the customer's own live traffic, so a lower rate may be set than the API allows.
"""

import math
import threading
import time
from collections.abc import Callable

from cdp_client.pace import Pace

_ROUNDING = 1e-7
"""The part of a token that counts as none: what sums of floating-point times may be wrong by."""


class TokenBucket:
    """Hands out permission to send; each attempt takes one token. Safe to use from any thread.

    Who has to wait holds a number, not an instant: when the rate changes, all instants change with it.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Fill a bucket of `burst` tokens that gains `rate` tokens a second, fewer for a while after a refusal."""
        self._pace = Pace(rate)
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._taken = 0
        """Tokens taken so far, in advance or not: the number of the latest."""
        self._given = float(burst)
        """Tokens that came so far: those with a number up to this one may be used."""
        self._filled_at = clock()
        self._paused_until = self._filled_at
        self._paused = 0.0
        """Seconds of all pauses, those still to come included: the bucket's own time stands still during a pause."""

    @property
    def configured_rate(self) -> float:
        """Tokens a second when nothing is refused."""
        return self._pace.highest

    @property
    def rate(self) -> float:
        """Tokens a second at the moment."""
        with self._lock:
            self._fill(self._clock())
            return self._pace.rate

    def free(self) -> bool:
        """Whether a request could be sent right now without waiting; somebody else may be quicker."""
        with self._lock:
            now = self._clock()
            self._fill(now)
            return now >= self._paused_until and self._given - self._taken >= 1.0 - _ROUNDING

    def acquire(self) -> float:
        """Wait for a token and take it; the seconds waited are returned."""
        with self._lock:
            started = now = self._clock()
            self._fill(now)
            self._taken += 1
            mine = self._taken
            wait = self._wait_for(mine, now)
        while wait > 0:
            self._sleep(wait)
            with self._lock:  # and look again: a refusal or a pause meanwhile holds for those who wait, too
                now = self._clock()
                self._fill(now)
                wait = self._wait_for(mine, now)
        return now - started

    def pause(self, seconds: float) -> None:
        """Let nobody send for `seconds`; a longer pause that is running already stays.

        The bucket gains nothing meanwhile, and those who wait keep their distance: they do not all send at its end.
        """
        with self._lock:
            now = self._clock()
            until = now + seconds
            if until > self._paused_until:
                self._paused += until - max(now, self._paused_until)
                self._paused_until = until

    def slow_down(self) -> None:
        """Lower the rate, because the server refused a request for coming too soon; it recovers by itself.

        Of what was saved for a burst one token is left: the server's bucket, which others may share, is empty.
        """
        with self._lock:
            self._fill(self._clock())
            self._pace.fall()
            self._given = min(self._given, self._taken + 1.0)

    def _fill(self, now: float) -> None:
        """Add what came until `now`."""
        own = max(now, self._paused_until) - self._paused
        self._given = min(self._given + self._pace.advance(own - self._filled_at), float(self._taken + self._burst))
        self._filled_at = own

    def _wait_for(self, number: int, now: float) -> float:
        """Seconds from `now` until the token of that number may be used, as far as refusals and pauses are known."""
        missing = number - self._given
        came = self._pace.seconds_until(missing) if missing > _ROUNDING else 0.0
        return max(now, self._paused_until) + came - now


_JITTER = 0.1
"""Seconds by which requests may come closer together on the way to the server than they were sent: what a first one
needs more, to look up the name and connect, is the most of it."""

_buckets: dict[tuple[object, ...], TokenBucket] = {}
_buckets_lock = threading.Lock()


def bucket_of(account: tuple[str, ...], rate: float, burst: int) -> TokenBucket:
    """The bucket of an account: one for all clients of this process, since the limit is the account's.

    It is a little smaller than the server's, which would otherwise refuse what arrives a moment too early.
    """
    reserve = min(burst - 1, math.ceil(rate * _JITTER))
    key = (*account, rate, burst)
    with _buckets_lock:
        if key not in _buckets:
            _buckets[key] = TokenBucket(rate, burst - reserve)
        return _buckets[key]
