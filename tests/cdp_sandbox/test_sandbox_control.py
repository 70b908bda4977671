"""The control routes: reset, clock, truth, statistics."""

import pytest

from cdp_sandbox.process import ControlError


def control(api, method, path, body=None):
    return api.sandbox.control(method, f"/_sandbox/{path}", body)


def test_reset_takes_back_everything(api):
    before = api.truth(), api.profiles(), control(api, "GET", "clock"), control(api, "GET", "switches")
    api.sandbox.change(switches={"listing": "traits"}, limits={"rate": 1, "burst": 1}, faults={"preset": "heavy"})
    control(api, "PUT", "clock", {"advance_seconds": 60})
    api.post("identify", {"userId": "n", "event": "identify", "traits": {}, "timestamp": "2024-01-01T00:00:00Z"})
    api.sandbox.reset()
    assert (api.truth(), api.profiles(), control(api, "GET", "clock"), control(api, "GET", "switches")) == before
    assert control(api, "GET", "stats")["total"] == 0
    assert len(api.get("/profiles")["data"]) == 12


def test_reset_to_another_world_seed_and_clock(api):
    first = api.sandbox.reset(world="flat:50", seed=2, clock="2024-06-01")
    assert (first["world"], first["now"]) == ("flat:50", "2024-06-01T00:00:00.000Z")
    assert len(api.truth("2030-01-01")) == 50
    ids = control(api, "GET", "truth/event_ids")
    api.sandbox.reset(world="flat:50", seed=3, clock="2024-06-01")
    assert control(api, "GET", "truth/event_ids") != ids


def test_reset_that_is_refused_changes_nothing(api):
    api.sandbox.change(switches={"listing": "traits"})
    for settings in ({"world": "moon"}, {"switches": {"listing": "all"}}, {"clock": "noon"}, {"weather": 1}):
        with pytest.raises(ControlError, match="400"):
            api.sandbox.reset(**settings)
    assert control(api, "GET", "switches")["listing"]["value"] == "traits"


def test_unknown_world_lists_what_is_allowed(api):
    with pytest.raises(ControlError, match="flat:N, shop, shop:CUSTOMERS, complete_journey"):
        api.sandbox.reset(world="flat")


def test_clock_is_set_and_moved(api):
    shown = control(api, "GET", "clock")
    assert shown["now"] == shown["opens_at"] <= shown["ends_at"]
    control(api, "PUT", "clock", {"now": "2024-02-29T12:00:00.5Z"})
    assert control(api, "PUT", "clock", {"advance_seconds": 1.25})["now"] == "2024-02-29T12:00:01.750Z"
    with pytest.raises(ControlError, match="advance_seconds"):
        control(api, "PUT", "clock", {"later": True})


def test_truth_at_an_instant(api):
    at = "2024-06-01T00:00:00Z"
    past = api.truth(at)
    control(api, "PUT", "clock", {"now": at})
    assert api.truth() == past
    assert 0 < len(past) < 600
    assert control(api, "GET", "truth/event_ids") == [event["eventId"] for event in past]


def test_truth_of_profiles_is_what_the_routes_answer(api):
    shown = api.profiles()
    assert len(shown) == 12
    for profile in shown:
        assert profile["traits"] == api.get(api.profile("id", profile["id"], "traits"))
        assert profile["meta"] == api.get(api.profile("id", profile["id"], "meta"))


def test_statistics(api):
    api.send("/events")
    api.send("/events", {"size": 0})
    api.send("/profiles/id:x/traits")
    api.send("/nothing")
    stats = control(api, "GET", "stats")
    assert stats["total"] == 4
    assert stats["requests"] == {"events": {"200": 1, "400": 1}, "traits": {"404": 1}, "unknown": {"404": 1}}
    assert stats["in_flight"] == {"now": 0, "max": 1}
    assert sum(stats["per_second"].values()) == 4
    assert stats["first_request"] < stats["last_answer"]
    control(api, "DELETE", "stats")
    assert control(api, "GET", "stats")["requests"] == {}


def test_statistics_count_each_profile_route_and_name_nobody(api):
    someone = api.profiles()[0]
    external_id = someone["traits"]["externalId"]
    control(api, "DELETE", "stats")
    api.scroll()
    for times, endpoint in enumerate(("traits", "meta", "metadata", "events"), start=1):
        for _ in range(times):
            api.send(api.profile("id", someone["id"], endpoint))
            api.send(api.profile("userId", external_id, endpoint))
    stats = control(api, "GET", "stats")
    assert stats["requests"] == {
        "profiles": {"200": 4},
        "traits": {"200": 2},
        "meta": {"200": 4},
        "unknown": {"404": 6},
        "profile_events": {"200": 8},
    }
    assert someone["id"] not in str(stats)
    assert external_id not in str(stats)


def test_statistics_count_dealt_faults(api):
    api.sandbox.change(faults={"rates": {"http_500": 1}})
    api.send("/events")
    assert control(api, "GET", "stats")["faults"] == {"http_500": 1}


def test_unknown_control_route_is_404(api):
    with pytest.raises(ControlError, match="404"):
        control(api, "GET", "weather")
