"""`GET /v1/events`, against the Events API document."""

import pytest


def test_newest_first_by_default(api):
    times = [event["eventTime"] for event in api.get("/events", {"size": 100})["data"]]
    assert times == sorted(times, reverse=True)
    assert times[0] == api.truth()[-1]["eventTime"]


def test_sort_asc_is_oldest_first(api):
    times = [event["eventTime"] for event in api.get("/events", {"size": 100, "sort": "asc"})["data"]]
    assert times == [event["eventTime"] for event in api.truth()[:100]]


def test_all_events_by_paging(api):
    pages = [api.events({"sort": "asc", "size": 100, "from": skip}) for skip in range(0, 700, 100)]
    read = [event for page in pages for event in page]
    assert pages[-1] == []
    assert read == [event["eventId"] for event in api.truth()]
    assert len(set(read)) == 600


def test_answer_is_data_without_a_scroll_id(api):
    answer = api.send("/events")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"data"}


def test_event_holds_the_complete_data(api):
    known = next(event for event in api.get("/events", {"size": 100})["data"] if "customerId" in event)
    assert known.keys() == {
        *("eventId", "eventTime", "receivedTime", "eventAction", "clientId", "accountId", "brandId"),
        *("customerId", "userId", "source", "rawData"),
    }
    assert known == next(event for event in api.truth() if event["eventId"] == known["eventId"])


def test_without_size_ten_events(api):
    assert len(api.events()) == 10


@pytest.mark.parametrize("size", [1, 7, 100])
def test_size_between_1_and_100(api, size):
    assert len(api.events({"size": size})) == size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("size", value) for value in (0, 101, -1, "ten")),
        *(("from", value) for value in (-1, "x")),
        *((bound, value) for bound in ("start", "end") for value in ("yesterday", "2024-13-01", "")),
        ("sort", "up"),
    ],
)
def test_bad_value_is_a_validation_error(api, name, value):
    status, code, message = api.error("/events", {name: value})
    assert (status, code) == (400, "validation_error")
    assert name in message


def test_from_skips_hits(api):
    first = api.events({"size": 20})
    assert api.events({"size": 10, "from": 5}) == first[5:15]


def test_include_names_an_action(api):
    pages = api.get("/events", {"size": 100, "include": "page"})["data"]
    assert pages
    assert {event["eventAction"] for event in pages} == {"page"}


def test_exclude_names_actions_between_commas(api):
    shown = api.get("/events", {"size": 100, "exclude": "page,product_viewed"})["data"]
    assert {event["eventAction"] for event in shown} == {
        *("product_added", "email_opened", "order_completed", "email_bounced")
    }


def test_include_of_an_unknown_action_finds_nothing(api):
    assert api.events({"include": "never_happened"}) == []


@pytest.mark.parametrize("form", ["{0}", "{0}Z", "{0}.000Z", "{0}+00:00"])
def test_start_and_end_restrict_by_event_time(api, form):
    window = {"start": form.format("2024-03-01T00:00:00"), "end": form.format("2024-03-09T12:00:00")}
    read = api.events({**window, "sort": "asc", "size": 100})
    assert read == [
        event["eventId"]
        for event in api.truth()
        if "2024-03-01T00:00:00.000Z" <= event["eventTime"] < "2024-03-09T12:00:00.000Z"
    ]
    assert read


def test_start_and_end_may_be_dates(api):
    assert api.events({"start": "2024-03-01", "end": "2024-03-02", "size": 100}) == api.events(
        {"start": "2024-03-01T00:00:00.000Z", "end": "2024-03-02T00:00:00.000Z", "size": 100}
    )


def test_start_and_end_count_milliseconds(api):
    event = api.truth()[300]
    time = event["eventTime"]
    after = f"{time[:-1]}001Z"
    assert event["eventId"] in api.events({"start": time, "sort": "asc"})
    assert event["eventId"] not in api.events({"start": after, "sort": "asc"})
    assert event["eventId"] in api.events({"end": after})


def test_ten_thousand_results_at_most(api):
    api.sandbox.reset(world="flat:10300", limits={"rate": None})
    last = api.events({"sort": "asc", "from": 9_900, "size": 100})
    assert last == [event["eventId"] for event in api.truth()[9_900:10_000]]
    assert api.error("/events", {"from": 9_901, "size": 100})[:2] == (400, "invalid_request_error")


def test_unknown_parameter_is_ignored(api):
    assert api.events({"colour": "red"}) == api.events()


def test_request_over_1mb_is_413(api):
    answer = api.send("/events", body=b" " * (1024 * 1024 + 1))
    assert answer.status == 413
