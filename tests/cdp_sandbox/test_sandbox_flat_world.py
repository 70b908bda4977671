"""The world `flat:N`."""

import json

import numpy as np

from cdp_sandbox.instants import format_millis
from cdp_sandbox.worlds.flat import Flat


def test_same_seed_same_bytes():
    assert [Flat(1, 50).event_body(i) for i in range(50)] == [Flat(1, 50).event_body(i) for i in range(50)]
    assert Flat(1, 50).event_body(0) != Flat(2, 50).event_body(0)


def test_body_agrees_with_the_arrays():
    world = Flat(1, 400)
    for index in range(400):
        event = json.loads(world.event_body(index))
        profile = int(world.profile[index])
        assert event["eventId"] == world.event_id(index)
        assert event["eventTime"] == format_millis(int(world.event_time[index]))
        assert event["receivedTime"] == format_millis(int(world.received_time[index]))
        assert event["eventAction"] == world.actions[world.action[index]]
        assert event.get("customerId") == (world.profiles[profile].id if profile >= 0 else None)
        assert event.get("userId") == (world.profiles[profile].external_id if profile >= 0 else None)
        assert ("anonymousId" in event) == (profile < 0)
        assert (event["clientId"], event["accountId"], event["brandId"]) == ("flat", "flat", "FLAT")


def test_identifiers_differ():
    world = Flat(1, 20_000)
    found = {world.event_id(index) for index in range(20_000)} | {key.id for key in world.profiles}
    assert len(found) == 20_000 + len(world.profiles)


def test_about_930_bytes_an_event():
    world = Flat(1, 5_000)
    assert 900 <= np.mean([len(world.event_body(index)) for index in range(5_000)]) <= 960


def test_uneven_with_ties_late_and_early_events():
    world = Flat(1, 50_000)
    assert (np.diff(world.event_time) >= 0).all()
    days = np.bincount((world.event_time - world.event_time[0]) // 86_400_000)
    assert days.max() > 10 * np.median(days) / 2
    lag = world.received_time - world.event_time
    assert (lag > 3_600_000).sum() > 300
    assert (lag < 0).sum() > 20
    assert (np.diff(world.event_time) == 0).sum() > 500
    assert world.received_time.max() < world.opens_at
