"""What was asked and answered since the reset."""

import time
from collections import Counter
from typing import Any


class Statistics:
    """Counts of API requests; instants are this machine's monotonic seconds."""

    def __init__(self) -> None:
        self._in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Begin anew; requests in flight stay counted as such."""
        self._answers: Counter[tuple[str, str]] = Counter()
        self._faults: Counter[str] = Counter()
        self._seconds: Counter[int] = Counter()
        self._most_in_flight = self._in_flight
        self._first: float | None = None
        self._last: float | None = None

    def begin(self) -> None:
        """Count a request that has arrived."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        self._seconds[int(now - self._first)] += 1
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)

    def end(self, route: str, status: str) -> None:
        """Count its answer; the status of a connection that was broken off is the fault's name."""
        self._last = time.monotonic()
        self._in_flight -= 1
        self._answers[route, status] += 1

    def fault(self, kind: str) -> None:
        """Count a fault that was dealt."""
        self._faults[kind] += 1

    def shown(self) -> dict[str, Any]:
        """`requests` by route and status, `in_flight`, `per_second` by whole second since the first, `faults`."""
        requests: dict[str, dict[str, int]] = {}
        for (route, status), count in sorted(self._answers.items()):
            requests.setdefault(route, {})[status] = count
        return {
            "total": sum(self._answers.values()),
            "requests": requests,
            "in_flight": {"now": self._in_flight, "max": self._most_in_flight},
            "per_second": {str(second): count for second, count in sorted(self._seconds.items())},
            "first_request": self._first,
            "last_answer": self._last,
            "faults": dict(sorted(self._faults.items())),
        }
