"""`POST identify`, `track` and `page`, against the Event API document."""

import json
import uuid

import pytest

WHEN = "2024-11-28T14:31:58.596Z"
CLOCK = "2024-12-01T00:00:00.000Z"
IDENTIFY = {"userId": "ABC/123", "event": "identify", "traits": {"firstName": "Fred"}, "timestamp": WHEN}
TRACK = {
    "userId": "ABC/123",
    "event": "Product Added",
    "context": {"page": {"path": "/p"}},
    "properties": {"price": "£11.99"},
    "timestamp": WHEN,
}
PAGE = {"event": "page", "anonymousId": "14834fb6", "properties": {"path": "/"}, "timestamp": WHEN}
POSTS = {"identify": IDENTIFY, "track": TRACK, "page": PAGE}


@pytest.fixture
def known(api):
    """The traits of the profile that is written to."""
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": CLOCK})
    return api.get(api.profile("userId", "ABC/123", "traits"))


def take(api, action, body):
    answer = api.post(action, body)
    assert answer.status == 200, answer.data
    return answer.json()


@pytest.mark.parametrize("action", POSTS)
def test_success_and_an_event_id(api, action):
    answer = take(api, action, POSTS[action])
    assert answer.keys() == {"success", "eventId"}
    assert answer["success"] is True
    uuid.UUID(answer["eventId"])


def test_track_records_an_event(api, known):
    event_id = take(api, "track", TRACK)["eventId"]
    window = {"start": WHEN, "sort": "asc", "include": "product_added", "size": 100}
    event = next(event for event in api.get("/events", window)["data"] if event["eventId"] == event_id)
    assert event == {
        "eventId": event_id,
        "eventTime": WHEN,
        "receivedTime": CLOCK,
        "eventAction": "product_added",
        "clientId": "flat",
        "accountId": "flat",
        "brandId": "FLAT",
        "customerId": known["id"],
        "userId": "ABC/123",
        "source": "API",
        "rawData": {**TRACK, "action": "track"},
    }
    assert event in api.truth()
    of_profile = api.get(api.profile("id", known["id"], "events"), {"start": WHEN})["data"]
    assert event_id in [event["eventId"] for event in of_profile]
    meta = api.get(api.profile("id", known["id"], "meta"))
    assert meta["lastEvent"]["product_added"]["eventId"] == event_id


def test_event_of_its_own_name_is_included_by_that_action(api):
    event_id = take(api, "track", {**TRACK, "event": "ChurnScore Computed2"})["eventId"]
    assert api.events({"include": "churn_score_computed_2"}) == [event_id]


def test_written_events_stand_in_the_order_of_time(api):
    for minute in (3, 1, 2):
        take(api, "track", {**TRACK, "timestamp": f"2024-06-01T12:0{minute}:00.000Z"})
    for window in ({}, {"from": 1, "size": 3}, {"exclude": "page"}):
        query = {"start": "2024-05-30", "sort": "asc", "size": 100, **window}
        times = [event["eventTime"] for event in api.get("/events", query)["data"]]
        assert times == sorted(times)
    truth = [event["eventId"] for event in api.truth()]
    pages = [
        api.events({"sort": order, "size": 100, "from": skip})
        for order in ("asc", "desc")
        for skip in range(0, 700, 100)
    ]
    assert [event for page in pages[:7] for event in page] == truth
    assert sorted(event for page in pages[7:] for event in page) == sorted(truth)


def test_identify_sets_the_traits(api, known):
    take(api, "identify", {**IDENTIFY, "traits": {"firstName": "Fred", "score": {"churn": 0.5}}})
    assert api.get(api.profile("userId", "ABC/123", "traits")) == {
        **known,
        "firstName": "Fred",
        "score": {"churn": 0.5},
    }


def test_identify_cannot_change_the_identifiers(api, known):
    take(api, "identify", {**IDENTIFY, "traits": {"id": "x", "externalId": "y"}})
    assert api.get(api.profile("userId", "ABC/123", "traits")) == known


def test_identify_may_set_the_email(api, known):
    take(api, "identify", {**IDENTIFY, "traits": {"email": "new@example.com"}})
    assert api.get(api.profile("email", "new@example.com", "traits"))["data"][0]["id"] == known["id"]
    assert api.error(api.profile("email", known["email"], "traits"))[0] == 404


def test_identify_adds_a_customer(api):
    assert api.error(api.profile("userId", "new", "traits"))[0] == 404
    take(api, "identify", {**IDENTIFY, "userId": "new", "traits": {"email": "new@example.com"}})
    traits = api.get(api.profile("userId", "new", "traits"))
    assert traits == {"id": traits["id"], "externalId": "new", "email": "new@example.com"}
    assert api.get(api.profile("id", traits["id"], "traits")) == traits
    assert api.get(api.profile("userId", "new", "meta"))["lastEvent"].keys() == {"identify"}
    assert traits["id"] in api.scroll()
    assert len(api.scroll()) == 13


def test_new_customers_are_seen_as_identify_events(api):
    take(api, "identify", {**IDENTIFY, "userId": "new"})
    assert [event["userId"] for event in api.get("/events", {"include": "identify"})["data"]] == ["new"]


def test_page_may_carry_an_anonymous_id(api):
    event_id = take(api, "page", PAGE)["eventId"]
    event = next(event for event in api.truth() if event["eventId"] == event_id)
    assert event["anonymousId"] == "14834fb6"
    assert "userId" not in event
    assert "customerId" not in event


def test_track_of_an_unknown_user_belongs_to_no_customer(api):
    event_id = take(api, "track", {**TRACK, "userId": "nobody"})["eventId"]
    event = next(event for event in api.truth() if event["eventId"] == event_id)
    assert (event["userId"], event.get("customerId")) == ("nobody", None)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        *(("identify", name) for name in ("userId", "event", "traits", "timestamp")),
        *(("track", name) for name in ("userId", "event", "timestamp")),
        *(("page", name) for name in ("anonymousId", "event", "timestamp")),
    ],
)
def test_required_field_is_validated(api, action, name):
    body = {key: value for key, value in POSTS[action].items() if key != name}
    answer = api.post(action, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "validation_error")
    assert name in answer.json()["error"]["message"]
    assert len(api.truth()) == 600


@pytest.mark.parametrize(
    ("action", "wrong"),
    [
        ("identify", {"event": "page"}),
        ("page", {"event": "identify"}),
        ("track", {"timestamp": "yesterday"}),
        ("track", {"userId": 5}),
        ("identify", {"traits": []}),
        ("track", {"properties": "none"}),
    ],
)
def test_wrong_field_is_a_validation_error(api, action, wrong):
    answer = api.post(action, {**POSTS[action], **wrong})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "validation_error")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a":NaN}', b"[" * 100_000])
def test_body_that_is_no_json_object_is_an_invalid_request(api, body):
    answer = api.post("track", body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_request_error")


def test_traits_can_be_any_valid_json(api, known):
    traits = {"text": 'ä"\\😀', "half": "\ud800", "none": None, "list": [1, [2.5, {}]], "big": 2**70}
    take(api, "identify", {**IDENTIFY, "traits": traits})
    assert traits.items() <= api.get(api.profile("userId", "ABC/123", "traits")).items()


def test_over_6mb_is_413(api):
    largest = 6 * 1024 * 1024
    small = {**TRACK, "properties": {"text": ""}}
    room = largest - len(json.dumps(small))
    assert api.post("track", {**TRACK, "properties": {"text": "x" * room}}).status == 200
    assert api.post("track", {**TRACK, "properties": {"text": "x" * (room + 1)}}).status == 413
    assert len(api.truth()) == 601
