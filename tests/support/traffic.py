"""A year of events read on a simulated clock: how many requests, how long, and how much waits; no time passes."""

import heapq
import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from event_feed import T

from intilery_source.asks import Ask, Kind
from intilery_source.planner import Planner
from intilery_source.types import EventPage, Query

_DAY = 86_400_000

Latency = Callable[[random.Random], float]


def vendor(chooser: random.Random) -> float:
    """The seconds that the vendor's own screenshots show."""
    return chooser.uniform(0.7, 2.8)


def always(seconds: float) -> Latency:
    return lambda _: seconds


class Year:
    """Events at given milliseconds, in order; both bounds of a question are the usual ones."""

    def __init__(self, times: list[int]) -> None:
        self.times = times
        self._micros = [time * 1000 for time in times]
        self._keys = [str(place) for place in range(len(times))]
        self._rows = pa.RecordBatch.from_arrays([pa.array(range(len(times)), pa.int64())], ["place"])

    def answer(self, query: Query) -> EventPage:
        low = 0 if query.start is None else bisect_left(self.times, query.start)
        high = len(self.times) if query.end is None else bisect_left(self.times, query.end)
        if query.ascending:
            first, last = min(high, low + query.skip), min(high, low + query.skip + query.size)
        else:
            first, last = max(low, high - query.skip - query.size), max(low, high - query.skip)
        page = EventPage(
            micros=self._micros[first:last],
            keys=list(self._keys[first:last]),
            actions=[None] * (last - first),
            received=[0] * (last - first),
            rows=self._rows.slice(first, last - first),
            unreadable=[],
            length=last - first,
            earliest=self.times[first] if first < last else None,
            latest=self.times[last - 1] if first < last else None,
            now=T,
            request_id="",
        )
        return page if query.ascending else page.reversed()


def uneven(seed: int, number: int) -> Year:
    """A year in which a day has up to tenfold another's events, nights are quiet, and some share an instant."""
    rng = np.random.default_rng(seed)
    busy = np.exp(rng.normal(0.0, 0.8, 366))
    days = rng.choice(366, number, p=busy / busy.sum())
    hours = rng.beta(4.0, 2.5, number) * _DAY
    times = np.sort(T + days * _DAY + hours.astype(np.int64))
    twins = 1 + np.flatnonzero(rng.random(number - 1) < 0.02)
    times[twins] = times[twins - 1]
    return Year(np.sort(times).tolist())


@dataclass
class Drive:
    """What a reading took; `seconds` until the last answer."""

    requests: int
    wasted: int
    seconds: float
    most_held: int
    given: int


def drive(
    year: Year,
    planner: Planner,
    *,
    rate: float = 100.0,
    burst: float = 500.0,
    latency: Latency = vendor,
    in_flight: int = 280,
    seed: int = 0,
) -> Drive:
    """Read under a limit of `rate` requests a second; a permission is taken first, and the question chosen after."""
    chooser = random.Random(seed)
    planner.capacity = in_flight
    arrivals: list[tuple[float, int, Ask | None]] = []
    now = filled = finished = 0.0
    tokens, number, given, most_held = burst, 0, 0, 0
    waits = False
    while True:
        tokens, filled = min(burst, tokens + (now - filled) * rate), now
        while tokens >= 1 - 1e-9 and (ask := planner.next()) is not None:
            tokens -= 1
            number += 1
            heapq.heappush(arrivals, (now + latency(chooser), number, ask))
        if tokens < 1 - 1e-9 and not waits:
            waits = True
            number += 1
            heapq.heappush(arrivals, (now + (1 - tokens) / rate, number, None))
        if not arrivals:
            break
        now, _, arrived = heapq.heappop(arrivals)
        if arrived is None:
            waits = False
            continue
        assert arrived.kind is not Kind.INSTANT, "no instant is that large"
        planner.answered(arrived, year.answer(arrived.query))
        finished = now
        most_held = max(most_held, planner.pieces.held)
        while (piece := planner.pieces.take()) is not None:
            given += len(piece.keys)
    assert planner.finished
    return Drive(planner.requests, planner.wasted, finished, most_held, given)
