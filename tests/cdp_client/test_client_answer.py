"""An answer's body as a type, and the errors when it is another one."""

import time
from typing import Any

import msgspec
import pytest

from cdp_client import Answer, UnexpectedAnswerError
from cdp_client.transport import now_of


class Page(msgspec.Struct):
    data: list[int]


def answer(body: bytes, now: int | None = None) -> Answer:
    return Answer("/v1/events", 200, body, "req-42", now, doubtful=False)


def test_body_is_decoded_as_the_type_asked_for():
    assert answer(b'{"data": [1, 2], "new": "key"}').decode(Page) == Page([1, 2])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"data": ["alice@example.com"]}', Page),
        (b'{"data": {"alice": 1}}', Page),
        (b'{"alice": 1}', Page),
        (b'["alice"]', Page),
        (b'"alice"', dict[str, Any]),
        (b'{"alice": ', Page),
        (b'{"data": "\xff alice"}', dict[str, Any]),
        (b'{"data": ' + b"[" * 100_000, dict[str, Any]),
        (b'{"alice": 1e999}', dict[str, Any]),
    ],
)
def test_another_shape_is_an_error_that_quotes_nothing(body, kind):
    with pytest.raises(UnexpectedAnswerError) as caught:
        answer(body).decode(kind)
    assert "/v1/events" in str(caught.value)
    assert "req-42" in str(caught.value)
    assert "alice" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_answers_clock_counts_and_else_this_machines():
    assert now_of(answer(b"{}", now=5)) == 5
    assert abs(now_of(answer(b"{}")) - time.time() * 1000) < 10_000
