"""Profiles that vanish, come back and merge, as the routes show them at each clock."""

import pytest

from cdp_sandbox.instants import format_millis
from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.people import People

SEED = 4


@pytest.fixture(scope="module")
def people():
    return People(SEED, 60)


@pytest.fixture
def api(sandbox, api):
    sandbox.reset(world="people:60", seed=SEED, limits={"rate": None, "list_page": 20})
    return api


def set_clock(api, millis):
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": format_millis(millis)})


def shown(api, id_type, value, endpoint="traits"):
    answer = api.send(api.profile(id_type, value, endpoint))
    return answer.json() if answer.status == 200 else answer.status


def test_vanished_profile_is_neither_listed_nor_found(api, people):
    for profile in people.lives.deleted:
        key = people.profiles[profile]
        set_clock(api, key.vanished - 1)
        assert key.id in api.scroll()
        assert shown(api, "id", key.id)["externalId"] == key.external_id
        set_clock(api, key.vanished)
        assert key.id not in api.scroll()
        for endpoint in ("traits", "meta", "events"):
            assert shown(api, "id", key.id, endpoint) == shown(api, "userId", key.external_id, endpoint) == 404
        assert key.id not in {profile["id"] for profile in api.profiles()}


def test_events_of_a_vanished_profile_stay_in_the_accounts_list(api, people):
    key = people.profiles[people.lives.deleted[0]]
    set_clock(api, key.vanished - 1)
    before = [event["eventId"] for event in api.truth() if event.get("customerId") == key.id]
    set_clock(api, people.ends_at)
    assert set(before) <= {event["eventId"] for event in api.truth() if event.get("customerId") == key.id}
    assert before


def test_profile_that_comes_back_is_listed_once_and_begins_anew(api, people):
    for before, after in people.lives.recreated:
        old, new = people.profiles[before], people.profiles[after]
        set_clock(api, old.vanished - 1)
        earlier = shown(api, "id", old.id)
        set_clock(api, new.created - 1)
        assert shown(api, "id", old.id) == 404
        assert old.id not in api.scroll()
        set_clock(api, new.created)
        assert shown(api, "id", old.id) == shown(api, "userId", old.external_id) != earlier
        assert api.scroll().count(old.id) == 1


def test_events_of_an_earlier_life_are_in_the_accounts_list_only(api, people):
    checked = 0
    for _, after in people.lives.recreated:
        key = people.profiles[after]
        set_clock(api, people.ends_at)
        of_both = [event for event in api.truth() if event.get("customerId") == key.id]
        began = format_millis(key.created)
        mine = [event["eventId"] for event in of_both if event["receivedTime"] >= began]
        assert len(mine) < len(of_both)
        listed = shown(api, "id", key.id, "events")["data"]
        assert sorted(event["eventId"] for event in listed) == sorted(mine)
        meta = shown(api, "id", key.id, "meta")
        bounds = [event for part in ("firstEvent", "lastEvent") for event in meta.get(part, {}).values()]
        assert {event["eventId"] for event in bounds} <= set(mine)
        assert bool(bounds) == bool(mine)
        assert meta["createdBy"]["createdTime"] == began
        checked += len(mine)
    assert checked


def test_user_id_of_two_profiles_answers_with_the_one_that_stays(api, people):
    for loser, survivor in people.lives.merged_beside:
        gone, stays = people.profiles[loser], people.profiles[survivor]
        set_clock(api, gone.vanished - 1)
        assert {gone.id, stays.id} <= set(api.scroll())
        for endpoint in ("traits", "meta"):
            assert shown(api, "userId", gone.external_id, endpoint)["id"] == stays.id
            for key in (gone, stays):
                assert shown(api, "id", key.id, endpoint)["externalId"] == gone.external_id
        events = shown(api, "userId", gone.external_id, "events")["data"]
        assert {event["id"] for event in events} <= {stays.id}
        set_clock(api, gone.vanished)
        assert shown(api, "id", gone.id) == 404
        assert shown(api, "userId", gone.external_id)["id"] == stays.id


def test_user_id_answers_with_another_profile_from_the_instant_that_the_old_one_vanishes(api, people):
    for old, new in people.lives.merged_over:
        before, after = people.profiles[old], people.profiles[new]
        set_clock(api, before.vanished - 1)
        assert shown(api, "userId", before.external_id)["id"] == before.id
        assert shown(api, "id", after.id) == 404
        set_clock(api, before.vanished)
        assert shown(api, "userId", before.external_id)["id"] == after.id
        assert shown(api, "id", before.id) == 404


def test_email_of_two_merging_profiles_lists_both(api, people):
    pairs = [
        (people.profiles[loser], people.profiles[survivor])
        for loser, survivor in people.lives.merged_beside
        if people.profiles[loser].email is not None
    ]
    for gone, stays in pairs:
        set_clock(api, gone.vanished - 1)
        assert {gone.id, stays.id} <= {traits["id"] for traits in shown(api, "email", gone.email)["data"]}
        set_clock(api, gone.vanished)
        listed = {traits["id"] for traits in shown(api, "email", gone.email)["data"]}
        assert stays.id in listed
        assert gone.id not in listed
    assert pairs


def test_identify_of_a_shared_user_id_changes_the_one_that_stays(api, people):
    loser, survivor = people.lives.merged_beside[0]
    gone, stays = people.profiles[loser], people.profiles[survivor]
    set_clock(api, gone.vanished - 1)
    traits = {"shoeSize": 43}
    body = {"userId": gone.external_id, "event": "identify", "traits": traits, "timestamp": "2026-03-01T00:00:00Z"}
    assert api.post("identify", body).status == 200
    assert shown(api, "id", stays.id)["shoeSize"] == 43
    assert "shoeSize" not in shown(api, "id", gone.id)


@pytest.mark.parametrize("day", [0, 7, 14, 22, 30])
def test_truth_at_a_day_is_what_the_routes_answer_then(api, people, day):
    clock = people.opens_at + day * DAY
    told = api.sandbox.control("GET", f"/_sandbox/truth/profiles?at={format_millis(clock)}")
    set_clock(api, clock)
    assert told == api.profiles()
    assert [profile["id"] for profile in told] == api.scroll()
    assert len({profile["id"] for profile in told}) == len(told) > 50
    for profile in told:
        # the order of keys is part of what is told
        answer = api.send(api.profile("id", profile["id"], "traits"))
        assert list(answer.json().items()) == list(profile["traits"].items())
        assert shown(api, "id", profile["id"], "meta") == profile["meta"]


def test_listing_with_traits_shows_those_of_the_scrolls_start(api, people):
    api.sandbox.change(switches={"listing": "traits"})
    page = api.get("/profiles")
    told = [profile["traits"] for profile in api.profiles()]
    set_clock(api, people.ends_at)
    rest = api.get("/profiles", {"scrollId": page["scrollId"]})["data"]
    assert [*page["data"], *rest] == told[:40]
