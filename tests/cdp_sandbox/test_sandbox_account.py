"""The token, the account in the path, headers and errors that all routes share."""

import pytest

POSTED = {"userId": "u", "event": "e", "timestamp": "2024-01-01T00:00:00Z"}


def test_wrong_token_is_refused(api):
    answer = api.send("/events", headers={"auth-token": "guess"})
    assert (answer.status, answer.json()["error"]["code"]) == (401, "authentication_error")


def test_missing_token_is_refused(api):
    answer = api.send("/profiles", headers={})
    assert (answer.status, answer.json()["error"]["code"]) == (401, "authentication_error")


@pytest.mark.parametrize(
    ("headers", "message"), [({}, "No Token Supplied"), ({"auth-token": "guess"}, "Token Not Authorised")]
)
@pytest.mark.parametrize("status", ["401", "403"])
def test_post_without_a_good_token_is_403(api, headers, message, status):
    api.sandbox.change(switches={"auth_status": status})
    answer = api.send("/track", method="POST", headers=headers, body=POSTED)
    assert (answer.status, answer.json()["error"]["message"]) == (403, message)
    assert len(api.truth()) == 600


@pytest.mark.parametrize("part", ["client_id", "account_id", "brand_id"])
def test_token_is_not_authorised_for_another_account(api, part):
    own = getattr(api.sandbox, part)
    setattr(api.sandbox, part, "other")
    try:
        answer = api.send("/events")
    finally:
        setattr(api.sandbox, part, own)
    assert (answer.status, answer.json()["error"]["message"]) == (403, "Token Not Authorised")


@pytest.mark.parametrize(
    ("path", "status"), [("/events", 200), ("/profiles/x/traits", 400), ("/profiles/id:x/meta", 404), ("/nothing", 404)]
)
def test_every_answer_has_a_request_id_and_the_worlds_date(api, path, status):
    api.sandbox.control("PUT", "/_sandbox/clock", {"now": "2024-07-01T17:27:06.700Z"})
    answers = [api.send(path) for _ in range(2)]
    assert [answer.status for answer in answers] == [status, status]
    assert [answer.headers["date"] for answer in answers] == ["Mon, 01 Jul 2024 17:27:06 GMT"] * 2
    assert len({answer.headers["x-amzn-RequestId"] for answer in answers}) == 2
    assert not {"server", "access-control-allow-origin"} & {name.lower() for name in answers[0].headers}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/track"), ("POST", "/events"), ("DELETE", "/profiles"), ("GET", "/profiles/")],
)
def test_unknown_route_is_a_404_without_not_found(api, method, path):
    answer = api.send(path, method=method)
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


def test_path_outside_the_api_is_an_unknown_route(api):
    answer = api.pool.request("GET", api.sandbox.url.replace("/track", "/"))
    assert answer.status == 404
