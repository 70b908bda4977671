"""Where reading stands: what the state of the `events` resource holds, and what it means.

`watermark`: every event that happened before it, and was known when it was passed, has been read. It moves over
contiguous, fully read time only, and never past now or `until`.
`reading`: the pass that is under way, `now` at its start and the `position` before which it has read everything.
A pass reads from `lookback` before the watermark to the end, in as many loads as it takes. When it ends, the
watermark becomes the `now` of its *start*: what arrived during the pass behind its back is younger than that by
lateness alone, and the next pass's lookback finds it.
`range`: the same for a range of its own (`since`), which leaves the watermark alone.
`remaining`: whether the last load left something of its pass or range unread.

All are ISO instants; nothing here grows with the number of events.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from intilery_source import instants
from intilery_source.instants import Millis

State = dict[str, Any]

RESUME_WITHIN: Millis = 86_400_000
"""How long a range that was interrupted can be gone on with: later, the same command means to read it again."""


@dataclass(slots=True)
class Pass:
    """A pass over the events: reads `[start, end)` and stands at `position`.

    `start` is None while the first event is not known yet, `end` where all is read that is to come, `now` (the
    platform's clock when the pass began) until the first answer is here. `blocked` is the first instant that could
    not be read. `backfill` says that there may be much to read.
    """

    start: Millis | None
    end: Millis | None
    now: Millis | None
    position: Millis | None
    blocked: Millis | None
    own_range: tuple[str, str | None] | None
    backfill: bool


def begin(
    state: State,
    *,
    since: datetime | None,
    until: datetime | None,
    lookback: timedelta,
    now: Callable[[], Millis | None],
    start_date: datetime | None = None,
) -> Pass:
    """The pass to go on with or to begin.

    A pass of the watermark's never reaches back before `start_date`; a range (`since`) may. `now` asks for the
    platform's clock, which only an interrupted range needs beforehand.
    """
    end = None if until is None else instants.of_datetime(until)
    if since is not None:
        bounds = (since.isoformat(), until.isoformat() if until is not None else None)
        stored = state.get("range")
        if stored is not None and (stored["since"], stored["until"]) == bounds:
            clock = now()
            if clock is not None and clock - _millis(stored["now"]) < RESUME_WITHIN:
                return _stored(stored, end, bounds, backfill=True)
        start = instants.of_datetime(since)
        return Pass(start, end, None, start, None, bounds, backfill=True)
    if "reading" in state:
        return _stored(state["reading"], end, None, backfill=True)
    first = None if start_date is None else instants.of_datetime(start_date)
    if "watermark" not in state:
        return Pass(first, end, None, first, None, None, backfill=True)
    start = max(instants.FIRST, _millis(state["watermark"]) - lookback // timedelta(milliseconds=1))
    start = start if first is None else max(start, first)
    return Pass(start, end, None, start, None, None, backfill=False)


def store(state: State, current: Pass, *, finished: bool) -> None:
    """Write the pass, which has been opened, into the state, and move the watermark as far as it may go."""
    if current.start is None or current.now is None:
        raise ValueError("a pass that has not been opened has no place in the state")
    position = current.start if current.position is None else current.position
    entry = {
        "start": instants.write(current.start),
        "now": instants.write(current.now),
        "position": instants.write(position),
        "blocked": None if current.blocked is None else instants.write(current.blocked),
    }
    state["remaining"] = not finished
    if current.own_range is not None:
        state["range"] = entry | {"since": current.own_range[0], "until": current.own_range[1]}
        if finished:
            del state["range"]
        return
    state["reading"] = entry
    reached = current.now if finished else position
    reached = min(reached, current.now, *(bound for bound in (current.end, current.blocked) if bound is not None))
    if "watermark" not in state or _millis(state["watermark"]) < reached:
        state["watermark"] = instants.write(reached)
    if finished:
        del state["reading"]


def stands_at(state: State, current: Pass) -> bool:
    """Whether the state says of a pass that it stands where it stands: that all it gave out has been loaded."""
    stored = state.get("reading" if current.own_range is None else "range")
    if stored is None or current.position is None or current.now is None:
        return False
    return bool(stored["position"] == instants.write(current.position) and stored["now"] == instants.write(current.now))


def remaining(state: State) -> bool:
    """Whether the last load left something unread."""
    return bool(state.get("remaining", False))


def interrupted(state: State) -> bool:
    """Whether a pass is under way: what became known since it began, behind its position, it will not see."""
    return "reading" in state


def _stored(
    entry: dict[str, Any], end: Millis | None, own_range: tuple[str, str | None] | None, *, backfill: bool
) -> Pass:
    blocked = entry["blocked"]
    return Pass(
        start=_millis(entry["start"]),
        end=end,
        now=_millis(entry["now"]),
        position=_millis(entry["position"]),
        blocked=None if blocked is None else _millis(blocked),
        own_range=own_range,
        backfill=backfill,
    )


def _millis(text: str) -> Millis:
    return instants.parse(text) // 1000
