"""How far a source has been built: which loads are in, and a sum over what they hold that shows if any of it changed.

An erasure, or a change by hand, leaves no new load; so each build adds up a hash of every row that it has seen.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import ibis.expr.types as ir

from customer_tables.engine import Engine
from customer_tables.staging.contract import Staging

_VERSION = 3
"""Tables that another version has built are built anew."""


@dataclass(frozen=True, slots=True)
class Position:
    """What the tables were built from."""

    logs: Mapping[str, Mapping[str, tuple[int, int]]]
    """Of each raw table that only grows, and each load that is in it: the number of rows, and the sum over them."""
    states: Mapping[str, tuple[int, int]]
    """Of each other raw table the same."""
    lateness: float | None
    """By how much missing times of receipt were guessed, in seconds; None where none is missing."""

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"version": _VERSION}, sort_keys=True)


def read_position(text: str) -> Position | None:
    """What `text` gave, None where it is of another version."""
    found: dict[str, Any] = json.loads(text)
    if found["version"] != _VERSION:
        return None
    logs = {name: {load: (rows, total) for load, (rows, total) in log.items()} for name, log in found["logs"].items()}
    states = {name: (rows, total) for name, (rows, total) in found["states"].items()}
    return Position(logs, states, found["lateness"])


def position_of(engine: Engine, staging: Staging) -> Position:
    """Where a source stands now."""
    standing = staging.standing()
    logs = {
        name: {str(load): (int(rows), int(total)) for load, rows, total in _by_load(engine, log)}
        for name, log in staging.logs().items()
    }
    states = {}
    for name, state in staging.states().items():
        ((rows, total),) = engine.rows(state.agg(rows=state.count(), total=state.mark.sum()))
        states[name] = int(rows), int(total or 0)
    return Position(logs, states, standing.lateness if standing.guesses else None)


def _by_load(engine: Engine, log: ir.Table) -> list[tuple[Any, ...]]:
    return engine.rows(log.group_by("load_id").agg(rows=log.count(), total=log.mark.sum()))
