"""The API's timestamps: milliseconds to ask with, microseconds to store."""

from datetime import UTC, datetime, timedelta

Millis = int
Micros = int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
FIRST: Millis = -62_135_596_800_000
LAST: Millis = 253_402_300_799_999
"""The first and the last millisecond of the years 1 to 9999."""
_midnights: dict[str, Micros] = {}
"""Midnights seen; a feed has few days and many events."""


def parse(text: str) -> Micros:
    """An ISO 8601 instant as microseconds since 1970; UTC where it names no zone.

    Raises:
        ValueError: it is none.
    """
    # 2020-11-19T13:39:17.380Z, as the API writes it, is ten times as fast by hand
    if len(text) == 24 and text[23] == "Z" and text[10] == "T" and text[19] == ".":
        midnight = _midnights.get(text[:10])
        hour, minute, second, milli = text[11:13], text[14:16], text[17:19], text[20:23]
        digits = text.isascii() and (hour + minute + second + milli).isdigit() and text[13] == text[16] == ":"
        if midnight is not None and digits and hour < "24" and minute < "60" and second < "60":
            seconds = int(hour) * 3600 + int(minute) * 60 + int(second)
            return midnight + seconds * 1_000_000 + int(milli) * 1000
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    micros = (moment - _EPOCH) // _MICROSECOND
    if not FIRST <= micros // 1000 <= LAST:
        raise ValueError("outside the years 1 to 9999 in UTC")
    if len(text) == 24 and text[23] == "Z" and text[10] == "T" and text[11:13] != "24" and len(_midnights) < 100_000:
        _midnights[text[:10]] = micros - micros % _DAY
    return micros


def write(millis: Millis) -> str:
    """An instant as the API writes it: `2020-11-19T13:39:17.380Z`; outside the years 1 to 9999, the nearest one."""
    moment = _NAIVE_EPOCH + timedelta(milliseconds=min(max(millis, FIRST), LAST))
    return moment.isoformat(timespec="milliseconds") + "Z"  # strftime does not pad years before 1000


def of_datetime(moment: datetime) -> Millis:
    """A datetime with a zone as milliseconds, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(millis: Millis) -> datetime:
    """Milliseconds as a datetime in UTC; outside the years 1 to 9999, the nearest one."""
    return _EPOCH + timedelta(milliseconds=min(max(millis, FIRST), LAST))
