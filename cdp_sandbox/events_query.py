"""The query of both event routes: what is asked for, and the page that answers it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cdp_sandbox.answers import ApiError
from cdp_sandbox.history import History
from cdp_sandbox.instants import parse_micros
from cdp_sandbox.limits import Limits
from cdp_sandbox.switches import Switches
from cdp_sandbox.timeline import Positions, Search

DEFAULT_SIZE = 10
"""The documents give no default; theirs is the example's value, and Elasticsearch's default."""
MAX_SIZE = 100
_BEGINNING = -(2**62)
_END = 2**62


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """A page of events that was asked for: `first <= time < end` in milliseconds, `skip` hits, then `size`."""

    first: int
    end: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    descending: bool
    skip: int
    size: int


def parse(parameters: Mapping[str, str], switches: Switches, limits: Limits) -> EventsQuery | None:
    """Read the query parameters (Events API, "Optional Request Arguments"); unknown ones are ignored.

    None stands for an empty page past the cap. Raises ApiError 400 for a value that cannot be read, and for a page
    past the cap when the switch `over_cap` says so.
    """
    sort = parameters.get("sort", "desc")
    if sort not in ("asc", "desc"):
        raise ApiError(400, "validation_error", "sort must be asc or desc")
    size = _whole(parameters, "size", DEFAULT_SIZE)
    if not 1 <= size <= MAX_SIZE:
        raise ApiError(400, "validation_error", f"size must be between 1 and {MAX_SIZE}")
    skip = _whole(parameters, "from", 0)
    if skip < 0:
        raise ApiError(400, "validation_error", "from must not be negative")
    if switches.from_means == "page":
        skip *= size
    if skip + size > limits.cap:
        if switches.over_cap == "error":
            raise ApiError(400, "invalid_request_error", f"from + size must not exceed {limits.cap}")
        if switches.over_cap == "empty":
            return None
        skip = max(0, limits.cap - size)
    include = parameters.get("include", "")
    included = include.split(",") if switches.include == "list" else [include]
    return EventsQuery(
        first=_bound(parameters, "start", _BEGINNING, after=switches.start_bound == "exclusive"),
        end=_bound(parameters, "end", _END, after=switches.end_bound == "inclusive"),
        include=tuple(filter(None, included)),
        exclude=tuple(filter(None, parameters.get("exclude", "").split(","))),
        descending=sort == "desc",
        skip=skip,
        size=size,
    )


def account_page(history: History, query: EventsQuery, clock: int, switches: Switches, rng: random.Random) -> list[int]:
    """Positions of the account's events on a page, in the asked order."""
    shuffled = switches.tie_order == "shuffled"
    search = Search(
        query.first,
        query.end,
        clock,
        _flags(history.actions, query),
        query.descending,
        needed=query.skip + query.size,
        whole_ties=shuffled,
    )
    positions, keys = history.search(search, switches.window_time)
    if shuffled:
        positions = _shuffled_ties(positions, keys, query, rng)
    page: list[int] = positions[query.skip : query.skip + query.size].tolist()
    return page


def profile_page(
    history: History, profiles: list[int], query: EventsQuery, clock: int, switches: Switches, rng: random.Random
) -> list[tuple[int, int]]:
    """Profile and position of each event on a page of these profiles' events, in the asked order."""
    by_event_time = switches.window_time == "eventTime"
    owners: dict[int, int] = {}
    keys: list[int] = []
    for profile in profiles:
        for position in history.events_of(profile):
            happened, received = history.event_times(position)
            key = happened if by_event_time else received
            if received <= clock and query.first <= key < query.end and _wanted(history.action_of(position), query):
                owners[position] = profile
                keys.append(key)
    positions = np.fromiter(owners, dtype=np.int64, count=len(owners))
    times = np.array(keys, dtype=np.int64)
    order = np.lexsort((-positions, -times)) if query.descending else np.lexsort((positions, times))
    positions = positions[order]
    if switches.tie_order == "shuffled":
        positions = _shuffled_ties(positions, times[order], query, rng)
    return [(owners[position], position) for position in positions[query.skip : query.skip + query.size].tolist()]


def _whole(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise ApiError(400, "validation_error", f"{name} must be an integer") from error


def _bound(parameters: Mapping[str, str], name: str, default: int, *, after: bool) -> int:
    """The first whole millisecond at the instant asked for, or after it."""
    text = parameters.get(name)
    if text is None:
        return default
    try:
        micros = parse_micros(text)
    except ValueError as error:
        raise ApiError(400, "validation_error", f"{name} must be a date in ISO 8601") from error
    return micros // 1000 + 1 if after else -(-micros // 1000)


def _wanted(action: str, query: EventsQuery) -> bool:
    return (not query.include or action in query.include) and action not in query.exclude


def _flags(actions: list[str], query: EventsQuery) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    if not query.include and not query.exclude:
        return None
    return np.array([_wanted(action, query) for action in actions], dtype=np.bool_)


def _shuffled_ties(positions: Positions, keys: Positions, query: EventsQuery, rng: random.Random) -> Positions:
    """Put events of one instant in another order, on the page and around it; instants keep theirs."""
    if len(positions) <= query.skip:
        return positions
    instants = -keys if query.descending else keys
    start = int(np.searchsorted(instants, instants[query.skip], side="left"))
    chance = np.random.default_rng(rng.getrandbits(32)).random(len(positions) - start)
    order = np.lexsort((chance, instants[start:]))
    return np.concatenate((positions[:start], positions[start:][order]))
