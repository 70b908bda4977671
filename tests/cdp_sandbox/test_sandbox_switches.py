"""Every switch, each way; those of the scroll stand beside."""

from collections import Counter
from email.utils import parsedate_to_datetime

import pytest

from cdp_sandbox.process import ControlError


def switch(api, **values):
    api.sandbox.change(switches=values)


def test_switches_are_listed(api):
    listed = api.sandbox.control("GET", "/_sandbox/switches")
    assert len(listed) >= 18
    for shown in listed.values():
        assert shown.keys() == {"values", "default", "value", "meaning"}
        assert shown["value"] == shown["default"] == shown["values"][0]
        assert shown["meaning"]


def test_a_change_is_listed_and_leaves_the_others(api):
    before = api.sandbox.control("GET", "/_sandbox/switches")
    switch(api, from_means="page")
    after = api.sandbox.control("GET", "/_sandbox/switches")
    assert after.pop("from_means")["value"] == "page"
    before.pop("from_means")
    assert after == before


@pytest.mark.parametrize(("value", "skipped"), [("hits", 3), ("page", 30)])
def test_from_means(api, value, skipped):
    switch(api, from_means=value)
    everything = [event["eventId"] for event in api.truth()]
    assert api.events({"sort": "asc", "from": 3, "size": 10}) == everything[skipped : skipped + 10]


def test_from_means_page_counts_for_the_cap(api):
    switch(api, from_means="page")
    api.sandbox.change(limits={"cap": 200})
    assert len(api.events({"from": 19, "size": 10})) == 10
    assert api.error("/events", {"from": 20, "size": 10})[0] == 400


@pytest.mark.parametrize("path", ["/events", "profile"])
def test_over_cap(api, path):
    api.sandbox.change(limits={"cap": 20})
    if path == "profile":
        path = api.profile("userId", "ABC/123", "events")
    last = api.get(path, {"from": 12, "size": 8})["data"]
    assert len(last) == 8
    switch(api, over_cap="error")
    assert api.error(path, {"from": 13, "size": 8})[:2] == (400, "invalid_request_error")
    switch(api, over_cap="empty")
    assert api.get(path, {"from": 13, "size": 8})["data"] == []
    switch(api, over_cap="repeat")
    assert api.get(path, {"from": 13, "size": 8})["data"] == last
    assert api.get(path, {"from": 500, "size": 8})["data"] == last


def instant_of_many(api):
    """Nine events of one instant, written; their identifiers and the instant."""
    when = "2024-06-06T06:06:06.006Z"
    body = {"userId": "ABC/123", "event": "Page Read", "timestamp": when}
    return [api.post("track", body).json()["eventId"] for _ in range(9)], when


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_tie_order_stable(api, sort):
    written, when = instant_of_many(api)
    switch(api, tie_order="stable")
    pages = [tuple(api.events({"start": when, "include": "page_read", "sort": sort})) for _ in range(5)]
    assert len(set(pages)) == 1
    assert sorted(pages[0]) == sorted(written)


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("path", ["/events", "profile"])
def test_tie_order_shuffled(api, sort, path):
    written, when = instant_of_many(api)
    if path == "profile":
        path = api.profile("userId", "ABC/123", "events")
    switch(api, tie_order="shuffled")
    query = {"start": "2024-06-01", "end": "2024-07-01", "sort": sort, "size": 100}

    def read(**more):
        return [(event["eventTime"], event["eventId"]) for event in api.get(path, {**query, **more})["data"]]

    pages = [read() for _ in range(5)]
    times = [[time for time, _ in page] for page in pages]
    assert times[0] == sorted(times[0], reverse=sort == "desc")
    assert all(page == times[0] for page in times)
    assert len({tuple(page) for page in pages}) > 1
    # A page that begins and ends within the instant may hold any of its events.
    place = times[0].index(when)
    seen = Counter(event for _ in range(30) for _, event in read(**{"from": place + 3, "size": 2}))
    assert seen.keys() == set(written)


@pytest.mark.parametrize(("value", "found"), [("one", set()), ("list", {"page", "product_added"})])
def test_include(api, value, found):
    switch(api, include=value)
    shown = api.get("/events", {"include": "page,product_added", "size": 100})["data"]
    assert {event["eventAction"] for event in shown} == found
    assert len(api.events({"include": "page", "size": 20})) == 20
    assert len(api.events({"size": 20})) == 20


@pytest.mark.parametrize("value", ["inclusive", "exclusive"])
def test_start_bound(api, value):
    switch(api, start_bound=value)
    event = api.truth()[300]
    assert (event["eventId"] in api.events({"start": event["eventTime"], "sort": "asc"})) == (value == "inclusive")


@pytest.mark.parametrize("value", ["exclusive", "inclusive"])
def test_end_bound(api, value):
    switch(api, end_bound=value)
    event = api.truth()[300]
    assert (event["eventId"] in api.events({"end": event["eventTime"]})) == (value == "inclusive")


