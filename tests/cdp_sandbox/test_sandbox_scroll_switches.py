"""The switches of the scroll listing, each way."""

import pytest


def switch(api, **values):
    api.sandbox.change(switches=values)


@pytest.mark.parametrize(
    ("value", "good", "ignored"),
    [
        ("scrollId", ["scrollId"], ["scrollid"]),
        ("scrollid", ["scrollid"], ["scrollId"]),
        ("both", ["scrollId", "scrollid"], []),
    ],
)
def test_scroll_parameter(api, value, good, ignored):
    switch(api, scroll_parameter=value)
    everyone = [profile["id"] for profile in api.profiles()]
    for spelling, page in [(name, everyone[5:10]) for name in good] + [(name, everyone[:5]) for name in ignored]:
        scroll_id = api.get("/profiles")["scrollId"]
        assert [p["id"] for p in api.get("/profiles", {spelling: scroll_id})["data"]] == page


def after_last_page(api):
    scroll_id = api.get("/profiles")["scrollId"]
    for _ in range(2):
        scroll_id = api.get("/profiles", {"scrollId": scroll_id})["scrollId"]
    return scroll_id


def test_scroll_end_empty(api):
    switch(api, scroll_end="empty")
    answer = api.get("/profiles", {"scrollId": after_last_page(api)})
    assert answer.keys() == {"scrollId", "data"}
    assert answer["data"] == []
    assert api.get("/profiles", {"scrollId": answer["scrollId"]})["data"] == []


def test_scroll_end_empty_without_id(api):
    switch(api, scroll_end="empty_without_id")
    assert api.get("/profiles", {"scrollId": after_last_page(api)}) == {"data": []}


def test_scroll_end_not_found(api):
    switch(api, scroll_end="not_found")
    assert api.error("/profiles", {"scrollId": after_last_page(api)})[:2] == (404, "not_found")


def three_scroll_ids(api):
    page = api.get("/profiles")
    scroll_ids = [page["scrollId"]]
    for _ in range(2):
        page = api.get("/profiles", {"scrollId": scroll_ids[-1]})
        scroll_ids.append(page["scrollId"])
    return scroll_ids


def test_scroll_ids_rotate(api):
    switch(api, scroll_ids="rotate")
    first, second, third = three_scroll_ids(api)
    assert len({first, second, third}) == 3
    assert api.send("/profiles", {"scrollId": second}).status == 200
    assert api.send("/profiles", {"scrollId": first}).status == 404


def test_scroll_ids_rotate_strict(api):
    switch(api, scroll_ids="rotate_strict")
    _, second, third = three_scroll_ids(api)
    assert api.send("/profiles", {"scrollId": second}).status == 404
    assert api.send("/profiles", {"scrollId": third}).status == 200


def test_scroll_ids_rotate_strict_keeps_the_id_of_a_lost_answer(api):
    switch(api, scroll_ids="rotate_strict")
    first = api.get("/profiles")["scrollId"]
    api.sandbox.change(faults={"rates": {"http_504": 1}})
    assert api.send("/profiles", {"scrollId": first}).status == 504
    api.sandbox.change(faults={})
    assert len(api.get("/profiles", {"scrollId": first})["data"]) == 2


def test_scroll_ids_keep(api):
    switch(api, scroll_ids="keep")
    assert len(set(three_scroll_ids(api))) == 1


def test_listing_id(api):
    switch(api, listing="id")
    assert api.get("/profiles")["data"] == [{"id": profile["id"]} for profile in api.profiles()[:5]]


def test_listing_traits(api):
    switch(api, listing="traits")
    assert api.get("/profiles")["data"] == [profile["traits"] for profile in api.profiles()[:5]]


@pytest.mark.parametrize("code", ["invalid_request_error", "scroll_expired"])
def test_listing_expired(api, code):
    switch(api, listing_expired=code)
    assert api.error("/profiles", {"scrollId": "gone"})[:2] == (404, code)
