"""`/v1/profiles/{idType}:{id}/...`, against the Profiles API document."""

import pytest

AWKWARD = ["ABC/123", "a b?c=d&e", "50%25#1", "plus+one@example.com", "äöü:ß", "..", "%2F", "x;y,z\\"]


@pytest.fixture
def someone(api):
    """The traits of a profile whose e-mail nobody shares."""
    emails = [profile["traits"].get("email") for profile in api.profiles()]
    return next(p["traits"] for p in api.profiles() if emails.count(p["traits"].get("email")) == 1)


@pytest.fixture
def sharing(api):
    """Two profiles of one e-mail."""
    emails = [profile["traits"].get("email") for profile in api.profiles()]
    shared = next(email for email in emails if email and emails.count(email) == 2)
    return [profile for profile in api.profiles() if profile["traits"].get("email") == shared]


@pytest.mark.parametrize(("id_type", "key"), [("userId", "externalId"), ("id", "id")])
def test_traits_by_user_id_or_id_are_one_object(api, someone, id_type, key):
    assert api.get(api.profile(id_type, someone[key], "traits")) == someone


def test_traits_hold_the_identifiers_and_all_traits(someone):
    assert {"id", "externalId", "email", "firstName", "lastName", "phone", "marketingPreferences"} <= someone.keys()


def test_traits_by_email_are_a_list(api, someone):
    assert api.get(api.profile("email", someone["email"], "traits")) == {"data": [someone]}


def test_email_of_several_customers_lists_them_all(api, sharing):
    email = sharing[0]["traits"]["email"]
    assert api.get(api.profile("email", email, "traits"))["data"] == [profile["traits"] for profile in sharing]
    assert api.get(api.profile("email", email, "meta"))["data"] == [profile["meta"] for profile in sharing]


@pytest.mark.parametrize("endpoint", ["traits", "meta", "events"])
@pytest.mark.parametrize("identifier", AWKWARD)
def test_identifier_is_percent_decoded_once(api, identifier, endpoint):
    answer = api.get(api.profile("userId", identifier, endpoint))
    shown = answer["data"][0] if endpoint == "events" else answer
    assert shown["externalId"] == identifier


def test_slash_that_is_not_encoded_makes_another_route(api):
    answer = api.send("/profiles/userId:ABC/123/traits")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [("traits", "Custmer not found."), ("events", "Profile was not found."), ("meta", "Profile was not found.")],
)
@pytest.mark.parametrize("id_type", ["userId", "email", "id"])
def test_missing_profile_is_not_found(api, id_type, endpoint, message):
    assert api.error(api.profile(id_type, "nobody", endpoint)) == (404, "not_found", message)


@pytest.mark.parametrize("malformed", ["someone", "phone:1", "userId:", "%FF:1", ":1"])
def test_malformed_profile_id_is_a_validation_error(api, malformed):
    assert api.error(f"/profiles/{malformed}/traits") == (
        400,
        "validation_error",
        "ProfileID must be in format of id_type:id",
    )


def test_metadata_holds_traits_provenance_and_activity(api, someone):
    meta = api.get(api.profile("id", someone["id"], "meta"))
    plain = {name: value for name, value in someone.items() if name != "computed"}
    assert plain.items() <= meta.items()
    assert {"createdBy", "_subscriptionId", "audiencesStatic", "lastActivityTime"} <= meta.keys()
    assert meta["createdBy"].keys() >= {"type", "createdTime"}


def test_metadata_maps_first_and_last_event_by_action(api, someone):
    own = [event for event in api.truth() if event.get("customerId") == someone["id"]]
    meta = api.get(api.profile("id", someone["id"], "meta"))
    for key, events in (("firstEvent", own[::-1]), ("lastEvent", own)):
        expected = {
            event["eventAction"]: {
                **event["rawData"],
                **{name: event[name] for name in ("eventId", "eventTime", "receivedTime")},
            }
            for event in events
        }
        assert meta[key] == expected
    assert meta["lastActivityTime"] == own[-1]["eventTime"]


def test_profile_events_add_the_identifiers(api, someone):
    answer = api.get(api.profile("id", someone["id"], "events"), {"size": 100})
    own = [event for event in api.truth() if event.get("customerId") == someone["id"]]
    added = {name: someone[name] for name in ("id", "externalId", "email")}
    assert answer["data"] == [{**added, **event} for event in reversed(own)]
    assert isinstance(answer["scrollId"], str)


def test_profile_events_scroll_id_is_of_no_use(api, someone):
    path = api.profile("id", someone["id"], "events")
    answer = api.get(path)
    assert api.get(path, {"scrollId": answer["scrollId"]})["data"] == answer["data"]


def test_profile_events_take_the_query_of_events(api, someone):
    path = api.profile("id", someone["id"], "events")
    own = [event for event in api.truth() if event.get("customerId") == someone["id"]]

    def read(**query):
        return [event["eventId"] for event in api.get(path, {"size": 100, "sort": "asc", **query})["data"]]

    def expected(keep):
        return [event["eventId"] for event in own if keep(event)]

    assert read(**{"from": 3, "size": 4}) == expected(lambda event: True)[3:7]
    assert read(include="page") == expected(lambda event: event["eventAction"] == "page")
    assert read(exclude="page,product_viewed") == expected(
        lambda event: event["eventAction"] not in ("page", "product_viewed")
    )
    middle = own[len(own) // 2]["eventTime"]
    assert read(start=middle) == expected(lambda event: event["eventTime"] >= middle)
    assert read(end=middle) == expected(lambda event: event["eventTime"] < middle)
    assert len(api.get(path)["data"]) == 10
    assert api.error(path, {"size": 101})[:2] == (400, "validation_error")
    assert api.error(path, {"from": 9_950, "size": 100})[:2] == (400, "invalid_request_error")


def test_profile_events_by_email_are_of_all_customers_with_it(api, sharing):
    email = sharing[0]["traits"]["email"]
    shown = api.get(api.profile("email", email, "events"), {"size": 100})["data"]
    both = {profile["id"] for profile in sharing}
    assert {event["eventId"] for event in shown} == {
        event["eventId"] for event in api.truth() if event.get("customerId") in both
    }
    assert all(event["id"] == event["customerId"] for event in shown)
    assert {event["id"] for event in shown} == both
