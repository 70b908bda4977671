"""The ledger: a row of `extract_windows` for every span of event time that was read, in the order of time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from intilery_source import instants
from intilery_source.instants import Millis
from intilery_source.stretches import Window


class Ledger:
    """Cuts what is given out into the windows that it was read in; the begin and end of a load cut, too."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._start: Millis | None = None
        self._count = 0
        self._window: Window | None = None
        self._rows: list[dict[str, Any]] = []

    def covers(self, instant: Millis) -> bool:
        """Whether an instant still belongs to the current window."""
        return self._window is not None and (self._window.end is None or instant < self._window.end)

    def enter(self, start: Millis, window: Window) -> None:
        """Go on in another window, which the one before it ends at; the first of all begins at `start`."""
        self._window = window
        self._start = start if self._start is None else self._start

    def count(self, rows: int) -> None:
        """Count rows that have been given out."""
        self._count += rows

    def close(self, end: Millis, now: Millis, *, complete: bool = True) -> None:
        """End what was read at `end`; `now` is the platform's clock when the pass began."""
        start, window = self._start, self._window
        if start is None or window is None or end <= start:
            return
        self._add(start, end, "", self._count, now, window, complete=complete)
        window.requests = 0
        self._start, self._count = end, 0

    def divided(self, instant: Millis, actions: Mapping[str | None, int], now: Millis) -> None:
        """Note an instant that had to be read action by action, and how many events of each there were."""
        for action, rows in actions.items():
            self._add(instant, instant + 1, action or "(none)", rows, now, Window(instant, None, depth=1))

    def take(self) -> list[dict[str, Any]]:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _add(
        self, start: Millis, end: Millis, action: str, rows: int, now: Millis, window: Window, *, complete: bool = True
    ) -> None:
        self._rows.append(
            {
                "run_id": self._run_id,
                "window_start": instants.to_datetime(start),
                "window_end": instants.to_datetime(end),
                "event_action": action,
                "rows": rows,
                "requests": window.requests,
                "split_depth": window.depth,
                "complete": complete,
                "known_at": instants.to_datetime(now),
                "read_at": datetime.now(UTC),
            }
        )
