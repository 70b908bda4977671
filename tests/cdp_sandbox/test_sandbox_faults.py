"""Every fault, as a real client sees it."""

import json
import time

import pytest
import requests
import urllib3

from cdp_sandbox.faults import KINDS, SCROLL_KINDS
from cdp_sandbox.process import ControlError


def deal(api, **rates):
    api.sandbox.change(faults={"seed": 1, "rates": rates})


def heal(api):
    api.sandbox.change(faults={})


def place_after(api, scroll_id):
    """How many of the 12 profiles a scroll has passed."""
    heal(api)
    data = api.get("/profiles", {"scrollId": scroll_id})["data"]
    everyone = [profile["id"] for profile in api.profiles()]
    return everyone.index(data[0]["id"]) if data else 12


def moved(api, kind, send=None):
    """For some scrolls: whether a request that meets the fault moved it."""
    outcomes = []
    for seed in range(8):
        heal(api)
        scroll_id = api.get("/profiles")["scrollId"]
        api.sandbox.change(faults={"seed": seed, "rates": {kind: 1}})
        (send or api.send)("/profiles", {"scrollId": scroll_id})
        outcomes.append(place_after(api, scroll_id) == 10)
    return set(outcomes)


def lose(api):
    def send(path, query):
        with pytest.raises(urllib3.exceptions.HTTPError):
            api.send(path, query)

    return send


def test_http_429(api):
    deal(api, http_429=1)
    assert api.error("/events")[:2] == (429, "rate_limit_error")
    assert moved(api, "http_429") == {False}


def test_http_500(api):
    deal(api, http_500=1)
    assert api.error("/events")[:2] == (500, "internal_server_error")
    assert moved(api, "http_500") == {False, True}


@pytest.mark.parametrize(("kind", "effect"), [("http_502", {False, True}), ("http_503", {False}), ("http_504", {True})])
def test_gateway_errors_are_html(api, kind, effect):
    deal(api, **{kind: 1})
    answer = api.send("/events")
    assert answer.status == int(kind[-3:])
    assert answer.headers["content-type"] == "text/html"
    assert answer.data.startswith(b"<html>")
    assert "x-amzn-RequestId" in answer.headers
    assert moved(api, kind) == effect


def test_http_503_sometimes_says_when_to_come_back(api):
    deal(api, http_503=1)
    assert {api.send("/events").headers.get("Retry-After") for _ in range(40)} == {None, "0", "1"}


def test_http_504_of_a_post_has_taken_the_event(api):
    deal(api, http_504=1)
    answer = api.post("track", {"userId": "u", "event": "Lost Answer", "timestamp": "2024-01-01T00:00:00Z"})
    assert answer.status == 504
    heal(api)
    assert len(api.events({"include": "lost_answer"})) == 1


def test_reset(api):
    deal(api, reset=1)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="reset"):
        api.send("/events")
    with pytest.raises(requests.ConnectionError):
        requests.get(api.base + "/events", headers={"auth-token": api.sandbox.token}, timeout=5)
    assert moved(api, "reset", lose(api)) == {False, True}


def test_cut(api):
    deal(api, cut=1)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead"):
        api.send("/events", {"size": 100})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        requests.get(api.base + "/events", headers={"auth-token": api.sandbox.token}, timeout=5)
    assert moved(api, "cut", lose(api)) == {True}


def test_truncated(api):
    whole = api.send("/events").data
    deal(api, truncated=1)
    answer = api.send("/events")
    assert answer.status == 200
    assert whole.startswith(answer.data)
    assert int(answer.headers["content-length"]) == len(answer.data)
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert moved(api, "truncated") == {True}


def test_truncated_leaves_errors_alone(api):
    deal(api, truncated=1)
    assert api.error("/profiles/id:x/traits")[0] == 404
    assert api.sandbox.control("GET", "/_sandbox/stats")["faults"] == {}


def test_slow(api):
    api.sandbox.change(faults={"rates": {"slow": 1}, "slow_seconds": 0.3})
    begun = time.monotonic()
    assert len(api.events()) == 10
    assert 0.3 <= time.monotonic() - begun < 1.5
    assert moved(api, "slow") == {True}


def test_expire_scroll(api):
    scroll_id = api.get("/profiles")["scrollId"]
    deal(api, expire_scroll=1)
    assert api.error("/profiles", {"scrollId": scroll_id})[:2] == (404, "invalid_request_error")
    heal(api)
    assert api.error("/profiles", {"scrollId": scroll_id})[:2] == (404, "invalid_request_error")


def test_lost_scroll_answer(api):
    assert moved(api, "lost_scroll_answer") == {True}
    scroll_id = api.get("/profiles")["scrollId"]
    deal(api, lost_scroll_answer=1)
    assert api.send("/profiles", {"scrollId": scroll_id}).status == 504


def test_a_scroll_that_keeps_expiring(api):
    deal(api, expire_scroll=1)
    for _ in range(5):
        scroll_id = api.get("/profiles")["scrollId"]
        assert api.error("/profiles", {"scrollId": scroll_id})[:2] == (404, "invalid_request_error")


def test_a_scroll_that_keeps_expiring_for_want_of_speed(api):
    api.sandbox.change(limits={"scroll_seconds": 1e-6})
    for _ in range(5):
        scroll_id = api.get("/profiles")["scrollId"]
        assert api.error("/profiles", {"scrollId": scroll_id})[:2] == (404, "invalid_request_error")


def test_repeat_scroll_page_never_advances(api):
    deal(api, repeat_scroll_page=1)
    for _ in range(2):
        first = page = api.get("/profiles")
        for _ in range(5):
            page = api.get("/profiles", {"scrollId": page["scrollId"]})
            assert page == first
    assert place_after(api, page["scrollId"]) == 5
    assert moved(api, "repeat_scroll_page") == {False}


