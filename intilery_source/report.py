"""What happened in a run, for the summary and the exit code."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp_client import Statistics
from intilery_source.lateness import Lateness

_FRESH = 0.2
"""What a new estimate counts for beside those before it: uneven times make it jump."""


class RunReport:
    """Counts of one run over all its loads; safe to use from any thread.

    `on_progress` is called with a table's name and the number of rows after each batch of rows read.
    """

    def __init__(self, on_progress: Callable[[str, int], None] | None = None) -> None:
        self.run_id = uuid.uuid4().hex
        self.started_at = datetime.now(UTC)
        self.statistics = Statistics()
        self.rows: Counter[str] = Counter()
        """Rows read for each table; a row read by two loads counts twice."""
        self.max_rejected_share = 1.0
        self.rejected = 0
        self._records: Counter[tuple[str, bool]] = Counter()
        """Records of each table that could (True) and could not (False) be read."""
        self.pending_lookups = 0
        self.scroll_incomplete: str | None = None
        """Why no scroll over the profiles was complete; None while none was tried or one was."""
        self.kept_as_json: set[str] = set()
        """Tables, or their columns as `table.column`, where keys are kept as JSON: `max_columns` are there already."""
        self.schema_changes: list[dict[str, str]] = []
        """Tables and columns that the run added: `change`, `table`, and `column` and its `type` where it is one."""
        self.failures: list[str] = []
        """Sentences on what could not be read at all, though the rest was."""
        self.expected_rows: float | None = None
        """About how many events are still to come, None while nothing is known of it."""
        self._total = 0.0
        self.lateness = Lateness()
        """How late the events came that were read."""
        self.lookback: timedelta | None = None
        """The setting, to compare with it."""
        self.on_delete = "keep"
        """The setting, for the job that honours it."""
        self.ends_with_events = True
        """Whether the run is over when its pass over the events is: not where more is read beside or after it."""
        self._lock = threading.Lock()
        self._on_progress = on_progress

    def count_rows(self, table: str, number: int) -> None:
        with self._lock:
            self.rows[table] += number
        if self._on_progress is not None:
            self._on_progress(table, number)

    def expect_rows(self, table: str, number: float) -> None:
        """Take a new estimate of how many rows of a table are still to come; the more have come, the more it counts."""
        with self._lock:
            done = self.rows[table]
            total = done + max(0.0, number)
            weight = _FRESH + (1 - _FRESH) * (done / total if total else 1.0)
            known = total if self.expected_rows is None else max(done, self._total)
            self._total = total**weight * known ** (1 - weight)
            self.expected_rows = max(0.0, self._total - done)

    def count_readable(self, table: str, number: int) -> None:
        with self._lock:
            self._records[table, True] += number

    def count_rejected(self, table: str, number: int) -> None:
        with self._lock:
            self.rejected += number
            self._records[table, False] += number

    def keep_as_json(self, place: str) -> None:
        with self._lock:
            self.kept_as_json.add(place)

    def rejected_share(self) -> float:
        """Rejected records as a share of those read, of the table where it is greatest."""
        with self._lock:
            shares = [
                number / (number + self._records[table, True])
                for (table, readable), number in self._records.items()
                if not readable and number
            ]
        return max(shares, default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, without any datum."""
        with self._lock:
            return {
                "run_id": self.run_id,
                "rows_read": dict(self.rows),
                "rejected": self.rejected,
                "pending_lookups": self.pending_lookups,
                "scroll_incomplete": self.scroll_incomplete,
                "kept_as_json": sorted(self.kept_as_json),
                "schema_changes": list(self.schema_changes),
                "failures": list(self.failures),
                "lateness": self.lateness.as_dict(),
                "lookback_99_99": self.lateness.lookback(),
                **self.statistics.as_dict(),
            }
