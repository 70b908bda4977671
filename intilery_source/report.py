"""What happened in a run, for the summary and the exit code."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from cdp_client import Statistics


class RunReport:
    """Counts of one run over all its loads; safe to use from any thread.

    `on_progress` is called with a table's name and the number of rows after each batch of rows read.
    """

    def __init__(self, on_progress: Callable[[str, int], None] | None = None) -> None:
        self.run_id = uuid.uuid4().hex
        self.statistics = Statistics()
        self.rows: Counter[str] = Counter()
        """Rows read for each table; a row read by two loads counts twice."""
        self.max_rejected_share = 1.0
        self.rejected = 0
        self.pending_lookups = 0
        self.scroll_incomplete: str | None = None
        """Why no scroll over the profiles was complete; None while none was tried or one was."""
        self.failures: list[str] = []
        """Sentences on what could not be read at all, though the rest was."""
        self.span: tuple[int, int] | None = None
        """The span of event time, in milliseconds, that the current load reads: what progress is measured on."""
        self.position: int | None = None
        """How far in it the current load has come."""
        self._lock = threading.Lock()
        self._on_progress = on_progress

    def count_rows(self, table: str, number: int) -> None:
        with self._lock:
            self.rows[table] += number
        if self._on_progress is not None:
            self._on_progress(table, number)

    def count_rejected(self, number: int) -> None:
        with self._lock:
            self.rejected += number

    def rejected_share(self) -> float:
        """Rejected records as a share of all records read."""
        with self._lock:
            read = self.rejected + self.rows.total()
            return self.rejected / read if read else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, without any datum."""
        with self._lock:
            return {
                "run_id": self.run_id,
                "rows_read": dict(self.rows),
                "rejected": self.rejected,
                "pending_lookups": self.pending_lookups,
                "scroll_incomplete": self.scroll_incomplete,
                "failures": list(self.failures),
                **self.statistics.as_dict(),
            }
