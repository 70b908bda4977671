"""An answer's body as a type, and the errors when it is another one."""

import time

import msgspec
import pytest

from cdp_client import Answer, UnexpectedAnswerError
from cdp_client.transport import now_of


def answer(body: bytes, now: int | None = None) -> Answer:
    return Answer("/v1/events", 200, body, "req-42", now, doubtful=False)


def test_a_body_is_taken_apart_without_reading_its_pieces():
    found = answer(b'{"data": [{"a": 1.0}, "b"], "new": "key"}')
    assert [bytes(piece) for piece in found.elements("data")] == [b'{"a": 1.0}', b'"b"']
    assert found.members().keys() == {"data", "new"}
    assert found.object() == {"data": [{"a": 1.0}, "b"], "new": "key"}


def test_half_of_a_surrogate_pair_spoils_only_its_own_piece():
    found = answer(b'{"data": [{"a": "\\ud83d"}, {"b": 2}]}')
    first, second = found.elements("data")
    assert msgspec.json.decode(second) == {"b": 2}
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(first)
    assert found.object() == {"data": [{"a": "\ud83d"}, {"b": 2}]}


@pytest.mark.parametrize("read", [Answer.members, Answer.object, lambda found: found.elements("data")])
@pytest.mark.parametrize(
    "body",
    [
        b'["alice"]',
        b'"alice"',
        b'["alice \\ud83d"]',
        b'{"alice": ',
        b'{"data": ' + b"[" * 100_000,
        b'{"alice": 1e999, "data": "\\ud83d"}',
    ],
)
def test_another_shape_is_an_error_that_quotes_nothing(body, read):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read(answer(body))
    assert "/v1/events" in str(caught.value)
    assert "req-42" in str(caught.value)
    assert "alice" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [b'{"alice": 1}', b'{"data": {"alice": 1}}', b'{"data": "alice"}', b'{"data": null}', b'{"data": "\xff alice"}'],
)
def test_a_list_that_is_missing_is_an_error(body):
    with pytest.raises(UnexpectedAnswerError, match="another shape") as caught:
        answer(body).elements("data")
    assert "alice" not in str(caught.value)


def test_text_that_is_no_text_is_an_error():
    with pytest.raises(UnexpectedAnswerError, match="not JSON") as caught:
        answer(b'{"data": "\xff alice"}').object()
    assert "alice" not in str(caught.value)


def test_the_answers_clock_counts_and_else_this_machines():
    assert now_of(answer(b"{}", now=5)) == 5
    assert abs(now_of(answer(b"{}")) - time.time() * 1000) < 10_000
    assert abs(now_of(answer(b"{}", now=4 * 10**12)) - time.time() * 1000) < 10_000, "none is to run ahead"
