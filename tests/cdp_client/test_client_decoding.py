"""The reader's own decoder in place of a second look at the body."""

import http.client

import msgspec
import pytest

from cdp_client import GaveUpError
from cdp_client.retry import MAX_ATTEMPTS, MAX_NOT_JSON_ATTEMPTS


class Page(msgspec.Struct):
    data: list[int]


decode = msgspec.json.Decoder(Page).decode


def get(client, decode=decode):
    return client.transport.get("/v1/events", "/v1/events", {}, decode=decode)


def test_what_the_decoder_makes_of_the_body_is_the_answers(client, reply):
    client.script(reply(body=b' {"data": [1, 2], "more": {}}\n'))
    answer = get(client)
    assert answer.decoded == Page([1, 2])
    assert answer.body == b' {"data": [1, 2], "more": {}}\n'


def test_each_body_is_decoded_once(client, reply):
    seen = []
    client.script(reply(500), reply())
    get(client, lambda body: seen.append(body))
    assert seen == [b'{"data": []}']


def test_without_a_decoder_nothing_is_decoded(client):
    assert client.get().decoded is None


@pytest.mark.parametrize(
    "body", [b'{"data": [1, 2', b'{"data": [1, {"a": 2}', b'{"data": []}}', b'{"data": tru}', b"", b'{"data": [1, "x"}']
)
def test_a_body_that_is_cut_is_asked_for_again(client, reply, body):
    client.script(reply(body=body), reply(body=b'{"data": [3]}'))
    answer = get(client)
    assert answer.decoded == Page([3])
    assert answer.doubtful
    client.script(reply(body=body))
    client.server.asked.clear()
    with pytest.raises(GaveUpError):
        get(client)
    assert len(client.server.asked) == MAX_ATTEMPTS


@pytest.mark.parametrize("body", [b'{"data": ["x"]}', b'{"other": 1}', b"[1]", b'{"data": "\\ud83d"}'])
def test_json_that_the_decoder_cannot_read_is_still_an_answer(client, reply, body):
    client.script(reply(body=body))
    answer = get(client)
    assert answer.decoded is None
    assert answer.body == body
    assert not answer.doubtful
    assert len(client.server.asked) == 1


def test_a_decoder_that_reads_too_deeply_has_not_read(client, reply):
    def deep(body: bytes) -> object:
        raise RecursionError

    assert get(client, deep).decoded is None


@pytest.mark.parametrize("body", [b"<html>", b"null", b'"text"'])
def test_what_is_no_json_object_is_none_for_any_decoder(client, reply, body):
    client.script(reply(body=body))
    with pytest.raises(GaveUpError):
        get(client, lambda body: body)
    assert len(client.server.asked) == MAX_NOT_JSON_ATTEMPTS


def test_a_mistake_in_the_decoder_is_no_reason_to_ask_again(client, reply):
    def wrong(body: bytes) -> object:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        get(client, wrong)
    assert len(client.server.asked) == 1


def test_connections_are_kept_and_made_anew_after_a_close(client, scripted):
    connections = []
    accept = scripted.get_request

    def get_request():
        connections.append(1)
        return accept()

    scripted.get_request = get_request
    for _ in range(3):
        assert client.get().status == 200
    assert len(connections) == 1
    client.transport.close()
    assert client.get().status == 200
    assert len(connections) == 2


@pytest.mark.parametrize("base_path", ["", "/", "/track", "/track/", "/a%2Fb/c"])
def test_the_path_of_the_base_address_comes_first(make_client, scripted, base_path, monkeypatch):
    sent = []
    putrequest = http.client.HTTPConnection.putrequest

    def seen(self, method, url, *args, **kwargs):
        sent.append(url)
        putrequest(self, method, url, *args, **kwargs)

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", seen)
    client = make_client(f"http://127.0.0.1:{scripted.server_port}{base_path}")
    client.transport.get("/v1/events", "/v1/events", {"a": "ä b/c"})
    client.transport.get("/v1/events", "/v1/events", {})
    expected = f"{base_path.rstrip('/')}/v1/events"
    assert sent == [f"{expected}?a=%C3%A4+b%2Fc", expected]
