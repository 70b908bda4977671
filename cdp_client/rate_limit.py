"""One token bucket for every thread and every retry of a process.

The API's limit is a token bucket: 100 requests a second with a burst of 500 (Profiles API, "Limits"). It is shared
with the customer's own live traffic, so a lower rate may be set than the API allows.
"""

import math
import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Hands out permission to send; each attempt takes one token."""

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Fill a bucket of `burst` tokens that gains `rate` tokens a second."""
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._filled_at = clock()
        self._paused_until = self._filled_at
        self._paused = 0.0
        """Seconds of all pauses, those still to come included: the bucket's own time stands still during a pause."""

    def acquire(self) -> float:
        """Wait for a token and take it; the seconds waited are returned."""
        with self._lock:
            started = self._clock()
            due = self._reserve(started)
        while (remaining := self._usable_from(due) - self._clock()) > 0:
            self._sleep(remaining)  # and look again: a pause that began meanwhile holds for those who wait, too
        return self._clock() - started

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

    def _reserve(self, now: float) -> float:
        """Take a token, in advance if need be; the bucket's own time from which it may be used is returned."""
        own = max(now, self._paused_until) - self._paused
        self._tokens = min(self._burst, self._tokens + (own - self._filled_at) * self._rate)
        self._filled_at = own
        self._tokens -= 1.0
        return own if self._tokens >= 0 else own - self._tokens / self._rate

    def _usable_from(self, due: float) -> float:
        """The instant of the clock at which the bucket's own time is `due`, as far as pauses are known."""
        with self._lock:
            return max(due + self._paused, self._paused_until)


_JITTER = 0.05
"""Seconds by which two requests may come closer together on the way to the server than they were sent."""

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
