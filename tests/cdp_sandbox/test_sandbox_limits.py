"""The token bucket, the latency, and what else can be set."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdp_sandbox.limits import Limits, TokenBucket
from cdp_sandbox.process import ControlError


def test_bucket_of_100_a_second_with_a_burst_of_500():
    now = 0.0
    bucket = TokenBucket(Limits(), now=lambda: now)
    assert sum(bucket.take() for _ in range(600)) == 500
    now = 1.0
    assert sum(bucket.take() for _ in range(600)) == 100
    now = 1000.0
    assert sum(bucket.take() for _ in range(600)) == 500


def test_over_the_limit_is_429(api):
    api.sandbox.reset()
    api.sandbox.change(limits={"rate": 4, "burst": 5})
    answers = [api.send("/profiles/id:x/traits") for _ in range(8)]
    assert [answer.status for answer in answers] == [404] * 5 + [429] * 3
    assert answers[-1].json()["error"]["code"] == "rate_limit_error"
    time.sleep(0.3)
    assert api.send("/profiles/id:x/traits").status == 404


def test_refused_post_changes_nothing(api):
    api.sandbox.change(limits={"rate": 0.01, "burst": 1})
    body = {"userId": "u", "event": "e", "timestamp": "2024-01-01T00:00:00Z"}
    assert [api.post("track", body).status for _ in range(2)] == [200, 429]
    assert len(api.truth()) == 601


def test_control_routes_are_not_limited(api):
    api.sandbox.change(limits={"rate": 0.01, "burst": 1}, faults={"rates": {"http_500": 1}})
    for _ in range(5):
        assert api.sandbox.control("GET", "/_sandbox/health")["ok"] is True
    assert api.sandbox.control("GET", "/_sandbox/stats")["total"] == 0


def test_latency_lets_hundreds_be_in_flight(api):
    api.sandbox.change(latency={"low": 0.4, "high": 0.8})
    api.pool.connection_pool_kw["maxsize"] = 200
    begun = time.monotonic()
    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(lambda _: api.send("/events"), range(200)))
    assert {answer.status for answer in answers} == {200}
    assert 0.4 < time.monotonic() - begun < 4
    assert api.sandbox.control("GET", "/_sandbox/stats")["in_flight"]["max"] > 100


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"limits": {"speed": 1}}, "rate"),
        ({"limits": {"cap": 0}}, "above 0"),
        ({"limits": {"cap": 1.5}}, "whole"),
        ({"latency": {"low": 2, "high": 1}}, "low"),
        ({"latency": "long"}, "seconds"),
        ({"limit": {}}, "limits"),
    ],
)
def test_wrong_setting_is_refused(api, settings, reason):
    with pytest.raises(ControlError, match=reason):
        api.sandbox.change(**settings)


def test_small_answer_does_not_wait_for_an_acknowledgement(api):
    taken = []
    for _ in range(10):
        begun = time.monotonic()
        api.send("/profiles/id:x/traits")
        taken.append(time.monotonic() - begun)
    # Most of them, since the first ones on a connection are acknowledged at once.
    assert sorted(taken)[5] < 0.03
