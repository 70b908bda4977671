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
    """A pass over the events: reads `[start, end)`, all to come where `end` is None, and stands at `position`.

    `now` is the platform's clock when the pass began; `blocked` the first instant that could not be read.
    """

    start: Millis
    end: Millis | None
    now: Millis
    position: Millis
    blocked: Millis | None
    own_range: tuple[str, str | None] | None


def begin(
    state: State,
    *,
    since: datetime | None,
    until: datetime | None,
    lookback: timedelta,
    now: Millis,
    start_date: datetime | None = None,
) -> Pass | None:
    """The pass to go on with or to begin; None where nothing was ever read and nothing says where to start.

    A pass of the watermark's never reaches back before `start_date`; a range (`since`) may.
    """
    end = None if until is None else instants.of_datetime(until)
    if since is not None:
        bounds = (since.isoformat(), until.isoformat() if until is not None else None)
        stored = state.get("range")
        fresh = stored is not None and now - _millis(stored["now"]) < RESUME_WITHIN
        if stored is not None and fresh and (stored["since"], stored["until"]) == bounds:
            return _stored(stored, end, bounds)
        start = instants.of_datetime(since)
        return Pass(start, end, now, start, None, bounds)
    if "reading" in state:
        return _stored(state["reading"], end, None)
    first = None if start_date is None else instants.of_datetime(start_date)
    if "watermark" in state:
        start = _millis(state["watermark"]) - lookback // timedelta(milliseconds=1)
        start = start if first is None else max(start, first)
    elif first is not None:
        start = first
    else:
        return None
    return Pass(start, end, now, start, None, None)


def begin_at(start: Millis, *, until: datetime | None, now: Millis) -> Pass:
    """The first pass of all."""
    return Pass(start, None if until is None else instants.of_datetime(until), now, start, None, None)


def store(state: State, current: Pass, *, finished: bool) -> None:
    """Write the pass into the state, and move the watermark as far as it may go."""
    entry = {
        "start": instants.write(current.start),
        "now": instants.write(current.now),
        "position": instants.write(current.position),
        "blocked": None if current.blocked is None else instants.write(current.blocked),
    }
    state["remaining"] = not finished
    if current.own_range is not None:
        state["range"] = entry | {"since": current.own_range[0], "until": current.own_range[1]}
        if finished:
            del state["range"]
        return
    state["reading"] = entry
    reached = current.now if finished else current.position
    reached = min(reached, current.now, *(bound for bound in (current.end, current.blocked) if bound is not None))
    if "watermark" not in state or _millis(state["watermark"]) < reached:
        state["watermark"] = instants.write(reached)
    if finished:
        del state["reading"]


def remaining(state: State) -> bool:
    """Whether the last load left something unread."""
    return bool(state.get("remaining", False))


def interrupted(state: State) -> bool:
    """Whether a pass is under way: what became known since it began, behind its position, it will not see."""
    return "reading" in state


def _stored(entry: dict[str, Any], end: Millis | None, own_range: tuple[str, str | None] | None) -> Pass:
    blocked = entry["blocked"]
    return Pass(
        start=_millis(entry["start"]),
        end=end,
        now=_millis(entry["now"]),
        position=_millis(entry["position"]),
        blocked=None if blocked is None else _millis(blocked),
        own_range=own_range,
    )


def _millis(text: str) -> Millis:
    return instants.parse(text) // 1000
