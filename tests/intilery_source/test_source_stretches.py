"""What a stretch makes of the pages that have come: where its end is expected, and whether pages overlap."""

import pytest
from event_feed import Event, page_of

from intilery_source.stretches import Stretch, Window
from intilery_source.types import EventPage


def page(first: int, *, every: int = 10, length: int = 100) -> EventPage:
    return page_of(*(Event((first + place * every) * 1000, f"e{first + place * every}") for place in range(length)))


def stretch(end: int, *, density: float = 0.0) -> Stretch:
    return Stretch(0, end, 0, density, Window(0, end))


def test_before_anything_is_seen_the_density_before_it_counts() -> None:
    assert stretch(5_000, density=0.1).expected() == 500
    assert stretch(5_000).expected() == 0


def test_what_lies_behind_is_extrapolated() -> None:
    one = stretch(20_000)
    one.sample(0, page(0))
    assert one.expected() == pytest.approx(2_000, rel=0.01)
    assert one.remaining() == pytest.approx(1_900, rel=0.01)
    assert one.time_at(1_000) == pytest.approx(10_000, rel=0.01)


def test_what_lies_between_is_interpolated() -> None:
    # given a page behind the end
    one = stretch(20_000)
    one.sample(0, page(0))
    one.sample(1_099, page(30_000))
    # then the end is on the line between what is known on both sides
    assert one.bracketed
    assert one.expected() == pytest.approx(99 + 1_000 * (20_000 - 990) / (30_000 - 990), abs=2)


def test_a_known_end_is_not_estimated() -> None:
    one = stretch(20_000)
    one.sample(0, page(0))
    one.end_rank = 77
    assert one.expected() == one.sure() == 77


def test_no_more_is_expected_than_there_was_room_for() -> None:
    one = stretch(10**9)
    one.sample(0, page(0))
    one.bound = 500
    assert one.expected() == 500


def test_the_farther_away_the_less_is_sure() -> None:
    one = stretch(3_000)
    one.sample(0, page(0))
    assert one.sure() == one.expected(), "near what is known it is taken at its word"
    far = stretch(90_000)
    far.sample(0, page(0))
    assert far.expected() * 0.2 < far.sure() < far.expected() * 0.4


def test_a_stretch_is_passed_when_all_ranks_before_its_end_are_asked_for() -> None:
    one = stretch(1_500)
    assert not one.passed
    one.sample(98, page(980))
    one.next_rank = 98
    assert not one.passed
    one.next_rank = 197
    assert one.passed


@pytest.mark.parametrize(
    ("rank", "first", "verdict"),
    [(98, 980, True), (98, 990, True), (98, 1_000, False), (98, 9_800, False), (300, 3_000, None)],
)
def test_pages_overlap_in_time_where_their_ranks_do(rank: int, first: int, verdict: bool | None) -> None:
    one = stretch(10**6)
    assert one.overlaps(0, page(0)) is None
    assert one.overlaps(rank, page(first)) is verdict


def test_a_page_before_a_known_one_overlaps_it_too() -> None:
    one = stretch(10**6)
    one.overlaps(98, page(980))
    assert one.overlaps(0, page(0)) is True
    other = stretch(10**6)
    other.overlaps(98, page(9_800))
    assert other.overlaps(0, page(0)) is False


def test_as_many_ties_are_expected_as_were_seen_lately() -> None:
    one = stretch(10**6)
    one.sample(0, page_of(*(Event(1_000 * max(0, 5 - place), f"e{place}") for place in reversed(range(10)))))
    assert one.ties == 2
    one.sample(8, page_of(*(Event(5_000, f"f{place}") for place in range(7))))
    assert one.ties == 7
    one.sample(98, page(990))
    assert one.ties == 6
