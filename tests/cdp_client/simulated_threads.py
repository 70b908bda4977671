"""Threads on a clock of their own: one runs at a time, and time passes only when all of them sleep.

So hundreds of threads and minutes of waiting take a second, and happen in the same order every time.
"""

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cdp_client import TokenBucket


class SimulatedThreads:
    """Start functions in threads; `now` is their clock and `sleep` how they wait, in seconds.

    `late` says how much later than asked the next sleeper is woken.
    """

    def __init__(self, late: Callable[[], float] = lambda: 0.0) -> None:
        self.time = 1_000_000.0
        self._late = late
        self._asleep: list[tuple[float, int, threading.Lock]] = []
        self._count = 0
        self._threads: list[threading.Thread] = []
        self._all_done = threading.Lock()
        self._all_done.acquire()
        self._errors: list[BaseException] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        gate = self._queue(self.time + seconds + self._late())
        self._wake_next()
        gate.acquire()

    def start(self, work: Callable[[], None], at: float = 0.0) -> None:
        """Have `work` begin `at` seconds from now, once `run` is called."""
        gate = self._queue(self.time + at)

        def run() -> None:
            gate.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told by run()
                self._errors.append(error)
            self._wake_next()

        self._threads.append(threading.Thread(target=run, daemon=True))

    def run(self) -> None:
        """Run until every thread has ended; raises what one of them raised."""
        for thread in self._threads:
            thread.start()
        self._wake_next()
        self._all_done.acquire()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _queue(self, until: float) -> threading.Lock:
        gate = threading.Lock()
        gate.acquire()
        self._count += 1
        heapq.heappush(self._asleep, (until, self._count, gate))
        return gate

    def _wake_next(self) -> None:
        if self._asleep:
            until, _, gate = heapq.heappop(self._asleep)
            self.time = max(self.time, until)
            gate.release()
        else:
            self._all_done.release()


@dataclass
class Server:
    """A server's token bucket; somebody else takes `others` tokens a second of it, evenly."""

    rate: float
    burst: int
    others: float = 0.0
    stray: float = 0.0
    """The share of requests that are refused although there is a token."""
    _tokens: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        self._tokens = float(self.burst)

    def take(self, now: float, chance: float) -> bool:
        passed = 0.0 if self._at is None else now - self._at
        self._at = now
        self._tokens = min(float(self.burst), self._tokens + passed * (self.rate - self.others))
        if self._tokens < 1 or chance < self.stray:
            return False
        self._tokens -= 1
        return True


@dataclass
class Traffic:
    """What many threads did that ask as fast as the bucket lets them: instants in seconds from the beginning."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)
    """The instant of each refusal, with the rate after it."""

    def answers_a_second(self, since: float, until: float) -> float:
        return sum(since <= at < until for at in self.answered) / (until - since)

    def share_refused(self, since: float = 0.0) -> float:
        refused = sum(at >= since for at in self.refused)
        return refused / (refused + sum(at >= since for at in self.answered))


def ask_in_many_threads(
    simulated: SimulatedThreads,
    bucket: TokenBucket,
    server: Server,
    *,
    threads: int = 280,
    requests: int | None = None,
    seconds: float | None = None,
    slow_refusals: bool = False,
    retry_after: float = 1.0,
) -> Traffic:
    """Ask so many times, or for so long; an answer takes 0.7 to 2.8 s, a refusal none unless they are slow, too."""
    traffic = Traffic()
    chances = random.Random(1)
    begin = simulated.time
    left = [requests]

    def more() -> bool:
        if left[0] is not None:
            left[0] -= 1
            return left[0] >= 0
        return seconds is not None and simulated.time - begin < seconds

    def ask() -> None:
        while more():
            while True:
                bucket.acquire()
                simulated.sleep(chances.uniform(0.005, 0.03))  # the way there
                good = server.take(simulated.time, chances.random())
                if good or slow_refusals:
                    simulated.sleep(chances.uniform(0.7, 2.8))
                if good:
                    break
                traffic.refused.append(simulated.time - begin)
                bucket.slow_down()
                bucket.pause(retry_after)
                traffic.rates.append((simulated.time - begin, bucket.rate))
            traffic.answered.append(simulated.time - begin)

    for _ in range(threads):
        simulated.start(ask)
    simulated.run()
    return traffic
