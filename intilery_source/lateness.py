"""How late events arrive: what passes between an event and its receipt by the platform.

A histogram with logarithmic buckets, so that its size does not grow with the number of events (after DDSketch,
Masson and others, VLDB 2019).
"""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_GROWTH = 1.02
"""Each bucket ends at so many times its beginning: what is read off is too long by 2 % at most, never too short."""
_LOG_GROWTH = math.log(_GROWTH)
_LONGEST = 640_000_000_000_000_000
"""Microseconds, more than from the year 1 to 9999."""
_BUCKETS = math.ceil(math.log(_LONGEST) / _LOG_GROWTH) + 2

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "p99_99": 0.9999}
_CAUGHT = 0.9999


class Lateness:
    """Counts events by how late they came; an event received before it happened (its clock was ahead) counts as 0."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self._longest = 0

    def add(self, rows: pa.Table) -> None:
        """Count rows with the columns `event_time` and `received_time`; those without the latter do not count."""
        waited = pc.subtract(rows.column("received_time"), rows.column("event_time")).drop_null()
        micros = waited.cast(pa.int64()).to_numpy()
        if not len(micros):
            return
        late = micros[micros > 0]
        self._counts[0] += len(micros) - len(late)
        if len(late):
            buckets = np.ceil(np.log(late) / _LOG_GROWTH).astype(np.int64) + 1
            self._counts += np.bincount(buckets, minlength=_BUCKETS)
            self._longest = max(self._longest, int(late.max()))

    @property
    def count(self) -> int:
        """The number of events counted."""
        return int(self._counts.sum())

    def quantile(self, share: float) -> float | None:
        """The seconds within which this share of the events had come, up to 2 % too long; None without any event."""
        count = self.count
        if not count:
            return None
        rank = max(1, math.ceil(share * count - 1e-9 * count))
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        return 0.0 if not bucket else min(_GROWTH ** (bucket - 1), self._longest) / 1_000_000

    def longest(self) -> float | None:
        """The seconds that the latest event took, None without any event."""
        return self._longest / 1_000_000 if self.count else None

    def lookback(self) -> int | None:
        """The lookback, in whole seconds, that would have caught 99.99 % of the events; None without any event."""
        seconds = self.quantile(_CAUGHT)
        return None if seconds is None else math.ceil(seconds)

    def as_dict(self) -> dict[str, Any]:
        """The number of events, and quantiles in seconds."""
        quantiles = {name: _rounded(self.quantile(share)) for name, share in QUANTILES.items()}
        return {"events": self.count, **quantiles, "max": _rounded(self.longest())}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
