"""The token bucket, on a clock that moves only by what is slept."""

import threading
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_client import TokenBucket


class Simulation:
    """Threads' acquires on one clock: each is started at its instant, sleeps as it is told, and sends when it may."""

    def __init__(self, rate: float, burst: int) -> None:
        self.now = 0.0
        self.sent: list[float] = []
        self._events = threading.Condition()
        self._sleeping: dict[int, float] = {}
        self._running = 0
        self.bucket = TokenBucket(rate, burst, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._events:
            self._sleeping[me] = self.now + seconds
            self._running -= 1
            self._events.notify_all()
            self._events.wait_for(lambda: me not in self._sleeping)

    def _acquire(self) -> None:
        self.bucket.acquire()
        with self._events:
            self.sent.append(self.now)
            self._running -= 1
            self._events.notify_all()

    def run(self, starts: list[float], pauses: list[tuple[float, float]]) -> list[float]:
        """The instants at which the acquires begun at `starts` were let go, with pauses of (instant, seconds)."""
        plan = sorted([(at, 1, 0.0) for at in starts] + [(at, 0, seconds) for at, seconds in pauses])
        threads = []
        while plan or self._sleeping:
            upcoming = min([at for at, _, _ in plan[:1]] + list(self._sleeping.values()))
            self.now = max(self.now, upcoming)
            with self._events:
                woken = [key for key, until in self._sleeping.items() if until <= self.now]
                for key in woken:
                    del self._sleeping[key]
                self._running += len(woken)
                self._events.notify_all()
            while plan and plan[0][0] <= self.now:
                _, is_start, seconds = plan.pop(0)
                if is_start:
                    with self._events:
                        self._running += 1
                    threads.append(threading.Thread(target=self._acquire))
                    threads[-1].start()
                else:
                    self._settle()
                    self.bucket.pause(seconds)
            self._settle()
        for thread in threads:
            thread.join(5)
        return sorted(self.sent)

    def _settle(self) -> None:
        with self._events:
            assert self._events.wait_for(lambda: self._running == 0, timeout=5)


def test_burst_at_once_then_the_rate_exactly():
    # given 30 threads that all want to send at once
    sent = Simulation(rate=10, burst=5).run([0.0] * 30, [])
    # then five do, and one more each tenth of a second
    assert sent == pytest.approx([0.0] * 5 + [0.1 * n for n in range(1, 26)])


def test_default_limits_over_a_thousand_acquires():
    clock = [0.0]
    bucket = TokenBucket(100, 500, clock=lambda: clock[0], sleep=lambda s: clock.__setitem__(0, clock[0] + s))
    waited = sum(bucket.acquire() for _ in range(1500))
    assert clock[0] == pytest.approx(10.0)
    assert waited == pytest.approx(10.0), "what is returned is what was waited"


def test_bucket_never_holds_more_than_its_burst():
    simulation = Simulation(rate=10, burst=3)
    sent = simulation.run([1000.0] * 5, [])
    assert sent == pytest.approx([1000.0] * 3 + [1000.1, 1000.2])


def test_nobody_sends_during_a_pause_and_a_longer_one_stays():
    sent = Simulation(rate=10, burst=3).run([2.0, 3.0, 11.0], [(1.0, 9.0), (2.0, 1.0)])
    assert sent == pytest.approx([10.0, 10.0, 11.0])


def test_a_pause_holds_for_those_who_wait_already():
    sent = Simulation(rate=1, burst=1).run([0.0] * 3, [(0.5, 10.0)])
    assert sent == pytest.approx([0.0, 11.0, 12.0])


def test_those_who_waited_do_not_all_send_when_a_pause_ends():
    sent = Simulation(rate=10, burst=1).run([0.0] * 20, [(0.05, 30.0)])
    assert sent[1] >= 30.05
    assert all(later - earlier >= 0.1 - 1e-6 for earlier, later in pairwise(sent[1:]))


def test_who_wakes_late_into_a_pause_waits_for_its_end():
    # given a thread that is woken half a second after its token was there, when a pause has just begun
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if clock[0] == 1.0:
            clock[0] = 1.5
            bucket.pause(10)

    bucket = TokenBucket(1, 1, clock=lambda: clock[0], sleep=sleep)
    bucket.acquire()
    # when it asks whether it may send
    bucket.acquire()
    # then it may not before the end
    assert clock[0] == pytest.approx(11.5)


def test_pauses_that_overlap_are_not_added_up():
    sent = Simulation(rate=10, burst=1).run([0.0, 0.0], [(0.01, 5.0), (1.0, 5.0), (2.0, 0.5)])
    assert sent[1] == pytest.approx(6.09, abs=0.011)


INSTANTS = st.integers(0, 80).map(lambda n: n / 8)


@given(
    rate=st.sampled_from([0.5, 1.0, 3.0, 10.0, 100.0]),
    burst=st.integers(1, 6),
    starts=st.lists(INSTANTS, min_size=1, max_size=14),
    pauses=st.lists(st.tuples(INSTANTS, st.sampled_from([0.0, 0.1, 1.0, 5.0])), max_size=3),
)
def test_never_more_than_burst_and_rate_in_any_interval(rate, burst, starts, pauses):
    sent = Simulation(rate, burst).run(starts, pauses)
    assert len(sent) == len(starts)
    for i, begin in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= burst + rate * (sent[j] - begin) + 1e-6
    for at, seconds in pauses:
        first = bisect_left(sent, at + 1e-9)
        assert not [instant for instant in sent[first:] if instant < at + seconds - 1e-6]


def test_real_threads_on_the_real_clock():
    bucket = TokenBucket(400, 10)
    threads = [threading.Thread(target=bucket.acquire) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2)
    assert not any(thread.is_alive() for thread in threads)
