"""A rate that falls when the server refuses and recovers after, on its own and in the bucket."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_threads import SimulatedThreads

from cdp_client import TokenBucket
from cdp_client.pace import Pace
from cdp_client.rate_limit import bucket_of


def test_a_refusal_costs_a_tenth_which_comes_back_and_never_more():
    pace = Pace(100)
    pace.fall()
    assert pace.rate == pytest.approx(90)
    pace.advance(2)
    assert pace.rate == pytest.approx(95)
    pace.advance(2)
    assert pace.rate == pytest.approx(100)
    pace.advance(1000)
    assert pace.rate == 100


def test_refusals_of_one_moment_halve_the_rate_at_most():
    pace = Pace(100)
    for _ in range(300):
        pace.fall()
        pace.advance(0.003)
    assert pace.rate == pytest.approx(50, abs=3)


def test_refusals_that_go_on_bring_it_down_to_the_floor_and_no_lower():
    pace = Pace(100)
    for _ in range(100):
        for _ in range(20):
            pace.fall()
        assert pace.rate >= 5
        pace.advance(1)
    assert pace.rate == pytest.approx(7.5)
    pace.advance(40)
    assert pace.rate == 100


@given(
    falls=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 12)), max_size=5),
    seconds=st.floats(0, 60),
    highest=st.sampled_from([0.5, 20.0, 100.0]),
)
def test_what_comes_is_what_adding_up_small_steps_gives(falls, seconds, highest):
    # given a rate with a past
    fast, slow = Pace(highest), Pace(highest)
    for after, times in falls:
        for pace in (fast, slow):
            pace.advance(after)
            for _ in range(times):
                pace.fall()
    # then its future is the sum of the rate over time, and known beforehand
    expected = 0.0
    for _ in range(2000):
        before = slow.rate
        slow.advance(seconds / 2000)
        expected += (before + slow.rate) / 2 * seconds / 2000
    assert fast.seconds_until(expected) == pytest.approx(seconds, rel=1e-3, abs=1e-6)
    assert fast.advance(seconds) == pytest.approx(expected, rel=1e-3, abs=1e-9)
    assert fast.rate == pytest.approx(slow.rate)


def bucket_on(fake_time, rate: float = 100.0, burst: int = 5) -> TokenBucket:
    return TokenBucket(rate, burst, clock=fake_time, sleep=fake_time.sleep)


def test_a_bucket_tells_its_rates(fake_time):
    bucket = bucket_on(fake_time)
    assert (bucket.rate, bucket.configured_rate) == (100, 100)
    bucket.slow_down()
    assert (bucket.rate, bucket.configured_rate) == (pytest.approx(90), 100)
    fake_time.now += 2
    assert bucket.rate == pytest.approx(95)
    fake_time.now += 3600
    assert bucket.rate == 100
    with pytest.raises(AttributeError):
        bucket.rate = 200


def test_refusals_during_a_pause_are_of_one_moment_however_long_it_is(fake_time):
    bucket = bucket_on(fake_time)
    for _ in range(30):
        bucket.slow_down()
        bucket.pause(5)
        fake_time.now += 2
    assert bucket.rate == pytest.approx(50)


def test_nothing_recovers_during_a_pause(fake_time):
    bucket = bucket_on(fake_time)
    bucket.slow_down()
    bucket.pause(60)
    fake_time.now += 60
    assert bucket.rate == pytest.approx(90)
    fake_time.now += 2
    assert bucket.rate == pytest.approx(95)


def test_a_pause_alone_is_no_reason_to_go_slower(fake_time):
    bucket = bucket_on(fake_time)
    bucket.pause(1)
    assert bucket.rate == 100


def test_what_was_saved_for_a_burst_is_gone_with_a_refusal_but_for_one_token(fake_time):
    bucket = bucket_on(fake_time, rate=10, burst=5)
    bucket.slow_down()
    assert bucket.acquire() == 0
    assert bucket.acquire() == pytest.approx(1 / 9, rel=0.01)


def sent_with(rate: float, burst: int, number: int, happens: list[tuple[float, Callable[[TokenBucket], None]]]):
    """When each of so many threads that all ask at once may send, while other things happen to the bucket."""
    simulated = SimulatedThreads()
    begin = simulated.now()
    bucket = TokenBucket(rate, burst, clock=simulated.now, sleep=simulated.sleep)
    sent = []

    def send() -> None:
        bucket.acquire()
        sent.append(simulated.now() - begin)

    for _ in range(number):
        simulated.start(send)
    for at, what in happens:
        simulated.start(lambda what=what: what(bucket), at)
    simulated.run()
    return sorted(sent)


def refused_by_many(bucket: TokenBucket) -> None:
    for _ in range(50):
        bucket.slow_down()


def test_those_who_wait_already_keep_to_the_rate_that_fell():
    # given 200 threads that wait at 100 a second, the last of them for two seconds
    # when many of them are refused after half a second
    sent = sent_with(100, 1, 200, [(0.5, refused_by_many)])
    # then half as many are let go in the next one, and a few more each second after that
    assert sum(at <= 0.5 for at in sent) == pytest.approx(51, abs=1)
    assert sum(0.5 < at <= 1.5 for at in sent) == pytest.approx(51, abs=2)
    assert sum(1.5 < at <= 2.5 for at in sent) == pytest.approx(53, abs=2)
    assert all(later - earlier >= 0.01 - 1e-6 for earlier, later in pairwise(sent))


def test_those_who_wait_are_not_late_for_the_rate_that_recovers():
    # given 300 threads that wait when the rate has fallen to the half
    sent = sent_with(100, 1, 300, [(0.0, refused_by_many)])
    # then each is let go when its token comes, at a rate that grows by 2.5 a second
    pace = Pace(100)
    for _ in range(50):
        pace.fall()
    first = sum(at == 0 for at in sent)
    assert sent[first:] == pytest.approx([pace.seconds_until(n) for n in range(1, 301 - first)], abs=1e-5)


def test_nobody_is_let_go_twice_as_fast_after_a_refusal_and_a_pause():
    sent = sent_with(10, 1, 40, [(1.0, lambda bucket: (bucket.slow_down(), bucket.pause(30)))])
    assert not [at for at in sent if 1.0 < at < 31.0]
    assert all(later - earlier >= 0.1 - 1e-6 for earlier, later in pairwise(sent))


def test_free_says_whether_one_could_be_sent_without_waiting(fake_time):
    bucket = bucket_on(fake_time, rate=10, burst=2)
    assert bucket.free()
    assert bucket.free(), "asking takes no token"
    bucket.acquire()
    bucket.acquire()
    assert not bucket.free()
    fake_time.now += 0.1
    assert bucket.free()
    bucket.pause(5)
    assert not bucket.free()
    fake_time.now += 4.9
    assert not bucket.free()
    fake_time.now += 0.1
    assert bucket.free()
    assert bucket.acquire() == 0
    assert fake_time.slept == []


def test_free_is_false_while_others_wait():
    seen = []
    sent_with(10, 1, 5, [(0.35, lambda bucket: seen.append(bucket.free())), (0.55, lambda b: seen.append(b.free()))])
    assert seen == [False, True]


def test_clients_of_one_account_share_one_bucket_that_is_a_little_smaller_than_the_servers():
    one = bucket_of(("https://shared.example", "a"), 100.0, 500)
    assert bucket_of(("https://shared.example", "a"), 100.0, 500) is one
    assert bucket_of(("https://shared.example", "b"), 100.0, 500) is not one
    at_once = sum(one.free() and one.acquire() == 0 for _ in range(500))
    assert 490 <= at_once < 500
    one.slow_down()
    assert bucket_of(("https://shared.example", "a"), 100.0, 500).rate < 100
    assert bucket_of(("https://shared.example", "c"), 1.0, 1).free()


@pytest.mark.parametrize(("status", "slower"), [(429, True), (503, False), (500, False), (408, False)])
@pytest.mark.parametrize("retry_after", ["", "0"])
def test_only_a_429_lowers_the_rate(client, reply, status, slower, retry_after):
    client.script(reply(status, b"", {"Retry-After": retry_after}), reply())
    client.get()
    assert (client.bucket.rate < 99) is slower
