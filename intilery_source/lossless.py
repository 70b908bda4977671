"""How dlt is to type what is loaded: a value goes into a column of its type, or of one that gives it back.

dlt by itself makes `7` of the text `007` where a column holds integers, true of `5` where it holds booleans, and fails
at an integer of more digits than the column has. The schema names this module, so dlt imports it with the schema.
"""

from collections.abc import Callable
from typing import Any

from dlt.common.data_types.typing import TDataType
from dlt.common.normalizers.json import TNormalizedRowIterator
from dlt.common.normalizers.json.relational import DataItemNormalizer as Relational

KEPT = "_kept_as_json"
"""The key of a row with the paths (keys and list positions) of what stays one JSON value; no column is named so."""


class KeptObject(dict[str, Any]):
    """An object that dlt leaves whole, since it looks for plain ones."""


class KeptList(list[Any]):
    """The same of a list."""


class DataItemNormalizer(Relational):
    """dlt's own, which gives a value that its column could not give back a column beside it (`points__v_text`)."""

    def can_coerce_type(self, to_type: TDataType, from_type: TDataType) -> bool:
        return to_type == from_type or (to_type, from_type) in _WIDENING

    def coerce_type(self, to_type: TDataType, from_type: TDataType, value: Any) -> Any:
        if to_type == from_type:
            return super().coerce_type(to_type, from_type, value)
        if (to_type, from_type) not in _WIDENING:
            raise ValueError(f"{from_type} is not kept as {to_type}")
        return _WIDENING[to_type, from_type](value)

    def normalize_data_item(self, item: Any, load_id: str, table_name: str) -> TNormalizedRowIterator:
        if isinstance(item, dict):
            for path in item.pop(KEPT, ()):
                _keep(item, path)
        return super().normalize_data_item(item, load_id, table_name)


def _double(value: int) -> float:
    if int(float(value)) != value:
        raise ValueError("more digits than a double has")
    return float(value)


def _integer(value: float) -> int:
    if not value.is_integer() or abs(value) > 2**53:
        raise ValueError("no integer")
    return int(value)


_WIDENING: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("double", "bigint"): _double,
    ("bigint", "double"): _integer,
    ("text", "bigint"): str,
    ("text", "double"): str,
}
"""To a column's type from another one: only what gives the value back. `1` and `1.0` are one number in JSON."""


def _keep(row: Any, path: list[str | int]) -> None:
    *way, last = path
    for step in way:
        row = row[step]
    value = row[last]
    row[last] = KeptObject(value) if isinstance(value, dict) else KeptList(value)
