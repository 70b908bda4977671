"""What many threads get out of one bucket: all of the rate, and few refusals where the server allows less.

Minutes of it on a simulated clock, and some seconds of it against the sandbox.
"""

import random
import threading
import time

import pytest
from simulated_threads import Server, SimulatedThreads, Traffic, ask_in_many_threads

from cdp_client import Statistics, TokenBucket, Transport
from cdp_client.rate_limit import bucket_of
from cdp_sandbox.process import running

MEAN_LATENCY = 1.75


def traffic(rate: float, burst: int, server: Server, *, late=lambda: 0.0, **asking) -> Traffic:
    simulated = SimulatedThreads(late)
    bucket = TokenBucket(rate, burst, clock=simulated.now, sleep=simulated.sleep)
    return ask_in_many_threads(simulated, bucket, server, **asking)


def mostly_punctual():
    """A busy machine: most wake up within 50 ms, one in a hundred after half a second."""
    chances = random.Random(2)
    return lambda: 0.5 if chances.random() < 0.01 else chances.uniform(0, 0.05)


@pytest.mark.parametrize("late", [lambda: 0.0, mostly_punctual()], ids=["punctual", "late"])
@pytest.mark.parametrize(("rate", "burst", "requests", "threads"), [(100, 500, 10_000, 280), (20, 20, 2_000, 60)])
def test_the_limiter_loses_nothing_where_the_server_allows_as_much(late, rate, burst, requests, threads):
    # given a server with that rate and burst, and clients with the bucket that bucket_of makes for it
    ours = burst - rate // 10
    seen = traffic(rate, ours, Server(rate, burst), late=late, requests=requests, threads=threads)
    # then it refuses (almost) nothing, and hardly any time goes by that it does not ask for
    assert seen.share_refused() < 0.005
    assert requests / max(seen.answered) >= 0.97 * requests / ((requests - burst) / rate + MEAN_LATENCY)


@pytest.mark.parametrize("slow_refusals", [False, True])
@pytest.mark.parametrize(("rate", "burst", "others"), [(50, 500, 0), (100, 500, 50), (50, 100, 0)])
def test_a_client_settles_near_what_the_server_leaves_for_it(rate, burst, others, slow_refusals):
    # given a server that allows half of our rate, or all of it to us and somebody else together
    server = Server(rate, burst, others=others)
    # when we ask for four minutes
    seen = traffic(100, 490, server, seconds=240, slow_refusals=slow_refusals)
    # then, after a minute, little is refused and most of the other half is used
    assert seen.share_refused(since=60) < (0.04 if slow_refusals else 0.01)
    assert 40 <= seen.answers_a_second(60, 240) <= 50.5
    assert all(35 <= rate <= 85 for at, rate in seen.rates if at > 60)


def test_a_slow_client_settles_near_what_the_server_leaves_for_it():
    seen = traffic(20, 18, Server(10, 20), seconds=240, threads=60)
    assert seen.share_refused(since=60) < 0.03
    assert 8 <= seen.answers_a_second(60, 240) <= 10.5


def test_a_server_that_allows_all_again_gets_all_again():
    server = Server(50, 500)
    simulated = SimulatedThreads()
    bucket = TokenBucket(100, 490, clock=simulated.now, sleep=simulated.sleep)

    def grow() -> None:
        server.rate = 100

    simulated.start(grow, at=100)
    seen = ask_in_many_threads(simulated, bucket, server, seconds=200)
    assert seen.answers_a_second(50, 100) < 55
    assert seen.answers_a_second(140, 195) > 97
    assert bucket.rate == 100


@pytest.mark.parametrize(("stray", "least"), [(0.02, 15), (0.005, 40)])
def test_stray_refusals_do_not_bring_the_rate_to_the_floor(stray, least):
    # most of what they cost are the pauses that they ask for: a second each, for all threads
    seen = traffic(100, 490, Server(100, 500, stray=stray), seconds=240, slow_refusals=True)
    assert seen.answers_a_second(60, 240) >= least
    assert all(rate > 15 for _, rate in seen.rates)


def ask_the_sandbox(
    server_rate: float, *, rate: float, burst: int, threads: int, requests: int
) -> tuple[float, Statistics]:
    """Seconds and counters of so many requests of real threads; the sandbox's burst is the client's."""
    numbers = iter(range(requests))
    lock = threading.Lock()
    statistics = Statistics()
    with running("flat:500") as sandbox:
        sandbox.change(limits={"rate": server_rate, "burst": burst}, latency={"low": 0.1, "high": 0.5})
        transport = Transport(
            f"{sandbox.url}/flat/flat/FLAT",
            {"auth-token": sandbox.token, "content-type": "application/json"},
            bucket=bucket_of((sandbox.url,), rate, burst),
            statistics=statistics,
            timeout=30,
            max_in_flight=threads,
        )

        def ask() -> None:
            while True:
                with lock:
                    if next(numbers, None) is None:
                        return
                transport.get("/v1/events", "/v1/events", {"size": "1"})

        asking = [threading.Thread(target=ask) for _ in range(threads)]
        begin = time.monotonic()
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        took = time.monotonic() - begin
        transport.close()
    return took, statistics


def test_real_threads_get_all_of_the_rate_and_no_refusal():
    took, statistics = ask_the_sandbox(100, rate=100, burst=100, threads=80, requests=500)
    assert statistics.as_dict()["by_status"] == {"200": 500}
    assert took < 1.3 * ((500 - 100) / 100 + 0.5)


def test_real_threads_settle_where_the_server_allows_half():
    took, statistics = ask_the_sandbox(50, rate=100, burst=60, threads=80, requests=350)
    assert statistics.as_dict()["by_status"]["429"] < 0.05 * 350
    assert took < ((350 - 60) / 50 + 0.5) / 0.8
