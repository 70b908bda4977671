"""A column of times from many texts, fast where they are spelled as the API does."""

from collections.abc import Sequence

from intilery_source import event_rows
from intilery_source.instants import Micros

_HOURS_KEPT = 10_000
_hours: dict[str, Micros] = {}
"""Hours seen, as in `2020-11-19T13`; a feed that is sorted stays in one for many events."""
_SECONDS = {f":{at // 60:02}:{at % 60:02}.": at * 1_000_000 for at in range(3600)}
_MILLIS = {f"{milli:03}Z": milli * 1000 for milli in range(1000)}


def column(texts: Sequence[str | None]) -> tuple[list[Micros | None], Sequence[str | None]]:
    """What `event_rows.time_of` says of each: microseconds since 1970, and the texts that `extra` keeps.

    A missing text is None in both; the latter is empty where there is nothing to keep.
    """
    try:
        return [_hours[text[:13]] + _SECONDS[text[13:20]] + _MILLIS[text[20:]] for text in texts], ()  # type: ignore[index]
    except (KeyError, TypeError):  # an hour not seen yet, another spelling, or no text
        read = [(None, False) if text is None else time_of(text) for text in texts]
    kept = [text if keep else None for text, (_, keep) in zip(texts, read, strict=True)]
    return [micros for micros, _ in read], kept


def time_of(text: str) -> tuple[Micros | None, bool]:
    """The same as `event_rows.time_of`, faster."""
    try:
        return _hours[text[:13]] + _SECONDS[text[13:20]] + _MILLIS[text[20:]], False
    except KeyError:
        micros, kept = event_rows.time_of(text)
    if micros is not None and not kept:
        if len(_hours) >= _HOURS_KEPT:
            _hours.clear()
        _hours[text[:13]] = micros - micros % 3_600_000_000
    return micros, kept
