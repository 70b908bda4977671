"""What the profile routes show of a profile (Profiles API, "Get a Profile's Traits", "Get a Customer's Metadata")."""

import json
from typing import Any

from cdp_sandbox.history import History
from cdp_sandbox.instants import format_millis
from cdp_sandbox.switches import Switches
from cdp_sandbox.world import Json, Millis


def traits(history: History, profile: int, clock: Millis, switches: Switches) -> Json:
    """What `/traits` answers for one profile."""
    shown = history.traits(profile, clock)
    if switches.computed_traits == "nested":
        computed = history.computed(profile, clock)
        if computed:
            shown["computed"] = computed
    return {**shown, **history.identifiers(profile, clock)}


def metadata(history: History, profile: int, clock: Millis) -> Json:
    """What `/meta` answers for one profile: traits, provenance, and the first and last event of each action."""
    first: dict[str, tuple[Millis, int]] = {}
    last: dict[str, tuple[Millis, int]] = {}
    for position in history.events_of(profile):
        happened, received = history.event_times(position)
        if received > clock:
            continue
        place = (happened, position)
        action = history.action_of(position)
        first[action] = min(first.get(action, place), place)
        last[action] = max(last.get(action, place), place)
    shown: Json = {**history.traits(profile, clock), **history.provenance(profile)}
    if last:
        shown["firstEvent"] = {action: _bound(history, position) for action, (_, position) in first.items()}
        shown["lastEvent"] = {action: _bound(history, position) for action, (_, position) in last.items()}
        shown["lastActivityTime"] = format_millis(max(happened for happened, _ in last.values()))
    return {**shown, **history.identifiers(profile, clock)}


def _bound(history: History, position: int) -> dict[str, Any]:
    event = json.loads(history.event_body(position))
    times = {"eventId": event["eventId"], "receivedTime": event["receivedTime"], "eventTime": event["eventTime"]}
    return {**event["rawData"], **times}
