"""Instants as the API writes them: ISO 8601 in UTC with milliseconds, and HTTP dates."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000


def parse_micros(text: str) -> int:
    """Read an ISO 8601 date or datetime as microseconds since 1970; without an offset it is UTC.

    Raises ValueError when the text is no such instant. Example values: Events API, "Optional Request Arguments".
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(microseconds=1)


def parse_millis(text: str) -> int:
    """Read an ISO 8601 date or datetime as whole milliseconds since 1970, rounded down; raises ValueError."""
    return parse_micros(text) // 1000


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT")


def format_millis(millis: int) -> str:
    """Write milliseconds since 1970 as the API does: `2020-11-19T13:39:17.380Z`."""
    day, rest = divmod(millis, _DAY)
    seconds, fraction = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    return "%s%02d:%02d:%02d.%03dZ" % (_day_text(day), minutes // 60, minutes % 60, second, fraction)  # noqa: UP031


@lru_cache(maxsize=256)
def http_date(millis: int) -> str:
    """Write milliseconds since 1970 as an HTTP date, whole seconds (RFC 9110, 5.6.7)."""
    return format_datetime(_EPOCH + timedelta(milliseconds=millis // 1000 * 1000), usegmt=True)
