"""Features as a matrix of numbers, by what training rows show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from customer_features.errors import FeatureError
from customer_features.evaluation import floats

KEYS = ("customer_id", "cutoff", "label", "horizon_end", "censor_reason")
"""The columns of a training table that are no features."""
_VALUES = 20
_ROWS_A_VALUE = 20

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Numbers stay numbers with NULL as NaN; a text becomes one column of 0 and 1 for each value that was frequent.

    A text's values are those of 20 or more of the rows that it was learnt from, the 20 most frequent at most: a value
    that first appears later has 0 in all columns, as a rare one has. Lists, times and columns without a value are left
    out, and named.
    """

    numbers: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]

    @classmethod
    def learn(cls, table: pa.Table, features: Sequence[str]) -> "Encoding":
        """The encoding of `features`, by the values in `table`.

        Raises:
            FeatureError: a feature is no column of the table, or none can be used.
        """
        numbers, texts, left_out = [], {}, []
        for name in features:
            column = _column(table, name)
            if _is_number(column.type) and not np.isnan(floats(column)).all():
                numbers.append(name)
            elif _is_text(column.type) and (values := _frequent(column)):
                texts[name] = values
            else:
                left_out.append(name)
        if not numbers and not texts:
            raise FeatureError(
                f"none of the features {', '.join(features)} has numbers or frequent texts that a model can use"
            )
        return cls(tuple(numbers), texts, tuple(left_out))

    @property
    def features(self) -> tuple[str, ...]:
        """The features that are used."""
        return *self.numbers, *self.texts

    def columns(self) -> dict[str, slice]:
        """Where each feature's columns are in the matrix."""
        found, at = {}, 0
        for name in self.features:
            width = len(self.texts[name]) if name in self.texts else 1
            found[name] = slice(at, at + width)
            at += width
        return found

    def matrix(self, table: pa.Table) -> Matrix:
        """The rows of `table`, encoded.

        Raises:
            FeatureError: a feature is no column of the table, or has become of another kind.
        """
        columns: list[Matrix] = []
        for name in self.numbers:
            column = _column(table, name)
            if not _is_number(column.type):
                raise FeatureError(f"the feature {name} was a number in training, and is {column.type} now")
            columns.append(floats(column))
        for name, values in self.texts.items():
            column = _column(table, name)
            if not _is_text(column.type) and not pa.types.is_null(column.type):
                raise FeatureError(f"the feature {name} was a text in training, and is {column.type} now")
            columns += [floats(pc.fill_null(pc.equal(column.cast(pa.string()), value), False)) for value in values]
        return np.column_stack(columns)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "numbers": list(self.numbers),
            "texts": {name: list(values) for name, values in self.texts.items()},
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Encoding":
        """What `as_dict` told."""
        texts = {name: tuple(values) for name, values in stored["texts"].items()}
        return cls(tuple(stored["numbers"]), texts, tuple(stored["left_out"]))


def feature_columns(table: pa.Table) -> list[str]:
    """The columns of a training table that are features."""
    return [name for name in table.column_names if name not in KEYS]


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise FeatureError(f"the table has no column {name}: build it with the feature set of the model")
    return table[name]


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_null)
    return any(test(kind) for test in tests)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _frequent(column: pa.ChunkedArray) -> tuple[str, ...]:
    counted = pc.value_counts(pc.drop_null(column.cast(pa.string()))).to_pylist()
    frequent = [(-one["counts"], one["values"]) for one in counted if one["counts"] >= _ROWS_A_VALUE]
    return tuple(value for _, value in sorted(frequent)[:_VALUES])
