"""Spans of time and instants, as whole microseconds: both engines then do the same integer arithmetic."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from customer_features.errors import FeatureError

Micros = int
MINUTE: Micros = 60_000_000
DAY: Micros = 24 * 60 * MINUTE

LIFETIME = "lifetime"
Window = int | str
"""Whole days before the cutoff, or `LIFETIME`."""
WINDOWS: tuple[Window, ...] = (7, 28, 91, 182, 365, LIFETIME)
Cutoff = str | date | datetime

_UNITS = {"min": MINUTE, "h": 60 * MINUTE, "d": DAY, "w": 7 * DAY}
_LONGEST = 36_525 * DAY
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def span(text: str) -> Micros:
    """A span such as `30min`, `12h`, `91d` or `13w`.

    Raises:
        FeatureError: it is none.
    """
    found = re.fullmatch(r"([0-9]+)(min|h|d|w)", text) if isinstance(text, str) else None
    if found is None:
        raise FeatureError(f"{text!r} is no span of time: write a whole number and min, h, d or w, as in 91d.")
    micros = int(found[1]) * _UNITS[found[2]]
    if micros > _LONGEST:
        raise FeatureError(f"{text!r} is longer than a century: write it in days, as in 91d.")
    return micros


def windows(chosen: Iterable[Window], what: str) -> tuple[Window, ...]:
    """Windows that were checked: whole days above zero, or `lifetime`, each once.

    Raises:
        FeatureError: they are not; it names `what` they are for.
    """
    found = tuple(chosen) if isinstance(chosen, Iterable) and not isinstance(chosen, str) else (chosen,)
    for window in found:
        days = isinstance(window, int) and not isinstance(window, bool) and window > 0
        if not days and window != LIFETIME:
            raise FeatureError(f"{what}: {window!r} is no window: give whole days, as in [28, 91], or 'lifetime'.")
    if len(set(found)) != len(found) or not found:
        raise FeatureError(f"{what}: give at least one window, and each once; these are {list(found)}.")
    return found


def length(window: Window) -> Micros | None:
    """Microseconds of a window; None for a whole lifetime."""
    return window * DAY if isinstance(window, int) else None


def longest(chosen: tuple[Window, ...]) -> Window:
    """The window that holds all others."""
    days = [window for window in chosen if isinstance(window, int)]
    return LIFETIME if LIFETIME in chosen else max(days)


def suffix(window: Window) -> str:
    """How a window is named in a feature, `28d` or `lifetime`."""
    return f"{window}d" if isinstance(window, int) else window


def in_words(window: Window) -> str:
    return f"in the {window} days before the cutoff" if isinstance(window, int) else "ever before the cutoff"


def micros(cutoff: Cutoff) -> Micros:
    """An instant in microseconds since 1970; a date is its midnight, and what has no zone is UTC.

    Raises:
        FeatureError: it is no instant.
    """
    if isinstance(cutoff, str):
        try:
            cutoff = datetime.fromisoformat(f"{cutoff}-01" if re.fullmatch(r"\d{4}-\d{2}", cutoff) else cutoff)
        except ValueError:
            raise FeatureError(f"{cutoff!r} is no instant: write it as 2026-03-01 or 2026-03-01T12:00Z.") from None
    # pandas' NaT is a datetime, of no year
    if not isinstance(cutoff, date) or math.isnan(cutoff.year):
        raise FeatureError(f"{cutoff!r} is no instant: give a date, a datetime or text such as 2026-03-01.")
    if not isinstance(cutoff, datetime):
        cutoff = datetime(cutoff.year, cutoff.month, cutoff.day, tzinfo=UTC)
    if cutoff.tzinfo is None:
        cutoff = cutoff.replace(tzinfo=UTC)
    if not _FIRST_YEAR <= cutoff.year <= _LAST_YEAR:
        raise FeatureError(f"{cutoff:%Y-%m-%d} is no cutoff: it must lie from {_FIRST_YEAR} to {_LAST_YEAR}.")
    return (cutoff - _EPOCH) // timedelta(microseconds=1)


def moment(instant: Micros) -> datetime:
    """The instant as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def monthly(first: Cutoff, last: Cutoff) -> list[datetime]:
    """The first midnight of each month from `first` to `last`, both included.

    Raises:
        FeatureError: there is none.
    """
    starts, ends = micros(first), micros(last)
    month = moment(starts).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while micros(month) <= ends:
        if micros(month) >= starts:
            found.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return _some(found, first, last)


def weekly(first: Cutoff, last: Cutoff) -> list[datetime]:
    """`first` and every seventh day after it, up to `last`.

    Raises:
        FeatureError: there is none.
    """
    starts, ends = micros(first), micros(last)
    return _some([moment(instant) for instant in range(starts, ends + 1, 7 * DAY)], first, last)


def _some(found: list[datetime], first: Cutoff, last: Cutoff) -> list[datetime]:
    if not found:
        raise FeatureError(f"There is no cutoff from {first} to {last}: the first must not be after the last.")
    return found
