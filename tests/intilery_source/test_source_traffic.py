"""How many requests a reading takes and how long, on a simulated clock and under the vendor's limit and latency.

The least time is what the limit leaves: `events / 100` requests, those above the burst at 100 a second, and half of
the slowest answer. Overlaps take 2 % of it, and the time until the first answers say what to ask for 2 seconds more.
"""

from functools import cache

import pytest
from event_feed import T
from traffic import Drive, Year, always, drive, uneven, vendor

from intilery_source.planner import Planner

MANY = 500_000
AHEAD = 200_000


def least_seconds(events: int, rate: float = 100.0, burst: float = 500.0) -> float:
    return max(0.0, events / 100 - burst) / rate + 1.75


@cache
def first_load(seed: int) -> Drive:
    return drive(uneven(seed, MANY), Planner(None, None, eager=True, ahead=AHEAD), seed=seed)


SEEDS = pytest.mark.parametrize("seed", range(6))


@SEEDS
def test_a_year_takes_hardly_more_requests_than_it_has_pages(seed: int) -> None:
    found = first_load(seed)
    assert found.given == MANY
    assert found.requests <= 1.055 * MANY / 100
    assert found.wasted <= 0.02 * found.requests


def test_years_take_one_request_in_twenty_more_than_they_have_pages() -> None:
    assert sum(first_load(seed).requests for seed in range(6)) / 6 <= 1.045 * MANY / 100


@SEEDS
def test_a_year_is_read_about_as_fast_as_the_limit_allows(seed: int) -> None:
    found = first_load(seed)
    assert found.seconds <= least_seconds(MANY) / 0.90
    # overlaps apart, the limit is never left unused but at the begin and at the end
    assert found.seconds <= least_seconds(found.requests * 100) / 0.95


@SEEDS
def test_what_waits_for_others_is_bounded(seed: int) -> None:
    assert first_load(seed).most_held <= AHEAD + 5_000


def test_an_answer_that_is_very_late_costs_its_own_time_and_no_memory() -> None:
    for late in (1, 3, 10, 700):
        count = 0

        def latency(chooser, late=late):
            nonlocal count
            count += 1
            return 40.0 if count == late else vendor(chooser)

        found = drive(uneven(3, MANY), Planner(None, None, eager=True, ahead=AHEAD), latency=latency)
        assert found.given == MANY
        assert found.most_held <= AHEAD + 5_000
        assert found.requests <= 1.05 * MANY / 100
        assert found.seconds <= 40 + least_seconds(MANY) / 0.90


def test_a_slower_limit_is_used_up_too() -> None:
    found = drive(uneven(1, MANY // 5), Planner(None, None, eager=True), rate=20.0, burst=20.0)
    assert found.requests <= 1.05 * MANY / 5 / 100
    assert found.seconds <= least_seconds(MANY // 5, 20.0, 20.0) / 0.92


def test_few_at_once_are_enough_where_answers_are_fast() -> None:
    found = drive(
        uneven(1, MANY // 5), Planner(None, None, eager=True), rate=1e6, burst=1e9, latency=always(0.005), in_flight=4
    )
    assert found.requests <= 1.05 * MANY / 5 / 100
    assert found.seconds <= 1.05 * found.requests * 0.005 / 4


@SEEDS
def test_twenty_thousand_events_waste_little(seed: int) -> None:
    found = drive(uneven(seed, 20_000), Planner(None, None, eager=True), seed=seed)
    assert found.given == 20_000
    assert found.requests <= 1.15 * 200
    assert found.wasted <= 0.15 * found.requests
    assert found.seconds <= 8.0


@pytest.fixture(scope="module")
def year() -> Year:
    return uneven(1, 100_000)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    ("number", "requests", "rounds"),
    [
        (0, 2, 1),
        (1, 2, 1),
        (10, 2, 1),
        (99, 2, 1),
        (100, 6, 4),  # both first pages show the same, as if one were the other's echo
        (101, 4, 2),
        (200, 6, 3),
        (500, 10, 4),
        (2_200, 40, 6),
    ],
)
def test_what_is_new_takes_few_requests_and_few_rounds(
    year: Year, ends: bool, number: int, requests: int, rounds: int
) -> None:
    # given a reading that goes on where the last so many events begin, and answers that take a second
    start = year.times[-number] if number else year.times[-1] + 1
    planner = Planner(start, year.times[-1] + 10_000 if ends else None)
    found = drive(year, planner, latency=always(1.0))
    assert found.given == number
    assert found.requests <= requests
    assert found.seconds <= rounds


def test_an_account_without_events_takes_two_rounds() -> None:
    found = drive(Year([]), Planner(None, None, eager=True), latency=always(1.0))
    assert found.requests <= 26
    assert found.seconds <= 2
    assert drive(Year([]), Planner(T, None), latency=always(1.0)).requests <= 4
