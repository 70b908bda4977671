"""`GET /v1/profiles`, against "Listing all Customer Profiles"."""

import time


def ids(page):
    return [profile["id"] for profile in page["data"]]


def test_first_hundred_customers_and_a_scroll_id(api):
    api.sandbox.reset(world="flat:10300")
    page = api.get("/profiles")
    assert page.keys() == {"scrollId", "data"}
    assert len(page["data"]) == 100
    assert len(api.get("/profiles", {"scrollId": page["scrollId"]})["data"]) == 100


def test_scrolls_until_there_are_no_more(api):
    assert api.scroll() == [profile["id"] for profile in api.profiles()]


def test_scroll_is_a_place_on_the_server(api):
    everyone = [profile["id"] for profile in api.profiles()]
    first = api.get("/profiles")
    once = api.get("/profiles", {"scrollId": first["scrollId"]})
    again = api.get("/profiles", {"scrollId": first["scrollId"]})
    assert ids(once) == everyone[5:10]
    assert ids(again) == everyone[10:]


def test_scrolls_do_not_disturb_each_other(api):
    one, two = api.get("/profiles"), api.get("/profiles")
    assert one["scrollId"] != two["scrollId"]
    one, two = (api.get("/profiles", {"scrollId": page["scrollId"]}) for page in (one, two))
    assert ids(one) == ids(two)


def test_scroll_lists_those_of_its_start(api):
    page = api.get("/profiles")
    api.post("identify", {"userId": "new", "event": "identify", "traits": {}, "timestamp": "2024-01-01T00:00:00Z"})
    listed = ids(page)
    while page["data"]:
        page = api.get("/profiles", {"scrollId": page["scrollId"]})
        listed += ids(page)
    assert len(listed) == 12
    assert len(api.scroll()) == 13


def test_scroll_expires_when_it_is_not_used(api):
    api.sandbox.change(limits={"scroll_seconds": 0.2})
    page = api.get("/profiles")
    page = api.get("/profiles", {"scrollId": page["scrollId"]})
    time.sleep(0.25)
    status, code, _ = api.error("/profiles", {"scrollId": page["scrollId"]})
    assert status == 404
    assert code != "not_found"


def test_unknown_scroll_is_as_one_that_expired(api):
    assert api.error("/profiles", {"scrollId": "none"})[:2] == (404, "invalid_request_error")


def test_older_id_is_forgotten_when_a_newer_one_is_used(api):
    first = api.get("/profiles")["scrollId"]
    second = api.get("/profiles", {"scrollId": first})["scrollId"]
    assert second != first
    api.get("/profiles", {"scrollId": second})
    assert api.error("/profiles", {"scrollId": first})[0] == 404
