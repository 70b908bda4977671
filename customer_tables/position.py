"""How far a source has been built: which loads are in, and a sum over what they hold that shows if any of it changed.

An erasure, or a change by hand, leaves no new load; so each build adds up a hash of every row that it has seen.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import ibis.expr.types as ir

from customer_tables.engine import Engine
from customer_tables.staging.contract import Staging

_VERSION = 1
"""Tables that another version has built are built anew."""


@dataclass(frozen=True, slots=True)
class LogMark:
    """The loads of a raw table that are in, and its rows' number and sum; sums are texts, since JSON's numbers end."""

    loads: list[str]
    rows: int
    total: str


@dataclass(frozen=True, slots=True)
class Position:
    """What the tables were built from."""

    logs: Mapping[str, LogMark]
    states: Mapping[str, str]
    lateness: float | None
    """By how much missing times of receipt were guessed, in seconds; None where none is missing."""
    version: int = field(default=_VERSION)

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def read_position(text: str | None) -> Position | None:
    """What `text` gave, None where it is of another version."""
    found: dict[str, Any] = json.loads(text) if text else {}
    if found.get("version") != _VERSION:
        return None
    logs = {name: LogMark(**mark) for name, mark in found["logs"].items()}
    return Position(logs, found["states"], found["lateness"])


def position_of(engine: Engine, staging: Staging) -> Position:
    """Where a source stands now."""
    standing = staging.standing()
    logs = {}
    for name, log in staging.logs().items():
        by_load = engine.rows(log.group_by("load_id").agg(rows=log.count(), total=log.mark.sum()))
        rows, total = (sum(int(row[place]) for row in by_load) for place in (1, 2))
        logs[name] = LogMark(sorted(str(row[0]) for row in by_load), rows, str(total))
    states = {name: _total(engine, state) for name, state in staging.states().items()}
    return Position(logs, states, standing.lateness if standing.guesses else None)


def _total(engine: Engine, state: ir.Table) -> str:
    ((rows, total),) = engine.rows(state.agg(rows=state.count(), total=state.mark.sum()))
    return f"{rows}:{total}"