def test_lost_scroll_answer_once_moves_the_scroll(api):
    assert moved(api, "lost_scroll_answer_once") == {True}


@pytest.mark.parametrize("scroll_ids", ["rotate", "rotate_strict", "keep"])
def test_lost_scroll_answer_once_loses_one_in_every_scroll_that_still_ends(api, scroll_ids):
    api.sandbox.change(switches={"scroll_ids": scroll_ids})
    deal(api, lost_scroll_answer_once=1)
    everyone = [profile["id"] for profile in api.profiles()]
    for _ in range(3):
        page = api.get("/profiles")
        listed, lost = [], 0
        while page["data"]:
            listed += [profile["id"] for profile in page["data"]]
            answer = api.send("/profiles", {"scrollId": page["scrollId"]})
            if answer.status == 504:
                lost += 1
                answer = api.send("/profiles", {"scrollId": page["scrollId"]})
            assert answer.status == 200
            page = answer.json()
        assert lost > 0
        assert set(listed) < set(everyone)


@pytest.mark.parametrize("listing", ["id", "traits"])
def test_listing_leaves_out_the_same_ones_of_every_scroll(api, listing):
    everyone = {profile["id"] for profile in api.profiles()}
    api.sandbox.change(faults={"seed": 3, "listing_leaves_out": 0.5}, switches={"listing": listing})
    listed = api.scroll()
    assert 0 < len(listed) < len(everyone)
    assert api.scroll() == listed
    for missing in everyone - set(listed):
        for endpoint in ("traits", "meta", "events"):
            assert api.send(api.profile("id", missing, endpoint)).status == 200
    assert {profile["id"] for profile in api.profiles()} == everyone
    api.sandbox.change(faults={"seed": 4, "listing_leaves_out": 0.5})
    assert api.scroll() != listed


def test_listing_leaves_out_about_its_share_and_more_the_larger_it_is(api):
    api.sandbox.reset(world="people:200", limits={"rate": None})
    everyone = api.scroll()
    before = set(everyone)
    for share in (0.05, 0.5, 0.95, 1):
        api.sandbox.change(faults={"seed": 1, "listing_leaves_out": share})
        listed = set(api.scroll())
        assert listed < before
        assert len(listed) == pytest.approx((1 - share) * len(everyone), abs=0.1 * len(everyone))
        before = listed
    assert not listed
    heal(api)
    assert api.scroll() == everyone


@pytest.mark.parametrize(
    "kind", ["expire_scroll", "lost_scroll_answer", "lost_scroll_answer_once", "repeat_scroll_page"]
)
def test_scroll_faults_leave_other_requests_alone(api, kind):
    events = api.events()
    deal(api, **{kind: 1})
    assert api.events() == events
    assert api.events({"size": 3}) == events[:3]
    assert api.send("/profiles").status == 200
    assert api.send("/profiles/userId:x%2F/traits").status == 404


def test_repeat_page_of_events(api):
    previous = api.get("/events", {"size": 7})
    deal(api, repeat_page=1)
    assert api.get("/events", {"size": 20, "from": 30}) == previous
    assert api.get("/events", {"size": 20, "from": 30}) == previous


def test_repeat_page_of_profiles(api):
    previous = api.get("/profiles")
    deal(api, repeat_page=1)
    assert api.get("/profiles", {"scrollId": previous["scrollId"]}) == previous
    assert api.get("/events")["data"]
    assert moved(api, "repeat_page") == {False, True}


def test_repeat_page_has_none_at_first(api):
    deal(api, repeat_page=1)
    assert len(api.get("/profiles")["data"]) == 5
    assert len(api.events({"size": 3})) == 3
    assert len(api.events({"size": 5})) == 3


def test_every_kind_has_a_test(api):
    tests = " ".join(globals()) + " http_502 test_http_503 test_http_504"
    assert all(kind in tests for kind in KINDS | SCROLL_KINDS)


def statuses(api, seed, count=400):
    api.sandbox.reset(faults={"preset": "heavy", "seed": seed, "slow_seconds": 0}, limits={"rate": None})
    found = []
    for _ in range(count):
        try:
            answer = api.send("/events")
            found.append((answer.status, len(answer.data)))
        except urllib3.exceptions.HTTPError as error:
            found.append((type(error).__name__, 0))
    return found


def test_heavy_preset_breaks_about_one_in_ten_and_by_seed(api):
    once = statuses(api, 1)
    dealt = api.sandbox.control("GET", "/_sandbox/stats")["faults"]
    assert 20 <= sum(dealt.values()) <= 60
    assert statuses(api, 1) == once
    assert statuses(api, 2) != once


def test_no_faults_unless_asked(api):
    for _ in range(50):
        assert api.send("/events").status == 200
    assert api.sandbox.control("GET", "/_sandbox/stats")["faults"] == {}


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"rates": {"fire": 1}}, "http_429"),
        ({"rates": {"cut": 2}}, "between 0 and 1"),
        ({"rates": {"cut": 0.6, "reset": 0.6}}, "at most 1"),
        ({"listing_leaves_out": 1.5}, "listing_leaves_out is between 0 and 1"),
        ({"listing_leaves_out": True}, "listing_leaves_out is between 0 and 1"),
        ({"rates": {"fire": 1}}, "repeat_scroll_page"),
        ({"preset": "mild"}, "heavy"),
        ({"rate": {}}, "rates"),
        ([], "object"),
    ],
)
def test_wrong_setting_is_refused(api, setting, reason):
    with pytest.raises(ControlError, match=reason):
        api.sandbox.change(faults=setting)
