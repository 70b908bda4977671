"""What the API refuses: said once, by name, and never with a word of the request."""

import pytest

from cdp_client import (
    AuthenticationError,
    ExtractorError,
    NotFoundError,
    RefusedError,
    TooLargeError,
)

BODY = b'{"error": {"code": "validation_error", "message": "userId alice@example.com is not known"}}'


def refused(client, reply, *, status, body=BODY, headers=None):
    client.script(reply(status, body, headers or {}))
    with pytest.raises(ExtractorError) as caught:
        client.get()
    assert len(client.server.asked) == 1, "a refusal is asked once"
    assert client.time.slept == []
    assert client.statistics.as_dict()["retries"] == 0
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_exactly_one_request(client, reply, gives_nothing_away, status):
    error = refused(client, reply, status=status)
    assert type(error) is AuthenticationError
    text = gives_nothing_away(error)
    assert f"{status} (request id req-42)" in text
    assert "auth_token" in text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": "not_found", "message": "no alice"}}', "not_found"),
        (b'{"error": {"code": "UnknownRoute.v1-2"}}', "UnknownRoute.v1-2"),
        (b'{"error": {"code": 7}}', ""),
        (b'{"error": {"code": "alice@example.com"}}', ""),
        (b'{"error": {"code": "no such profile: alice"}}', ""),
        (b'{"error": "text"}', ""),
        (b'{"message": "Not Found"}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"", ""),
        (b'{"error": "\xff"}', ""),
        (b"[" * 100_000, ""),
    ],
)
def test_404_carries_the_code_of_its_body(client, reply, gives_nothing_away, body, code):
    error = refused(client, reply, status=404, body=body)
    assert type(error) is NotFoundError
    assert error.code == code
    assert "404 (request id req-42)" in gives_nothing_away(error)


def test_413_is_too_large(client, reply, gives_nothing_away):
    error = refused(client, reply, status=413, body=b"<html>")
    assert type(error) is TooLargeError
    assert "413 (request id req-42)" in gives_nothing_away(error)


@pytest.mark.parametrize("status", [400, 402, 405, 409, 410, 418, 422, 431, 451, 499])
def test_any_other_4xx_is_refused_with_its_code(client, reply, gives_nothing_away, status):
    error = refused(client, reply, status=status)
    assert type(error) is RefusedError
    assert f"{status} (request id req-42), code validation_error." in gives_nothing_away(error)


@pytest.mark.parametrize("code", ["alice@example.com", "start=2020-01-01", "a b", "x" * 41])
def test_a_code_that_does_not_look_like_one_is_not_repeated(client, reply, gives_nothing_away, code):
    error = refused(client, reply, status=400, body=b'{"error": {"code": "%s"}}' % code.encode())
    assert code not in gives_nothing_away(error)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"x-amzn-RequestId": "", "Request-Id": "seg-7"}, "seg-7"),
        ({"x-amzn-RequestId": ""}, "none"),
        ({"x-amzn-RequestId": "a b<c>?d=1&" + "e" * 100}, "abcd=1"),
    ],
)
def test_request_id_is_kept_and_cut_to_what_an_id_looks_like(client, reply, headers, shown):
    error = refused(client, reply, status=413, headers=headers)
    assert f"(request id {shown}" in str(error)
    assert not set("<>?& ") & set(str(error).split("request id ")[1].split(")")[0])
    assert len(str(error)) < 200
