"""Which answers of an event endpoint are believed."""

import msgspec
import pytest

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source.asking import Asker
from intilery_source.types import EventPage, Hit, Query

NOW = 1_700_000_000_000


def hit(time, name=None, action="page"):
    return Hit(time, True, name or f"e{time}", action, 0, "", msgspec.Raw(b"{}"))


def page(*hits, unreadable=(), now=NOW):
    found = [one if isinstance(one, Hit) else hit(one) for one in hits]
    latest = max((one.time for one in found), default=None)
    raws = [msgspec.Raw(raw) for raw in unreadable]
    return EventPage(found, raws, len(found) + len(raws), latest, latest, now, "req-42")


class Endpoint:
    """Answers with its script in order."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []

    def __call__(self, query):
        self.asked.append(query)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


QUERY = Query(start=100, end=200, size=3)


def test_a_page_with_something_new_is_believed_at_once():
    endpoint = Endpoint(page(100, 150, 200))
    asker = Asker(endpoint)
    assert asker.page(QUERY) == page(100, 150, 200)
    assert endpoint.asked == [QUERY]


def test_an_empty_page_is_believed_when_it_comes_twice():
    endpoint = Endpoint(page())
    assert Asker(endpoint).page(QUERY).length == 0
    assert len(endpoint.asked) == 2


def test_an_empty_page_once_is_not_the_end():
    assert Asker(Endpoint(page(), page(150))).page(QUERY) == page(150)


def test_the_page_before_is_asked_for_again():
    # given a proxy that answers once with the page before
    endpoint = Endpoint(page(100, 101, 102), page(100, 101, 102), page(103, 104))
    asker = Asker(endpoint)
    asker.page(QUERY)
    # then the second question gets its own answer
    assert asker.page(Query(start=100, end=200, size=3)) == page(103, 104)
    assert len(endpoint.asked) == 3


def test_a_page_that_really_holds_nothing_new_is_believed_when_it_comes_twice():
    endpoint = Endpoint(page(150))
    asker = Asker(endpoint)
    asker.page(QUERY)
    assert asker.page(QUERY) == page(150)
    assert len(endpoint.asked) == 3


def test_a_new_unreadable_element_is_something_new():
    endpoint = Endpoint(page(unreadable=[b"1"]), page(unreadable=[b"2"]), page(unreadable=[b"2"]))
    asker = Asker(endpoint)
    asker.page(QUERY)
    asker.page(QUERY)
    assert len(endpoint.asked) == 2
    asker.page(QUERY)
    assert len(endpoint.asked) == 4


@pytest.mark.parametrize(
    ("query", "wrong", "said"),
    [
        (QUERY, page(100, 101, 102, 103), "4 events where at most 3 were asked for"),
        (QUERY, page(100, unreadable=[b"1", b"2", b"3"]), "4 events where at most 3"),
        (QUERY, page(102, 101), "not in the order asked for"),
        (Query(ascending=False), page(101, 102), "not in the order asked for"),
        (QUERY, page(99), "an event of 1970-01-01T00:00:00.099Z, which is outside the asked window"),
        (QUERY, page(201), "(1970-01-01T00:00:00.100Z to 1970-01-01T00:00:00.200Z)"),
        (Query(end=200), page(201), "(to 1970-01-01T00:00:00.200Z)"),
        (Query(start=100), page(99), "(1970-01-01T00:00:00.100Z to)"),
        (Query(include="order"), page(hit(1, action="alice_action")), "another action than the one asked for"),
        (Query(include="order"), page(hit(1, action=None)), "another action than the one asked for"),
        (Query(exclude=("order", "alice_action")), page(hit(1, action="alice_action")), "that was excluded"),
    ],
)
def test_a_page_that_contradicts_the_question(query, wrong, said):
    # once, it is asked for again
    right = page(hit(150, action=query.include or "page"))
    endpoint = Endpoint(wrong, right)
    assert Asker(endpoint).page(query) == right
    # for ever, it is an error that says what is wrong and quotes no event
    endpoint = Endpoint(wrong)
    with pytest.raises(UnexpectedAnswerError) as caught:
        Asker(endpoint).page(query)
    assert len(endpoint.asked) == 8
    assert said in str(caught.value)
    assert "req-42" in str(caught.value)
    assert "alice" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "right"),
    [
        (QUERY, page(100, 100, 200)),
        (Query(ascending=False), page(3, 2, 2)),
        (Query(), page(-5, 10**14)),
        (Query(include="order"), page(hit(1, action="order"))),
        (Query(exclude=("order",)), page(hit(1, action=None), hit(2, action="page"))),
    ],
)
def test_a_page_that_fits_the_question(query, right):
    endpoint = Endpoint(right)
    assert Asker(endpoint).page(query) == right
    assert len(endpoint.asked) == 1


def test_answers_that_never_agree_are_an_error():
    asker = Asker(Endpoint(page(*range(100, 110)), *[page(100 + n) for n in range(9)]), page_size=10)
    asker.page(Query(size=10))
    with pytest.raises(UnexpectedAnswerError, match=r"different answers to one question.*req-42"):
        asker.page(Query(size=10))


def test_too_large_an_answer_halves_the_size_and_it_grows_again():
    asker = Asker(Endpoint(TooLargeError("413")))
    assert asker.size == 100
    for size, half in ((100, 50), (50, 25), (25, 12), (3, 1)):
        with pytest.raises(TooLargeError):
            asker.page(Query(size=size))
        assert asker.size == half
    with pytest.raises(TooLargeError):
        asker.page(Query(size=1))
    assert asker.size == 1
    sizes = []
    for _ in range(8):
        asker.grow()
        sizes.append(asker.size)
    assert sizes == [2, 4, 8, 16, 32, 64, 100, 100]
