"""What passes between the modules of this source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from intilery_source.instants import Micros, Millis


class Hit(NamedTuple):
    """One element of a page of events, read as far as paging needs it."""

    time: Millis
    """`eventTime`, rounded down to the millisecond."""
    whole: bool
    """Whether nothing was rounded away."""
    id: str
    action: str | None
    received: Micros
    """`receivedTime` in microseconds, after all others where it is missing: of two copies the first received counts."""
    profile: str
    """The profile it was read through; empty for an event of the account."""
    raw: msgspec.Raw


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

    `length` counts all elements, also those in `unreadable`, which lack an identifier or a time; `earliest` and
    `latest` are the first and last time of any, None where none has one; `now` is the platform's clock. Times are
    milliseconds.
    """

    hits: list[Hit]
    unreadable: list[msgspec.Raw]
    length: int
    earliest: Millis | None
    latest: Millis | None
    now: Millis
    request_id: str


AskEvents = Callable[[Query], EventPage]
"""Asks an event endpoint once; the account's, or a profile's."""


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
