"""What is visible at a clock, over HTTP and, for what `flat` lacks, over a world of our own."""

from dataclasses import dataclass, field

import numpy as np

from cdp_sandbox import profiles_view, truth
from cdp_sandbox.catalogue import Catalogue
from cdp_sandbox.history import History
from cdp_sandbox.switches import Switches
from cdp_sandbox.world import ProfileKey


def all_pages(api, **query):
    return [
        event
        for skip in range(0, 700, 100)
        for event in api.get("/events", {**query, "size": 100, "from": skip})["data"]
    ]


def test_event_is_visible_once_received(api):
    everything = api.truth()
    late = max(everything, key=lambda event: event["receivedTime"])
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": late["receivedTime"]})
    assert late["eventId"] in [event["eventId"] for event in all_pages(api)]
    api.sandbox.control("PUT", "/_sandbox/clock", {"advance_seconds": -0.001})
    assert late["eventId"] not in [event["eventId"] for event in all_pages(api)]


def test_moved_clock_shows_what_was_received_by_then(api):
    everything = api.truth()
    for clock in ("2024-03-01T00:00:00.000Z", "2024-09-01T00:00:00.000Z"):
        api.sandbox.control("PUT", "/_sandbox/clock", {"now": clock})
        expected = [event for event in everything if event["receivedTime"] <= clock]
        assert all_pages(api, sort="asc") == expected
        assert api.truth() == expected


def test_profile_events_and_metadata_follow_the_clock(api):
    clock = "2024-03-01T00:00:00.000Z"
    own = [e for e in api.truth() if e.get("userId") == "ABC/123" and e["receivedTime"] <= clock]
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": clock})
    shown = api.get(api.profile("userId", "ABC/123", "events"), {"size": 100})["data"]
    assert [event["eventId"] for event in shown] == [event["eventId"] for event in reversed(own)]
    assert api.get(api.profile("userId", "ABC/123", "meta"))["lastActivityTime"] == own[-1]["eventTime"]


def test_profiles_are_there_from_their_creation(api):
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": "2023-12-30T23:59:59.999Z"})
    assert api.get("/profiles")["data"] == []
    assert api.send(api.profile("userId", "ABC/123", "traits")).status == 404
    api.sandbox.control("PUT", "/_sandbox/clock", {"advance_seconds": 0.001})
    assert len(api.scroll()) == 12


def test_traits_written_later_are_not_seen_before(api):
    path = api.profile("userId", "ABC/123", "traits")
    before = api.get(path)
    api.post("identify", {"userId": "ABC/123", "event": "identify", "traits": {"a": 1}, "timestamp": "2024-01-01"})
    assert api.get(path)["a"] == 1
    api.sandbox.control("PUT", "/_sandbox/clock", {"advance_seconds": -1})
    assert api.get(path) == before


@dataclass
class Tiny:
    """Three events, of which one was delivered twice, the later copy standing first; one profile that vanishes."""

    name = "tiny"
    client_id = account_id = brand_id = "t"
    opens_at, ends_at = 0, 100
    event_time: np.ndarray = field(default_factory=lambda: np.array([10, 10, 10, 20]))
    received_time: np.ndarray = field(default_factory=lambda: np.array([30, 12, 11, 21]))
    action: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int16))
    profile: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int32))
    actions = ("page",)
    profiles = (ProfileKey("p", "u", None, created=5, vanished=50),)

    def event_id(self, index):
        return "abac"[index] if index < 3 else "d"

    def event_body(self, index):
        received = int(self.received_time[index])
        return b'{"eventId":"%b","eventTime":"","receivedTime":"%d","rawData":{}}' % (
            self.event_id(index).encode(),
            received,
        )

    def traits(self, profile, clock):
        return {}

    def computed(self, profile, clock):
        return {}

    def provenance(self, profile):
        return {}


def test_truth_has_one_line_an_identifier_of_the_copy_received_first():
    world = Tiny()
    world.event_id = lambda index: "abad"[index]
    history = History(Catalogue(world))
    assert list(truth.events(history, 11)) == [2]
    assert list(truth.events(history, 12)) == [1, 2]
    assert list(truth.events(history, 100)) == [1, 2, 3]


def test_profile_vanishes():
    history = History(Catalogue(Tiny()))
    assert [clock for clock in (4, 5, 49, 50) if history.existing(clock)] == [5, 49]
    assert [clock for clock in (4, 5, 49, 50) if history.lookup("userId", "u", clock)] == [5, 49]


def test_profile_without_an_email_or_computed_traits_has_no_such_key():
    history = History(Catalogue(Tiny()))
    assert profiles_view.traits(history, 0, 10, Switches()) == {"id": "p", "externalId": "u"}
    assert profiles_view.metadata(history, 0, 10) == {"id": "p", "externalId": "u"}
