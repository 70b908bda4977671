"""A value goes into a column of another type only where that gives it back."""

from datetime import UTC, datetime

import pytest
from dlt.common.data_types.typing import DATA_TYPES
from dlt.common.schema import Schema
from hypothesis import given
from hypothesis import strategies as st

from intilery_source.lossless import KEPT, DataItemNormalizer

VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@pytest.fixture(scope="module")
def normalizer():
    return DataItemNormalizer(Schema("s"))


@given(VALUES | st.just(datetime(2026, 1, 1, tzinfo=UTC)), st.sampled_from(sorted(DATA_TYPES)))
def test_what_a_column_takes_it_gives_back(normalizer, value, kind):
    own = normalizer.py_type_to_sc_type(type(value))
    try:
        kept = normalizer.coerce_type(kind, own, value)
    except ValueError:
        assert kind != own
        return
    assert normalizer.can_coerce_type(kind, own)
    assert (type(value)(kept) if kind == "text" else kept) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", "007"),
        ("bigint", "5"),
        ("bigint", 5.5),
        ("bigint", 1e300),
        ("bigint", True),
        ("double", 2**53 + 1),
        ("double", "1.50"),
        ("bool", 5),
        ("bool", "yes"),
        ("timestamp", 17),
        ("timestamp", "2026-01-01"),
        ("text", True),
        ("json", "[1]"),
    ],
)
def test_what_it_would_not_give_back_is_refused(normalizer, kind, value):
    with pytest.raises(ValueError, match=r"kept as|digits|no integer"):
        normalizer.coerce_type(kind, normalizer.py_type_to_sc_type(type(value)), value)


def test_numbers_widen(normalizer):
    assert normalizer.coerce_type("double", "bigint", 2**53) == 2.0**53
    assert normalizer.coerce_type("bigint", "double", 5.0) == 5
    assert normalizer.coerce_type("text", "bigint", -7) == "-7"


def test_what_is_marked_stays_whole(normalizer):
    row = {"id": "p", "a": {"b": {"c": 1}, "d": [[1], {"e": 2}]}, KEPT: [["a", "b"], ["a", "d", 1]]}
    rows = [row for _, row in normalizer.normalize_data_item(row, "load", "t")]
    assert rows[0]["a__b"] == {"c": 1}
    assert KEPT not in rows[0]
    assert {"e": 2} in [row.get("value") for row in rows]
