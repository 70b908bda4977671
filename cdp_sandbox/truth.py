"""What a complete and exact reader would hold: the answer that tests compare with."""

from collections.abc import Iterator

from cdp_sandbox import profiles_view
from cdp_sandbox.answers import to_json
from cdp_sandbox.history import History
from cdp_sandbox.switches import Switches
from cdp_sandbox.timeline import Search
from cdp_sandbox.world import Millis

_ALWAYS = 2**62


def events(history: History, clock: Millis) -> Iterator[int]:
    """Positions of the visible events by `eventTime`, one an identifier: of its copies, the one received first.

    Copies differ in `receivedTime` only, so that they are sought among events of one instant.
    """
    everything = Search(-_ALWAYS, _ALWAYS, clock, None, descending=False, needed=history.event_count)
    positions, keys = history.search(everything, "eventTime")
    instant: list[int] = []
    since: int | None = None
    for position, key in zip(positions.tolist(), keys.tolist(), strict=True):
        if key != since:
            yield from _first_copies(history, instant)
            instant, since = [], key
        instant.append(position)
    yield from _first_copies(history, instant)


def _first_copies(history: History, positions: list[int]) -> list[int]:
    if len(positions) < 2:
        return positions
    first: dict[str, int] = {}
    for position in sorted(positions, key=lambda position: history.event_times(position)[1]):
        first.setdefault(history.event_id(position), position)
    return sorted(first.values())


def profiles(history: History, clock: Millis, switches: Switches) -> Iterator[bytes]:
    """One JSON object an existing profile: `id`, and what `/traits` and `/meta` answer for it."""
    for profile in history.existing(clock):
        yield to_json(
            {
                "id": history.key_of(profile).id,
                "traits": profiles_view.traits(history, profile, clock, switches),
                "meta": profiles_view.metadata(history, profile, clock),
            }
        )
