"""Figures of evaluation: by hand, on ties, in any order of rows."""

from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_features.errors import FeatureError
from customer_features.evaluation import Fold, calibration, floats, ranking, rolling_origin

_LABELLED = st.lists(st.tuples(st.sampled_from([0, 1, None]), st.integers(0, 5)), min_size=4, max_size=60).filter(
    lambda rows: {0, 1} <= {label for label, _ in rows}
)


def test_ranking_by_hand() -> None:
    """Of 4 x 2 pairs 6 are right and one is a tie; precision is 1/1, then 2/4 when the tie is passed."""
    found = ranking([1, 0, 1, 0, 0, 0], [0.9, 0.8, 0.4, 0.4, 0.2, 0.1])
    assert (found.rows, found.churned, found.churn_rate) == (6, 2, 2 / 6)
    assert found.auc == pytest.approx((4 + 2 + 0.5) / 8)
    assert found.pr_auc == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    assert found.lift_5 == found.lift_10 == pytest.approx(3)


def test_lift_takes_the_expected_number_of_a_tie() -> None:
    """Of 40 rows 5 % are 2 and 10 % are 4: the best one alone, and a share of 8 equal ones of which 4 churned."""
    labels = [1] + [1, 0] * 4 + [0] * 31
    scores = [1.0] + [0.5] * 8 + [0.1] * 31
    found = ranking(labels, scores)
    assert found.lift_5 == pytest.approx((1 + 0.5) / 2 / (5 / 40))
    assert found.lift_10 == pytest.approx((1 + 3 * 0.5) / 4 / (5 / 40))


def test_a_score_that_says_nothing() -> None:
    """All rows tie: nothing is better than the churn rate."""
    found = ranking([1, 0, 0, 0, 0], [7] * 5)
    assert (found.auc, found.pr_auc) == (0.5, pytest.approx(0.2))
    assert (found.lift_5, found.lift_10) == (pytest.approx(1), pytest.approx(1))


@settings(deadline=None)
@given(_LABELLED, st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_rows(rows: list[tuple[int | None, int]], random: Random) -> None:
    """Shuffled rows give the same figures, to the last digit."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    figures = []
    for given_rows in (rows, shuffled):
        labels = [label for label, _ in given_rows]
        scores = [score / 5 for _, score in given_rows]
        figures.append((ranking(labels, scores), calibration(labels, scores)))
    assert figures[0] == figures[1]


@settings(deadline=None)
@given(_LABELLED)
def test_auc_and_lift_are_those_of_counting_pairs(rows: list[tuple[int | None, int]]) -> None:
    """The slow definitions: every pair compared, every order of tied rows averaged."""
    known = [(label, score) for label, score in rows if label is not None]
    found = ranking([label for label, _ in rows], [score for _, score in rows])
    churned = [score for label, score in known if label]
    stayed = [score for label, score in known if not label]
    pairs = [(one > other) + 0.5 * (one == other) for one in churned for other in stayed]
    assert found.auc == pytest.approx(sum(pairs) / len(pairs))
    taken = -(-len(known) * 10 // 100)
    expected = 0.0
    for label, score in known:
        above = sum(other > score for _, other in known)
        tied = sum(other == score for _, other in known)
        expected += label * min(max((taken - above) / tied, 0), 1)
    assert found.lift_10 == pytest.approx(expected / taken / (len(churned) / len(known)))
    assert found.rows == len(known)


def test_calibration_by_hand() -> None:
    """Two bins of two: .15 where none churned and .8 where all did."""
    found = calibration([0, 0, 1, 1, None], [0.1, 0.2, 0.7, 0.9, 0.5], bins=2)
    assert [(one.rows, one.churn_rate) for one in found.bins] == [(2, 0), (2, 1)]
    assert [one.mean_probability for one in found.bins] == pytest.approx([0.15, 0.8])
    assert found.error == pytest.approx((2 * 0.15 + 2 * 0.2) / 4)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.09 + 0.01) / 4)


@settings(deadline=None)
@given(_LABELLED)
def test_rows_with_one_probability_are_in_one_bin(rows: list[tuple[int | None, int]]) -> None:
    """The bins hold every row once, by rising probability, and never divide a tie."""
    known = [(label, score) for label, score in rows if label is not None]
    found = calibration([label for label, _ in rows], [score / 5 for _, score in rows], bins=3)
    assert sum(one.rows for one in found.bins) == len(known)
    means = [one.mean_probability for one in found.bins]
    assert means == sorted(means)
    ends = np.cumsum([one.rows for one in found.bins])
    ordered = sorted(score for _, score in known)
    assert all(ordered[end - 1] < ordered[end] for end in ends[:-1])


def test_probabilities_that_are_the_shares_are_calibrated() -> None:
    """Each tenth of the rows churns as often as its probability says."""
    shares = np.repeat(np.arange(1, 10) / 10, 10)
    labels = np.concatenate([[1] * tenth + [0] * (10 - tenth) for tenth in range(1, 10)])
    assert calibration(labels, shares).error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "told"),
    [
        ([1, 0], [0.5], "2 labels and 1 scores"),
        ([1, 0, None], [0.5, None, None], "1 rows with a label have no finite score"),
        ([1, 0], [0.5, float("inf")], "no finite score"),
        ([1, 1, None], [0.5, 0.4, 0.3], "both kinds are needed"),
        ([None, None], [0.5, 0.4], "0 rows with a label"),
        ([2, 0], [0.5, 0.4], "1 .churned., 0 .stayed. or NULL"),
    ],
)
def test_what_cannot_be_ranked_is_said(labels: list[float], scores: list[float], told: str) -> None:
    """An error says what is wrong."""
    with pytest.raises(FeatureError, match=told):
        ranking(labels, scores)


def test_a_score_is_no_probability() -> None:
    """Days since the last order are not calibrated."""
    with pytest.raises(FeatureError, match="between 0 and 1"):
        calibration([1, 0], [30, 2])


def test_every_kind_of_column_is_read() -> None:
    """NULL is NaN, whichever library holds the column."""
    expected = np.array([1, np.nan, 0])
    for column in (
        [1, None, 0],
        pa.array([True, None, False]),
        pa.chunked_array([[1], [None, 0]]),
        pd.Series([1, None, 0]),
        pd.Series([1, None, 0], dtype="Int8"),
        np.array([1, np.nan, 0]),
    ):
        np.testing.assert_array_equal(floats(column), expected)


@settings(deadline=None)
@given(
    st.sets(st.integers(0, 60), min_size=1, max_size=12),
    st.integers(0, 5),
    st.integers(1, 20),
    st.integers(0, 60),
)
def test_no_fold_trains_on_what_was_not_known_yet(days: set[int], gap: int, horizon: int, since: int) -> None:
    """Each test cutoff that has training cutoffs is there once, with exactly those whose horizons had ended."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    ends = {start + timedelta(day): start + timedelta(day + gap + horizon) for day in days}
    found = rolling_origin(ends, start + timedelta(since))
    expected = [
        Fold(
            tuple(start + timedelta(day) for day in sorted(days) if day + gap + horizon <= test),
            start + timedelta(test),
        )
        for test in sorted(days)
        if test >= since and any(day + gap + horizon <= test for day in days)
    ]
    assert found == expected