@pytest.mark.parametrize("path", ["/events", "profile"])
def test_window_time(api, path):
    truth = api.truth()
    if path == "profile":
        path = api.profile("userId", "ABC/123", "events")
        truth = [event for event in truth if event.get("userId") == "ABC/123"]
    late = [event for event in truth if event["receivedTime"] > event["eventTime"]]
    for name in ("eventTime", "receivedTime"):
        switch(api, window_time=name)
        window = {"start": late[3][name], "end": late[-3][name], "sort": "asc", "size": 100}
        shown = api.get(path, window)["data"]
        assert [event[name] for event in shown] == sorted(
            event[name] for event in truth if window["start"] <= event[name] < window["end"]
        )[:100]


def test_events_slash(api):
    switch(api, events_slash="both")
    assert api.get("/events/") == api.get("/events")
    switch(api, events_slash="without")
    answer = api.send("/events/")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
    assert api.send("/events").status == 200


@pytest.mark.parametrize(
    ("value", "served"), [("meta", {"meta"}), ("metadata", {"metadata"}), ("both", {"meta", "metadata"})]
)
def test_meta_route(api, value, served):
    switch(api, meta_route=value)
    for endpoint in ("meta", "metadata"):
        answer = api.send(api.profile("userId", "ABC/123", endpoint))
        assert answer.status == (200 if endpoint in served else 404)
        assert ("externalId" in answer.json()) == (endpoint in served)


def test_computed_traits(api):
    path = api.profile("userId", "ABC/123", "traits")
    switch(api, computed_traits="nested")
    assert api.get(path)["computed"] == {"daysKnown": 367}
    switch(api, computed_traits="absent")
    assert "computed" not in api.get(path)


@pytest.mark.parametrize("endpoint", ["traits", "meta", "events"])
def test_email_missing(api, endpoint):
    path = api.profile("email", "nobody@example.com", endpoint)
    switch(api, email_missing="not_found")
    assert api.error(path)[:2] == (404, "not_found")
    switch(api, email_missing="empty")
    assert api.get(path)["data"] == []
    assert api.error(api.profile("userId", "nobody", endpoint))[:2] == (404, "not_found")


@pytest.mark.parametrize("path", ["/events", "/profiles"])
def test_content_type(api, path):
    token = {"auth-token": api.sandbox.token}
    switch(api, content_type="ignored")
    assert api.send(path, headers=token).status == 200
    switch(api, content_type="required")
    assert api.send(path, headers=token).status == 400
    assert api.send(path, headers={**token, "content-type": "text/plain"}).status == 400
    assert api.send(path, headers={**token, "content-type": "application/json; charset=utf-8"}).status == 200


@pytest.mark.parametrize("value", ["401", "403"])
def test_auth_status(api, value):
    switch(api, auth_status=value)
    for headers in ({}, {"auth-token": "wrong"}):
        answer = api.send("/events", headers=headers)
        assert (answer.status, answer.json()["error"]["code"]) == (int(value), "authentication_error")


@pytest.mark.parametrize("value", ["none", "seconds", "date"])
def test_retry_after(api, value):
    switch(api, retry_after=value)
    api.sandbox.change(limits={"rate": 0.01, "burst": 1})
    assert api.send("/events").status == 200
    refused = api.send("/events")
    header = refused.headers.get("Retry-After")
    assert refused.status == 429
    if value == "date":
        wait = parsedate_to_datetime(header) - parsedate_to_datetime(refused.headers["date"])
        assert wait.total_seconds() == 1
    else:
        assert header == {"none": None, "seconds": "1"}[value]


def test_response_limit(api):
    api.sandbox.change(limits={"response_bytes": 10_000})
    assert api.send("/events", {"size": 100}).status == 200
    switch(api, response_limit="1mb")
    assert api.send("/events", {"size": 100}).status == 413
    assert api.send("/events", {"size": 5}).status == 200


def test_response_limit_is_one_mebibyte_unless_set(api):
    switch(api, response_limit="1mb")
    assert api.send("/events", {"size": 100}).status == 200


def test_error_body(api):
    switch(api, error_body="object")
    assert api.send("/profiles/id:x/traits").json() == {"error": {"code": "not_found", "message": "Custmer not found."}}
    switch(api, error_body="message")
    assert api.send("/profiles/id:x/traits").json() == {"message": "Custmer not found."}


def test_unknown_route(api):
    switch(api, unknown_route="message")
    assert api.send("/nothing").json() == {"message": "Not Found"}
    switch(api, unknown_route="object")
    assert api.error("/nothing")[:2] == (404, "invalid_request_error")


def test_unknown_switch_or_value_is_refused(api):
    with pytest.raises(ControlError, match="scroll_parameter"):
        switch(api, colour="red")
    with pytest.raises(ControlError, match="hits, page"):
        switch(api, listing="traits", from_means="pages")
    assert api.sandbox.control("GET", "/_sandbox/switches")["listing"]["value"] == "id"
