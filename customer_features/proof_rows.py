"""Which rows alone change a value: one copy of a customer for each row that could, all computed at once."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_features.compiled import Compiled, Rows
from customer_features.proof_changes import deleted
from customer_features.proof_sample import TIMES, bits, visible
from customer_features.spans import Micros

_COPIES, _SHOWN = 150, 3
_TELLING = ("event_id", "event_name", "event_at", "known_at", "line_number", "category", "trait", "channel",
            "valid_from", "observed_at", "value", "subscribed")  # fmt: skip


def telling_rows(
    compiled: Compiled, rows: Rows, injected: Rows, cutoff: Micros, customer: str, names: Sequence[str], seed: int
) -> dict[str, tuple[dict[str, Any], ...]]:
    """For each feature, some rows of a customer that could not be seen at the cutoff and change its value alone.

    They are rows that are there if one of those does, else rows that were injected. A feature that depends on other
    customers has none.
    """
    mine = _of(rows, customer)
    if not mine["customers"].num_rows:
        return {}
    there, added = _unseen(mine, cutoff, False), _unseen(_of(injected, customer), cutoff, True)
    chance = random.Random(seed)  # noqa: S311
    chosen = chance.sample(there, min(len(there), _COPIES)) + chance.sample(added, min(len(added), _COPIES))
    seen = deleted(mine, cutoff, of_now=False)
    # two copies get no row: where those two differ, copies depend on each other
    first, last = f"{customer}~0", f"{customer}~{len(chosen) + 1}"
    copies = {name: [_copied(table, len(chosen) + 2)] for name, table in seen.items()}
    for place, (name, table, row, _) in enumerate(chosen, 1):
        copies[name].append(_renamed(table.slice(row, 1), [place]))
    values = compiled.compute({name: pa.concat_tables(parts) for name, parts in copies.items()})
    of_copy = {row["customer_id"]: row for row in values.to_pylist()}
    if first not in of_copy or last not in of_copy:
        return {}
    found = {}
    for name in names:
        without = bits(of_copy[first][name])
        if without != bits(of_copy[last][name]):
            continue
        told = [
            _told(*candidate)
            for place, candidate in enumerate(chosen, 1)
            if f"{customer}~{place}" in of_copy and bits(of_copy[f"{customer}~{place}"][name]) != without
        ]
        real = [row for row in told if not row["injected"]]
        found[name] = tuple(sorted(real or told, key=_known)[:_SHOWN])
    return found


def _of(rows: Rows, customer: str) -> Rows:
    return {name: table.filter(pc.equal(table["customer_id"], customer)) for name, table in rows.items()}


def _unseen(mine: Rows, cutoff: Micros, injected: bool) -> list[tuple[str, pa.Table, int, bool]]:
    return [
        (name, table, int(row), injected)
        for name in TIMES
        for table in [mine[name]]
        for row in np.flatnonzero(~visible(table, name, cutoff).to_numpy(zero_copy_only=False))
    ]


def _copied(table: pa.Table, number: int) -> pa.Table:
    places = np.repeat(np.arange(number), table.num_rows)
    return _renamed(table.take(pa.array(np.tile(np.arange(table.num_rows), number), pa.int64())), list(places))


def _renamed(table: pa.Table, places: list[int]) -> pa.Table:
    for column in {"customer_id", "event_id"} & set(table.column_names):
        names = [f"{value}~{place}" for value, place in zip(table[column].to_pylist(), places, strict=True)]
        table = table.set_column(table.column_names.index(column), column, pa.array(names, pa.string()))
    return table


def _told(name: str, table: pa.Table, row: int, injected: bool) -> dict[str, Any]:
    (held,) = table.slice(row, 1).to_pylist()
    shown = {column: held[column] for column in _TELLING if held.get(column) is not None}
    for column in TIMES[name]:
        shown[column] = None if held[column] is None else held[column].isoformat()
    return {"table": name, "injected": injected, **shown}


def _known(row: dict[str, Any]) -> str:
    return str(row.get("known_at") or row.get("observed_at"))
