"""An event endpoint in memory, which may mean whatever the documents allow, and misbehave as gateways do.

It answers within microseconds: what property tests and simulations need.
"""

import random
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import msgspec
import pyarrow as pa

from cdp_client import RefusedError, TooLargeError
from intilery_source import event_rows
from intilery_source.types import EventPage, Query

T = 1_700_000_000_000
"""Some instant, in milliseconds: 2023-11-14T22:13:20Z."""
REQUEST_ID = "req-42"
_NARROW = ["event_id", "event_time"]


class Event(NamedTuple):
    """What the endpoint knows of an event; times are microseconds."""

    micros: int
    key: str
    action: str | None = "a"
    received: int = 0

    @property
    def millis(self) -> int:
        return self.micros // 1000


@dataclass
class Feed:
    """Serves `events`; those of `later` become visible when so many answers have been given.

    Events of one instant are `shuffled` at each answer, or come in one of two orders, as from `replicas` of an index.
    `most` is the number of events from which on an answer is too large (413). With the probability `repeats` an answer
    is an earlier one instead, but never twice for one question. The answer to the question `wrong_at` is one that
    somebody else might have had, that to the question `before_at` the answer before it. Events in
    `unreadable` cannot be read, and those in `timeless` do not even show a time.
    """

    events: Iterable[Event]
    start_inclusive: bool = True
    end_inclusive: bool = False
    from_counts_pages: bool = False
    shuffled: bool = False
    replicas: bool = False
    over_cap: Literal["error", "empty", "repeat"] = "error"
    cap: int = 10_000
    most: int | None = None
    repeats: float = 0.0
    wrong_at: int | None = None
    before_at: int | None = None
    unreadable: frozenset[str] = frozenset()
    timeless: frozenset[str] = frozenset()
    later: list[tuple[int, Event]] = field(default_factory=list)
    wide: bool = False
    """Whether rows have all the columns of the table."""
    now: int = T + 86_400_000
    seed: int = 0
    recent: frozenset[str] = frozenset()
    """What the very first answer lacks: a proxy may repeat what it answered to the same question long ago."""

    def __post_init__(self) -> None:
        self.visible = sorted(self.events, key=_micros)
        self.at_first = list(self.visible)
        """What was visible when the first answer was given."""
        self.asked: list[Query] = []
        self.holds_back = False
        """Whether what is to become visible waits."""
        self._later = sorted(self.later, key=lambda late: late[0], reverse=True)
        self._random = random.Random(self.seed)
        self._given: list[EventPage] = []
        self._before: EventPage | None = None
        self._repeated: set[Query] = set()
        self._orders: dict[Query, list[str]] = {}
        self._lock = threading.Lock()

    def ask(self, query: Query, *, permitted: bool = False) -> EventPage:
        """The endpoint; safe to call from any thread."""
        with self._lock:
            self.asked.append(query)
            while not self.holds_back and self._later and self._later[-1][0] < len(self.asked):
                insort(self.visible, self._later.pop()[1], key=_micros)
            if self._given and query not in self._repeated and self._random.random() < self.repeats:
                self._repeated.add(query)
                return self._random.choice(self._given)
            if len(self.asked) - 1 == self.wrong_at:
                return self._others_answer(query)
            if len(self.asked) - 1 == self.before_at and self._before is not None:
                return self._before
            page = self._old_answer(query) if len(self.asked) == 1 and self.recent else self._answer(query)
            if self.repeats:
                self._given.append(page)
            self._before = page
            return page

    def page(self, events: list[Event]) -> EventPage:
        """An answer that shows these events."""
        readable = [event for event in events if event.key not in self.unreadable and event.key not in self.timeless]
        times = [event.millis for event in events if event.key not in self.timeless]
        return EventPage(
            micros=[event.micros for event in readable],
            keys=[event.key for event in readable],
            actions=[event.action for event in readable],
            received=[event.received for event in readable],
            rows=_rows(readable) if self.wide else _narrow(readable),
            unreadable=[
                (msgspec.Raw(event.key.encode()), "cannot be read")
                for event in events
                if event.key in self.unreadable or event.key in self.timeless
            ],
            length=len(events),
            earliest=min(times, default=None),
            latest=max(times, default=None),
            now=self.now,
            request_id=REQUEST_ID,
        )

    def _old_answer(self, query: Query) -> EventPage:
        visible = self.visible
        self.visible = [event for event in visible if event.key not in self.recent]
        try:
            return self._answer(query)
        finally:
            self.visible = visible

    def _others_answer(self, query: Query) -> EventPage:
        """Events in the order and of the span that was asked for, so that nothing gives the answer away."""
        least = -(2**62) if query.start is None else query.start * 1000
        most = 2**62 if query.end is None else query.end * 1000
        possible = [event for event in self.visible if least <= event.micros <= most and _wanted(event, query)]
        first = self._random.randint(0, len(possible))
        found = possible[first : first + query.size]
        return self.page(found if query.ascending else found[::-1])

    def _answer(self, query: Query) -> EventPage:
        skip = query.skip * query.size if self.from_counts_pages else query.skip
        if skip + query.size > self.cap:
            if self.over_cap == "error":
                raise RefusedError("400: from + size is too large")
            if self.over_cap == "empty":
                return self.page([])
            skip = self.cap - query.size
        found = self._found(query, skip)
        if self.most is not None and len(found) > self.most:
            raise TooLargeError("413")
        return self.page(found)

    def _found(self, query: Query, skip: int) -> list[Event]:
        low, high = 0, len(self.visible)
        if query.start is not None:
            low = (bisect_left if self.start_inclusive else bisect_right)(self.visible, query.start * 1000, key=_micros)
        if query.end is not None:
            high = (bisect_right if self.end_inclusive else bisect_left)(self.visible, query.end * 1000, key=_micros)
        high = max(low, high)
        first, last = low, high
        if query.include is None and not query.exclude:  # what lies farther away cannot be on the page
            if query.ascending:
                last = self._end_of_tie(min(high, low + skip + query.size), high)
            else:
                first = self._start_of_tie(max(low, high - skip - query.size), low)
        found = [event for event in self.visible[first:last] if _wanted(event, query)]
        if not query.ascending:
            found.reverse()
        if self.shuffled:
            self._shuffle(found, query, skip)
        elif self.replicas and self._random.random() < 0.5:
            found.reverse()
            found.sort(key=_micros, reverse=not query.ascending)
        return found[skip : skip + query.size]

    def _shuffle(self, found: list[Event], query: Query, skip: int) -> None:
        """Put ties in another order than when the same was asked last."""
        sign = 1 if query.ascending else -1
        for _ in range(5):
            found.sort(key=lambda event: (sign * event.micros, self._random.random()))
            order = [event.key for event in found[skip : skip + query.size]]
            if self._orders.get(query) != order:
                break
        self._orders[query] = order

    def _end_of_tie(self, place: int, most: int) -> int:
        while 0 < place < most and self.visible[place].micros == self.visible[place - 1].micros:
            place += 1
        return place

    def _start_of_tie(self, place: int, least: int) -> int:
        while least < place < len(self.visible) and self.visible[place - 1].micros == self.visible[place].micros:
            place -= 1
        return place


