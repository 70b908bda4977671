"""One token bucket for every thread and every retry of a process.

The API's limit is a token bucket: 100 requests a second with a burst of 500 (Profiles API, "Limits"). It is shared
with the customer's own live traffic, so a lower rate may be set than the API allows.
"""

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
        self._paused_until = 0.0

    def acquire(self) -> float:
        """Wait for a token and take it; the seconds waited are returned."""
        started = self._clock()
        with self._lock:
            due = self._reserve(started)
        while (remaining := due - self._clock()) > 0:
            self._sleep(remaining)
            with self._lock:
                due = max(due, self._paused_until)  # a pause that began meanwhile holds for those who wait, too
        return self._clock() - started

    def pause(self, seconds: float) -> None:
        """Let nobody send for `seconds`; a longer pause that is running already stays."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _reserve(self, now: float) -> float:
        """Take a token, in advance if need be, and return the instant from which it may be used."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        self._tokens -= 1.0
        due = now if self._tokens >= 0 else now - self._tokens / self._rate
        return max(due, self._paused_until)
