"""The counters of a run."""

from concurrent.futures import ThreadPoolExecutor

import cdp_client
from cdp_client import Statistics


def test_counts_from_many_threads_add_up():
    statistics = Statistics()

    def work(number: int) -> None:
        for _ in range(200):
            statistics.count_request(f"/route{number % 2}", "200" if number % 4 else "ReadTimeoutError")
            statistics.count_retry()
            statistics.add_wait(0.25)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert statistics.requests == 1600
    assert statistics.as_dict() == {
        "requests": 1600,
        "by_status": {"200": 1200, "ReadTimeoutError": 400},
        "by_route": {"/route0": 800, "/route1": 800},
        "retries": 1600,
        "waited_seconds": 400.0,
    }


def test_the_public_names_are_there():
    for name in cdp_client.__all__:
        assert getattr(cdp_client, name).__doc__
