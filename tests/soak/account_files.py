"""The DuckDB file of a load, looked at from outside between two loads, also after a kill."""

import base64
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from histories import History

_STATES = """
    SELECT state.state
    FROM intilery._dlt_pipeline_state AS state
    JOIN intilery._dlt_loads AS load ON load.load_id = state._dlt_load_id
    WHERE load.status = 0
    ORDER BY load.load_id::DOUBLE
"""


@dataclass(frozen=True)
class State:
    """dlt's state as one load left it: its size as JSON, and the events' watermark in milliseconds."""

    size: int
    watermark: int | None


@dataclass(frozen=True)
class Contents:
    """How often each event and profile is there, and the state after each load that was finished, oldest first."""

    events: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)
    states: tuple[State, ...] = ()

    @property
    def watermark(self) -> int | None:
        """The watermark now."""
        return next((state.watermark for state in reversed(self.states) if state.watermark is not None), None)

    def __str__(self) -> str:
        at = "none" if self.watermark is None else History.text(self.watermark)
        size = self.states[-1].size if self.states else 0
        return f"{self.events.total()} events, watermark {at}, state of {size} bytes"


def read(path: Path) -> Contents:
    """What a load left in a file; one that does not exist is empty."""
    if not path.exists():
        return Contents()
    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(sql: str) -> list[Any]:
            try:
                return [row[0] for row in connection.execute(sql).fetchall()]
            except duckdb.CatalogException:  # no table yet
                return []

        return Contents(
            Counter(rows("SELECT event_id FROM intilery.events")),
            Counter(rows("SELECT id FROM intilery.profiles")),
            tuple(_state(stored) for stored in rows(_STATES)),
        )


def _state(stored: str) -> State:
    """dlt stores it as JSON, or as JSON that is compressed and then written in base 64."""
    text = stored if stored.startswith("{") else zlib.decompress(base64.b64decode(stored)).decode()
    source = json.loads(text).get("sources", {}).get("intilery", {})
    watermark = source.get("resources", {}).get("events", {}).get("watermark")
    return State(max(len(text.encode()), len(stored)), None if watermark is None else History.millis(watermark))
