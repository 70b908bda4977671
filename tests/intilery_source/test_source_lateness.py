"""How late events came: quantiles from buckets are close to the exact ones, and never too short."""

import math
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intilery_source.lateness import _BUCKETS, QUANTILES, Lateness

_YEARS = 9998 * 366 * 86_400_000_000
_micros = st.one_of(
    st.integers(-_YEARS, _YEARS), st.integers(-1000, 1000), st.integers(0, 4 * 86_400_000_000), st.just(0)
)


def rows_of(late: list[int | None]) -> pa.Table:
    kind = pa.timestamp("us", tz="UTC")
    received = pa.array(late, pa.int64()).cast(kind)
    return pa.table({"event_time": pa.array([0] * len(late), pa.int64()).cast(kind), "received_time": received})


@given(late=st.lists(_micros, min_size=1, max_size=300), share=st.sampled_from([*QUANTILES.values(), 1.0]))
def test_a_quantile_is_at_most_two_per_cent_too_long(late: list[int], share: float) -> None:
    lateness = Lateness()
    lateness.add(rows_of(late))

    counted = sorted(max(0, micros) for micros in late)
    exact = counted[math.ceil(share * len(counted) - 1e-9) - 1] / 1_000_000
    found = lateness.quantile(share)

    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * 1.02 + 1e-9
    assert lateness.longest() == counted[-1] / 1_000_000


@given(parts=st.lists(st.lists(_micros, max_size=20), max_size=5))
def test_parts_count_as_one(parts: list[list[int]]) -> None:
    apart, together = Lateness(), Lateness()
    for part in parts:
        apart.add(rows_of(list(part)))
    together.add(rows_of([micros for part in parts for micros in part]))
    assert apart.as_dict() == together.as_dict()


def test_the_lookback_catches_all_but_one_in_ten_thousand() -> None:
    # given 20,000 events, of which two came a month late and one 19 hours
    month = 30 * 86_400_000_000
    lateness = Lateness()
    lateness.add(rows_of([1_500_000] * 19_997 + [19 * 3_600_000_000, month, month]))
    # then
    lookback = lateness.lookback()
    assert lookback is not None
    assert 19 * 3600 <= lookback <= 19 * 3600 * 1.02 + 1


def test_what_has_no_received_time_does_not_count() -> None:
    lateness = Lateness()
    lateness.add(rows_of([None, None]))
    assert lateness.as_dict() == {"events": 0, **dict.fromkeys(QUANTILES), "max": None}
    assert lateness.lookback() is None
    lateness.add(rows_of([None, -5_000_000]))
    assert (lateness.count, lateness.quantile(0.5), lateness.longest()) == (1, 0.0, 0.0)


def test_a_million_rows_take_a_third_of_a_second_at_most() -> None:
    rows = rows_of(np.random.default_rng(1).integers(-(10**6), 10**12, 1_000_000).tolist())
    lateness = Lateness()
    began = time.process_time()
    lateness.add(rows)
    assert time.process_time() - began < 0.3
    assert len(lateness._counts) == _BUCKETS < 3000


@pytest.mark.parametrize("share", [0.5, 0.9999, 1.0])
def test_without_events_there_is_no_quantile(share: float) -> None:
    assert Lateness().quantile(share) is None
