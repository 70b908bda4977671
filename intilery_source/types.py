"""What passes between the modules of this source."""

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from intilery_source.instants import Micros, Millis

Key = str | tuple[str, str]
"""What makes a row one: the event's identifier; for events read through a profile, the profile's and the event's."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to an event endpoint; `start` and `end` are instants that the answer may or may not include."""

    start: Millis | None = None
    end: Millis | None = None
    skip: int = 0
    """`from`, whose unit is the reader's affair."""
    size: int = 100
    ascending: bool = True
    include: str | None = None
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventPage:
    """An answer of an event endpoint.

    `micros`, `keys`, `actions` and `received` have one entry for each row of `rows`, in the answer's order; a row has
    every column of `event_rows.schema` but `extracted_at`. `unreadable` has the other elements, each with its reason;
    `length` counts all. `earliest` and `latest` are the first and last time of any element, None where none has one.
    `now` is the platform's clock. Times are microseconds in lists, milliseconds elsewhere.
    """

    micros: list[Micros]
    keys: list[Key]
    actions: list[str | None]
    """`eventAction` where it is text."""
    received: list[Micros]
    """`receivedTime`, after all others where it is missing: of two copies the first received counts."""
    rows: pa.RecordBatch
    unreadable: list[tuple[msgspec.Raw, str]]
    length: int
    earliest: Millis | None
    latest: Millis | None
    now: Millis
    request_id: str

    def reversed(self) -> "EventPage":
        """The same with its rows in the opposite order."""
        return EventPage(
            self.micros[::-1],
            self.keys[::-1],
            self.actions[::-1],
            self.received[::-1],
            self.rows.take(pa.array(range(self.rows.num_rows - 1, -1, -1), type=pa.int32())),
            self.unreadable,
            self.length,
            self.earliest,
            self.latest,
            self.now,
            self.request_id,
        )


class AskEvents(Protocol):
    """Asks an event endpoint once; the account's, or a profile's. Safe to use from any thread."""

    def __call__(self, query: Query, *, permitted: bool = False) -> EventPage:
        """The answer; `permitted` says that the rate limit's permission has been taken already."""
        ...


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page of the scroll over all profiles.

    `ended` says that the server called it the end, `expired` that it no longer knows the scroll; `doubtful` that
    an answer was lost on the way, so that the scroll may have moved twice.
    """

    profiles: list[msgspec.Raw]
    scroll_id: str | None
    ended: bool
    expired: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """What a profile's route answered, and what time it was then at the platform."""

    value: dict[str, Any]
    at: Millis
