"""Showing how far a load is: a live display on a terminal, a plain line every ten seconds elsewhere."""

import sys
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from intilery_source import RunReport

_SECONDS_BETWEEN_LINES = 10.0


class Display(Protocol):
    """Something that shows a run's progress while its context lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display(report: RunReport) -> Display:
    """The display that suits standard error, where all progress goes."""
    return _Live(report) if sys.stderr.isatty() else _Lines(report)


class Pace:
    """Rows, their rate, and the time left, from a run's report."""

    def __init__(self, report: RunReport) -> None:
        self._report = report
        self._started = time.monotonic()
        self._events_since: float | None = None

    def fraction(self) -> float | None:
        """The share of the events that have been read, None before their number can be estimated."""
        left, done = self._report.expected_rows, self._report.rows["events"]
        return None if left is None or not done else done / (done + max(0.0, left))

    def sentence(self) -> str:
        """One line without a datum: rows by table, rows a second, requests, time left."""
        rows = Counter(self._report.rows)
        elapsed = time.monotonic() - self._started
        parts = [f"{number:,} {table}" for table, number in sorted(rows.items())] or ["connecting"]
        parts.append(f"{rows.total() / elapsed:,.0f} rows/s" if elapsed > 0 else "")
        parts.append(f"{self._report.statistics.requests:,} requests")
        left = self._seconds_left()
        if left is not None:
            parts.append(f"events read in about {_span(left)}")
        return " · ".join(part for part in parts if part)

    def _seconds_left(self) -> float | None:
        fraction = self.fraction()
        if fraction is None:
            return None
        now = time.monotonic()
        self._events_since = self._events_since or now
        return (now - self._events_since) * (1 - fraction) / fraction if fraction < 1 else None


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 5400 else f"{whole / 3600:.1f} h"


class _Ticking:
    """Calls `tick` from a thread of its own until the context ends."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="progress")

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.tick()

    def tick(self) -> None:
        """Show the progress once."""
        raise TypeError("a display says what a tick shows")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()


class _Lines(_Ticking):
    def __init__(self, report: RunReport) -> None:
        super().__init__(_SECONDS_BETWEEN_LINES)
        self._pace = Pace(report)

    def tick(self) -> None:
        print(self._pace.sentence(), file=sys.stderr, flush=True)


class _Live(_Ticking):
    def __init__(self, report: RunReport) -> None:
        super().__init__(0.2)
        self._pace = Pace(report)
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("connecting", total=None)

    def tick(self) -> None:
        fraction = self._pace.fraction()
        self._progress.update(
            self._task,
            description=self._pace.sentence(),
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._progress.stop()