def page_of(*events: Event, unreadable: Iterable[bytes] = (), now: int = T) -> EventPage:
    """An answer that shows these events and, without a time, these elements that cannot be read."""
    page = Feed([], now=now).page(list(events))
    raws = [(msgspec.Raw(raw), "cannot be read") for raw in unreadable]
    return replace(page, unreadable=raws, length=len(events) + len(raws))


def _narrow(events: list[Event]) -> pa.RecordBatch:
    keys, times = [event.key for event in events], [event.micros for event in events]
    return pa.RecordBatch.from_arrays([pa.array(keys, pa.string()), pa.array(times, pa.int64())], _NARROW)


def _rows(events: list[Event]) -> pa.RecordBatch:
    columns = event_rows.schema(of_profiles=False)
    columns = columns.remove(columns.get_field_index("extracted_at"))
    values = {
        "event_id": [event.key for event in events],
        "event_time": [event.micros for event in events],
        "received_time": [event.received for event in events],
        "event_action": [event.action for event in events],
    }
    nothing = [None] * len(events)
    return pa.RecordBatch.from_arrays(
        [pa.array(values.get(column.name, nothing), column.type) for column in columns], schema=columns
    )


def _micros(event: Event) -> int:
    return event.micros


def _wanted(event: Event, query: Query) -> bool:
    return (query.include is None or event.action == query.include) and event.action not in query.exclude
