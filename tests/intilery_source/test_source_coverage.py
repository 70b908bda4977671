"""Coverage is a set of whole numbers, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from intilery_source.coverage import Coverage

SPANS = st.tuples(st.integers(0, 60), st.integers(-2, 12)).map(lambda span: (span[0], span[0] + span[1]))


def numbers(spans: list[tuple[int, int]]) -> list[int]:
    return [number for start, end in spans for number in range(start, end)]


@given(st.lists(SPANS), SPANS, st.integers(-2, 75))
def test_it_is_a_set_of_numbers(spans: list[tuple[int, int]], asked: tuple[int, int], place: int) -> None:
    # given a set and a coverage to which the same is added
    coverage, truth = Coverage(), set[int]()
    for start, end in spans:
        # then each addition says what was new, in order, no number twice
        assert numbers(coverage.add(start, end)) == sorted(set(range(start, end)) - truth)
        truth |= set(range(start, end))
    # and what is missing is what the set lacks
    assert numbers(coverage.missing(*asked)) == sorted(set(range(*asked)) - truth)
    # and it reaches to the first number that the set lacks
    reached = place
    while reached in truth:
        reached += 1
    assert coverage.reach(place) == reached


@given(st.lists(SPANS))
def test_neighbours_become_one_span(spans: list[tuple[int, int]]) -> None:
    coverage = Coverage()
    for start, end in spans:
        coverage.add(start, end)
    gaps = coverage.missing(-10, 100)
    assert all(start < end for start, end in gaps)
    assert len(coverage._starts) == len(gaps) - 1
