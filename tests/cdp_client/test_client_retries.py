"""What is asked again, how often, and after how long."""

import itertools

import pytest

from cdp_client import GaveUpError, UnexpectedAnswerError, retry


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_retriable_status_is_asked_again_until_it_succeeds(client, reply, status):
    client.script(reply(status, b"<html>gateway</html>"), reply(status, b'{"error": {"code": "x"}}'), reply())
    answer = client.get()
    assert answer.status == 200
    assert answer.body == b'{"data": []}'
    assert len(client.server.asked) == 3
    assert client.statistics.as_dict()["by_status"] == {"200": 1, str(status): 2}
    assert client.statistics.as_dict()["retries"] == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_gives_up_after_the_documented_number_of_attempts(client, reply, gives_nothing_away, status):
    client.script(reply(status))
    with pytest.raises(GaveUpError) as caught:
        client.get()
    assert len(client.server.asked) == retry.MAX_ATTEMPTS == 10
    text = gives_nothing_away(caught.value)
    assert "/v1/profiles/{idType}:{id}/traits" in text
    assert "req-42" in text
    assert str(status) in text


def test_the_request_is_the_same_at_every_attempt(client, reply):
    client.script(reply(500), reply(503), reply())
    client.get()
    paths = {path for path, _ in client.server.asked}
    assert paths == {
        "/track/v1/profiles/email:alice%40example.com/traits?start=2020-01-01T00%3A00%3A00.000Z&include=secret_action"
    }
    assert {headers["auth-token"] for _, headers in client.server.asked} == {"tok3n-that-nobody-may-see"}
    assert {headers["content-type"] for _, headers in client.server.asked} == {"application/json"}


def test_backoff_doubles_up_to_a_ceiling_and_has_jitter():
    for attempt in range(12):
        ceiling = min(20.0, 0.2 * 2**attempt)
        drawn = [retry.backoff(attempt) for _ in range(200)]
        assert all(ceiling / 2 <= seconds <= ceiling for seconds in drawn)
        assert max(drawn) - min(drawn) > ceiling / 4
        assert len(set(drawn)) > 150


def test_waits_between_attempts_grow_and_are_counted(client, reply):
    client.script(reply(500))
    with pytest.raises(GaveUpError):
        client.get()
    waits = client.time.slept
    assert len(waits) == 9
    for attempt, seconds in enumerate(waits):
        ceiling = min(20.0, 0.2 * 2**attempt)
        assert ceiling / 2 <= seconds <= ceiling
    assert client.statistics.as_dict()["waited_seconds"] == pytest.approx(sum(waits), abs=0.01)


def test_a_refusal_without_retry_after_pauses_longer_each_time(client, reply):
    client.script(reply(429))
    with pytest.raises(GaveUpError):
        client.get()
    waits = client.time.slept
    assert len(waits) == 9
    for attempt, seconds in enumerate(waits):
        ceiling = min(20.0, 0.2 * 2 ** (attempt + 2))
        assert ceiling / 2 - 1e-6 <= seconds <= ceiling + 1e-6


def test_each_attempt_takes_a_token(make_client, reply):
    client = make_client(rate=0.001, burst=4)
    client.script(*[reply(500)] * 3, reply())
    client.get()
    assert client.time.now - 1000 < 10, "four tokens were there"
    client.get()
    assert client.time.now - 1000 > 900, "the fifth attempt waits for its token"


def test_no_token_is_given_back_by_a_connection_that_breaks(make_client, reply):
    client = make_client(rate=0.001, burst=2)
    client.script(reply(how="reset"), reply())
    client.get()
    client.get()
    assert client.time.now - 1000 > 900


@pytest.mark.parametrize(
    "body",
    [b"<html><title>Log in</title></html>", b"  \n<!doctype html>", b"OK", b'"text"', b"null"],
)
def test_no_json_with_status_200_is_an_error_after_three_attempts(client, reply, gives_nothing_away, body):
    client.script(reply(200, body))
    with pytest.raises(GaveUpError) as caught:
        client.get()
    assert len(client.server.asked) == retry.MAX_NOT_JSON_ATTEMPTS == 3
    text = gives_nothing_away(caught.value)
    assert "/v1/profiles/{idType}:{id}/traits" in text
    assert "req-42" in text
    assert "Log in" not in text
    assert sum(client.time.slept) < 1, "a wrong address is told soon"


def test_no_json_now_and_then_is_only_a_retry(client, reply):
    client.script(reply(200, b"<html>"), reply(500), reply(200, b"<html>"), reply(504), reply())
    assert client.get().status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [{"id": "1"}, {"id"',
        b'{"data": [{"id": "1"}',
        b'[{"id": "1"}, {"a": 2}',
        b"{",
        b"",
        b"   ",
        b'{"data": []}{"data": []}',
        b'{"a": tru}',
        b'{"a": {"b": 1}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_json_that_is_not_whole_is_asked_for_again(client, reply, gives_nothing_away, body):
    client.script(reply(200, body), reply())
    answer = client.get()
    assert answer.body == b'{"data": []}'
    assert answer.doubtful
    client.script(reply(200, body))
    client.server.asked.clear()
    with pytest.raises(GaveUpError) as caught:
        client.get()
    assert len(client.server.asked) == retry.MAX_ATTEMPTS
    gives_nothing_away(caught.value)


@pytest.mark.parametrize("body", [b"{}", b"[]", b' \n{"a": "}"}\r\n', b'{"a": 123456789012345678901234567890}'])
def test_whole_json_is_taken_as_it_came(client, reply, body):
    client.script(reply(200, body))
    assert client.get().body == body
    assert len(client.server.asked) == 1


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 307, 501, 505])
def test_neither_data_nor_an_error_stops_at_once(client, reply, gives_nothing_away, status):
    client.script(reply(status, b"", {"Location": f"{client.server.url}/elsewhere", "Retry-After": "7200"}))
    with pytest.raises(UnexpectedAnswerError) as caught:
        client.get()
    assert len(client.server.asked) == 1
    text = gives_nothing_away(caught.value)
    assert str(status) in text
    assert "req-42" in text


def test_counts_are_kept_by_route_template(client, reply):
    client.script(reply(502), reply())
    client.get()
    assert client.statistics.as_dict()["by_route"] == {"/v1/profiles/{idType}:{id}/traits": 2}
    assert client.statistics.requests == 2


def test_the_ways_to_be_retried_may_be_mixed(client, reply):
    ways = [reply(500), reply(how="reset"), reply(how="cut"), reply(200, b'{"a'), reply(429), reply(503)]
    client.script(*itertools.chain(ways, [reply()]))
    assert client.get().doubtful
    assert len(client.server.asked) == 7
