"""Reading a span of time with many requests at once: the threads behind a plan.

A permission of the rate limit is taken first and the question chosen after: so what is most urgent goes next, however
long the limit made it wait.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import msgspec

from cdp_client import RefusedError, TooLargeError
from intilery_source.asking import Asker, ask_soundly
from intilery_source.asks import Ask, Kind
from intilery_source.instants import Millis
from intilery_source.pieces import Piece, instant_pieces
from intilery_source.planner import OVERLAP, Planner
from intilery_source.stretches import Window
from intilery_source.ties import Dialect, InstantReader, InstantTooLargeError
from intilery_source.types import AskEvents, EventPage

_PAGES_A_SECOND = 400
"""About what one processor can take: more requests under way than this rate and the latency need are of no use."""
_LEAST_IN_FLIGHT = 4
_FIRST_IN_FLIGHT = 16
_ROWS_AT_ONCE = 5_000
_LATENCIES = 32
"""How many of the last answers' latencies count; the least of them is not blurred by waiting for this process."""


class Reader:
    """Reads what a planner plans; pieces come out in the order of time."""

    def __init__(
        self,
        planner: Planner,
        ask: AskEvents,
        permit: Callable[[], Any],
        *,
        max_in_flight: int,
        cap: int = 10_000,
    ) -> None:
        """Read with at most `max_in_flight` requests at once; `permit` waits for the rate limit's permission."""
        self.planner = planner
        self._ask = ask
        self._permit = permit
        self._max_in_flight = max_in_flight
        self._cap = cap
        self._dialect = Dialect()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self._asks: SimpleQueue[Ask | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._error: BaseException | None = None
        self._stopped = False
        self.now: Millis | None = None
        """The platform's clock when the first answers were given."""
        self._unreadable: list[tuple[msgspec.Raw, str]] = []
        self._failures: list[InstantTooLargeError] = []
        self._divided: dict[Millis, Counter[str | None]] = {}
        planner.capacity = min(max_in_flight, _FIRST_IN_FLIGHT)

    def pieces(self) -> Iterator[tuple[list[Piece], Millis]]:
        """Some thousand rows at a time, and the instant before which these and earlier ones are all there are.

        It may be left and called again, and ends when everything has been given out.

        Raises:
            ExtractorError: it cannot be read.
        """
        self._start()
        while True:
            with self._news:
                while self._error is None and not (taken := self._take()) and not self.planner.finished:
                    self._news.wait()
                if self._error is not None:
                    raise self._error
                position = self.planner.pieces.position
                self._work.notify()
            yield taken, position
            if not taken:
                return

    def opened(self) -> None:
        """Wait until the first answers from both ends are here, and it is known where the events begin.

        Raises:
            ExtractorError: they cannot be had.
        """
        self._start()
        with self._news:
            self._news.wait_for(lambda: self._error or self.planner.ends.begun or self.planner.finished)
            if self._error is not None:
                raise self._error

    def drain(
        self,
    ) -> tuple[list[InstantTooLargeError], list[tuple[msgspec.Raw, str]], dict[Millis, Counter[str | None]]]:
        """What came up since the last call.

        Instants that could not be read completely, records that could not be read, each with its reason, and instants
        that were read action by action, with the number of each action's events.
        """
        with self._lock:
            found = self._failures, self._unreadable, self._divided
            self._failures, self._unreadable, self._divided = [], [], {}
        return found

    def window_at(self, instant: Millis) -> Window:
        """The window that an instant was read in."""
        with self._lock:
            return self.planner.window_at(instant)

    def remaining(self) -> float:
        """About how many events are still to be given out."""
        with self._lock:
            return self.planner.pieces.held + self.planner.remaining()

    @property
    def finished(self) -> bool:
        """Whether everything has been read and given out."""
        with self._lock:
            return self.planner.finished and not self.planner.pieces.ready

    def close(self) -> None:
        """Stop asking; what is under way is not waited for."""
        with self._lock:
            self._stopped = True
            self._work.notify_all()
            for _ in self._threads:
                self._asks.put(None)

    def _start(self) -> None:
        if not self._threads:
            self._begin(self._dispatch)

    def _begin(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(run,), daemon=True, name="events")
        self._threads.append(thread)
        thread.start()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the pieces are taken
            with self._lock:
                self._error = self._error or error
                self._stopped = True
                self._news.notify_all()
                self._work.notify_all()

    def _take(self) -> list[Piece]:
        taken: list[Piece] = []
        rows = 0
        while rows < _ROWS_AT_ONCE and (piece := self.planner.pieces.take()) is not None:
            taken.append(piece)
            rows += len(piece.keys)
        return taken

    def _dispatch(self) -> None:
        while not self._stopped:
            self._permit()
            with self._work:
                while not self._stopped and not self.planner.finished and (ask := self.planner.next()) is None:
                    self._work.wait()
                if self._stopped or self.planner.finished:
                    break
                if self._idle:
                    self._idle -= 1
                else:
                    self._begin(self._answer)
            self._asks.put(ask)
        self.close()

    def _answer(self) -> None:
        while (ask := self._asks.get()) is not None:
            self._carry_out(ask)
            with self._lock:
                self._idle += 1
                self._work.notify()
                self._news.notify()

    def _carry_out(self, ask: Ask) -> None:
        if ask.kind is Kind.INSTANT:
            self._read_instant(ask)
            return
        started = time.monotonic()
        try:
            page = ask_soundly(self._ask, ask.query, permitted=True)
        except TooLargeError:
            with self._lock:
                if not self.planner.too_large(ask):
                    raise
            return
        except RefusedError:
            with self._lock:
                if not self.planner.refused(ask):
                    raise
            return
        with self._lock:
            self._allow(time.monotonic() - started)
            if not self.planner.ends.opened:
                self.now = page.now if self.now is None else min(self.now, page.now)
            self._unreadable += page.unreadable
            self.planner.answered(ask, page)

    def _read_instant(self, ask: Ask) -> None:
        instant = ask.query.start or 0
        reader = InstantReader(Asker(self._ask, ask.query.size), self._dialect, cap=self._cap, overlap=OVERLAP)
        pages: list[EventPage] = []
        failed = None
        try:
            for page in reader.read(instant):
                pages.append(page)
        except InstantTooLargeError as error:
            failed = error
        pieces = instant_pieces(pages, instant)
        with self._lock:
            if failed is not None:
                self._failures.append(failed)
            if reader.divided:
                self._divided[instant] = _actions(pages, instant)
            for page in pages:
                self._unreadable += page.unreadable
            self.planner.requests += len(pages)
            self.planner.start_is_inclusive = self._dialect.start_is_inclusive
            self.planner.read_instant(ask, pieces)

    def _allow(self, latency: float) -> None:
        self._latencies.append(latency)
        wanted = int(min(self._latencies) * _PAGES_A_SECOND)
        self.planner.capacity = min(self._max_in_flight, max(_LEAST_IN_FLIGHT, wanted))


def _actions(pages: list[EventPage], instant: Millis) -> Counter[str | None]:
    """How many events of each action an instant has."""
    found = {
        key: action
        for page in pages
        for key, action, micros in zip(page.keys, page.actions, page.micros, strict=True)
        if micros // 1000 == instant
    }
    return Counter(found.values())
