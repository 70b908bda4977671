"""What a run cost: requests, retries and waiting, counted over all threads."""

import threading
from collections import Counter
from typing import Any


class Statistics:
    """Counters of one run; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_status: Counter[str] = Counter()
        self._by_route: Counter[str] = Counter()
        self._retries = 0
        self._waited = 0.0

    def count_request(self, route: str, outcome: str) -> None:
        """Count one attempt; `outcome` is the status, or the name of what went wrong on the way."""
        with self._lock:
            self._by_route[route] += 1
            self._by_status[outcome] += 1

    def count_retry(self) -> None:
        with self._lock:
            self._retries += 1

    def add_wait(self, seconds: float) -> None:
        """Add time that a thread spent waiting for the rate limit or for a retry."""
        with self._lock:
            self._waited += seconds

    @property
    def requests(self) -> int:
        with self._lock:
            return sum(self._by_status.values())

    def as_dict(self) -> dict[str, Any]:
        """The counters as plain values; seconds are summed over threads."""
        with self._lock:
            return {
                "requests": sum(self._by_status.values()),
                "by_status": dict(sorted(self._by_status.items())),
                "by_route": dict(sorted(self._by_route.items())),
                "retries": self._retries,
                "waited_seconds": round(self._waited, 3),
            }
