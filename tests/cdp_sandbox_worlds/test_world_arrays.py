"""The arrays of a world are in order and say the same as the bodies."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

import numpy as np
import pytest

from cdp_sandbox.world import World
from cdp_sandbox.worlds.complete_journey import CompleteJourney
from cdp_sandbox.worlds.people import People
from cdp_sandbox.worlds.shop import Shop

UUID_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(params=["shop", "small_shop", "one_customer", "journey", "people", "one_person"])
def world(request: pytest.FixtureRequest) -> World:
    alone: dict[str, type[Shop] | type[People]] = {"one_customer": Shop, "one_person": People}
    made = alone.get(request.param)
    found: World = request.getfixturevalue(request.param) if made is None else made(5, 1)
    return found


def _millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _sample(world: World) -> range:
    return range(0, len(world.event_time), 1 + len(world.event_time) // 2000)


def test_events_are_sorted_by_the_time_they_happened(world: World) -> None:
    assert (np.diff(world.event_time) >= 0).all()


def test_arrays_have_one_element_an_event_and_the_promised_types(world: World) -> None:
    arrays = (world.event_time, world.received_time, world.action, world.profile)
    assert {len(array) for array in arrays} == {len(world.event_time)}
    assert [array.dtype.name for array in arrays] == ["int64", "int64", "int16", "int32"]
    assert world.action.min() >= 0
    assert world.action.max() < len(world.actions)
    assert world.profile.min() >= -1
    assert world.profile.max() < len(world.profiles)


def test_bodies_say_what_the_arrays_say(world: World) -> None:
    for index in _sample(world):
        body = json.loads(world.event_body(index))
        assert body["eventId"] == world.event_id(index)
        assert _millis(body["eventTime"]) == world.event_time[index]
        assert _millis(body["receivedTime"]) == world.received_time[index]
        assert _millis(body["rawData"]["timestamp"]) == world.event_time[index]
        assert body["eventAction"] == world.actions[world.action[index]]
        assert body["rawData"]["event"].lower().replace(" ", "_") == body["eventAction"]
        assert (body["clientId"], body["accountId"], body["brandId"]) == (
            world.client_id,
            world.account_id,
            world.brand_id,
        )


def test_bodies_name_the_customer_of_the_array(world: World) -> None:
    for index in _sample(world):
        body = json.loads(world.event_body(index))
        profile = int(world.profile[index])
        if profile < 0:
            assert "customerId" not in body
            assert "userId" not in body
            assert "userId" not in body["rawData"]
            assert body["anonymousId"] == body["rawData"]["anonymousId"]
        else:
            key = world.profiles[profile]
            assert body["customerId"] == key.id
            assert str(body["userId"]) == str(body["rawData"]["userId"]) == key.external_id


def test_bodies_leave_out_what_only_a_profiles_route_adds(world: World) -> None:
    for index in _sample(world):
        assert not {"id", "externalId", "email"} & json.loads(world.event_body(index)).keys()


def test_identifiers_are_shaped_like_uuids_and_distinct(world: World) -> None:
    assert all(UUID_SHAPE.fullmatch(key.id) for key in world.profiles)
    assert all(UUID_SHAPE.fullmatch(world.event_id(index)) for index in _sample(world))
    keys = [key for key in world.profiles if key.created <= world.opens_at or not isinstance(world, People)]
    assert len({key.id for key in keys}) == len({key.external_id for key in keys}) == len(keys)


def test_nothing_is_received_after_the_end_or_before_its_profile_exists(world: World) -> None:
    created = np.array([key.created for key in world.profiles])
    known = world.profile >= 0
    assert (world.received_time[known] >= created[world.profile[known]]).all()
    assert world.received_time.max() <= world.ends_at
    assert (world.received_time <= world.opens_at).sum() > 0
    assert all(key.created <= world.ends_at for key in world.profiles)
    assert isinstance(world, People) or all(key.vanished is None for key in world.profiles)


def test_emails_are_of_example_domains(world: World) -> None:
    emails = [key.email for key in world.profiles if key.email is not None]
    assert all(email.endswith(("@example.com", "@example.org")) for email in emails)


def test_traits_leave_the_identifiers_to_the_profile(world: World) -> None:
    for profile in range(0, len(world.profiles), 7):
        assert not {"id", "externalId", "email", "computed"} & world.traits(profile, world.ends_at).keys()


def test_traits_belong_to_the_caller(world: World) -> None:
    before = json.dumps(world.traits(0, world.ends_at))
    world.traits(0, world.ends_at)["added"] = 1
    assert json.dumps(world.traits(0, world.ends_at)) == before


def test_provenance_has_what_only_metadata_shows(world: World) -> None:
    assert world.provenance(0).keys() == {"createdBy", "audiencesStatic", "_subscriptionId"}


def _fingerprint(world: World) -> list[object]:
    return [
        *(array.tobytes() for array in (world.event_time, world.received_time, world.action, world.profile)),
        world.profiles,
        [world.event_body(index) for index in _sample(world)],
        [world.traits(profile, world.opens_at) for profile in range(0, len(world.profiles), 11)],
        [world.computed(profile, world.opens_at) for profile in range(0, len(world.profiles), 11)],
    ]


@pytest.mark.parametrize("name", ["shop", "journey", "people"])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(request: pytest.FixtureRequest, name: str) -> None:
    make: Callable[[int], World] = {"shop": Shop, "journey": CompleteJourney, "people": partial(People, people=300)}[
        name
    ]
    first: World = request.getfixturevalue(name)
    again, other = make(7), make(8)
    assert _fingerprint(again) == _fingerprint(first)
    assert other.event_body(0) != first.event_body(0)
    assert other.received_time.tobytes() != first.received_time.tobytes()
    assert other.profiles[0].id != first.profiles[0].id
