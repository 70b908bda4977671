"""Which answers of an event endpoint are believed."""

from dataclasses import replace

import pytest
from event_feed import Event, page_of

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source.asking import Asker, ask_soundly
from intilery_source.types import Query


def page(*times, unreadable=(), action="page"):
    """An answer with an event at each of these milliseconds."""
    events = (one if isinstance(one, Event) else Event(one * 1000, f"e{one}", action) for one in times)
    return page_of(*events, unreadable=unreadable)


class Endpoint:
    """Answers with its script in order, and its last line for ever."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.permitted = []

    def __call__(self, query, *, permitted=False):
        self.asked.append(query)
        self.permitted.append(permitted)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


QUERY = Query(start=100, end=200, size=3)


def test_a_page_with_something_new_is_believed_at_once():
    right = page(100, 150, 200)
    endpoint = Endpoint(right)
    assert Asker(endpoint).page(QUERY) is right
    assert endpoint.asked == [QUERY]


def test_an_empty_page_is_believed_when_it_comes_three_times():
    endpoint = Endpoint(page())
    assert Asker(endpoint).page(QUERY).length == 0
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize("times", [1, 2])
def test_an_empty_page_once_or_twice_is_not_the_end(times):
    right = page(150)
    assert Asker(Endpoint(*[page()] * times, right)).page(QUERY) is right


def test_the_page_before_is_asked_for_again():
    # given a proxy that answers once with the page before
    right = page(103, 104)
    endpoint = Endpoint(page(100, 101, 102), page(100, 101, 102), right)
    asker = Asker(endpoint)
    asker.page(QUERY)
    # then the second question gets its own answer
    assert asker.page(QUERY) is right
    assert len(endpoint.asked) == 3


def test_a_page_that_really_holds_nothing_new_is_believed_when_it_comes_three_times():
    endpoint = Endpoint(page(150))
    asker = Asker(endpoint)
    asker.page(QUERY)
    assert asker.page(QUERY).keys == ["e150"]
    assert len(endpoint.asked) == 4


def test_pages_without_anything_new_that_differ_do_not_bear_each_other_out():
    right = page(102)
    endpoint = Endpoint(page(100, 101), page(100), page(100), page(101), page(100), right)
    asker = Asker(endpoint)
    asker.page(QUERY)
    assert asker.page(QUERY) is right


def test_a_new_unreadable_element_is_something_new():
    endpoint = Endpoint(page(unreadable=[b"1"]), page(unreadable=[b"2"]))
    asker = Asker(endpoint)
    asker.page(QUERY)
    asker.page(QUERY)
    assert len(endpoint.asked) == 2
    asker.page(QUERY)
    assert len(endpoint.asked) == 5


CONTRADICTIONS = [
    (QUERY, page(100, 101, 102, 103), "4 events where at most 3 were asked for"),
    (QUERY, page(100, unreadable=[b"1", b"2", b"3"]), "4 events where at most 3"),
    (QUERY, page(102, 101), "not in the order asked for"),
    (Query(ascending=False), page(101, 102), "not in the order asked for"),
    (QUERY, page(99), "an event of 1970-01-01T00:00:00.099Z, which is outside the asked window"),
    (QUERY, page(201), "(1970-01-01T00:00:00.100Z to 1970-01-01T00:00:00.200Z)"),
    (Query(end=200), page(201), "(to 1970-01-01T00:00:00.200Z)"),
    (Query(start=100), page(99), "(1970-01-01T00:00:00.100Z to)"),
    (Query(include="order"), page(1, action="alice_action"), "another action than the one asked for"),
    (Query(include="order"), page(1, action=None), "another action than the one asked for"),
    (Query(exclude=("order", "alice_action")), page(1, action="alice_action"), "that was excluded"),
]


@pytest.mark.parametrize(("query", "wrong", "said"), CONTRADICTIONS)
def test_a_page_that_contradicts_the_question_once_is_asked_for_again(query, wrong, said):
    right = page(150, action=query.include or "page")
    assert ask_soundly(Endpoint(wrong, right), query) is right


@pytest.mark.parametrize(("query", "wrong", "said"), CONTRADICTIONS)
def test_a_page_that_contradicts_the_question_for_ever_is_an_error_that_quotes_no_event(query, wrong, said):
    endpoint = Endpoint(wrong)
    with pytest.raises(UnexpectedAnswerError) as caught:
        ask_soundly(endpoint, query)
    assert len(endpoint.asked) == 8
    assert said in str(caught.value)
    assert "req-42" in str(caught.value)
    assert "alice" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "right"),
    [
        (QUERY, page(100, 100, 200)),
        (Query(ascending=False), page(3, 2, 2)),
        (Query(), page(-5, 10**12)),
        (Query(include="order"), page(1, action="order")),
        (Query(exclude=("order",)), page(Event(1000, "a", None), Event(2000, "b"))),
        (Query(start=5, end=6), replace(page(unreadable=[b"1"]), earliest=1, latest=9)),
    ],
)
def test_a_page_that_fits_the_question_is_believed_at_once(query, right):
    endpoint = Endpoint(right)
    assert ask_soundly(endpoint, query) is right
    assert len(endpoint.asked) == 1


def test_one_permission_is_for_one_question():
    endpoint = Endpoint(page(99), page(99), page(100))
    ask_soundly(endpoint, QUERY, permitted=True)
    assert endpoint.permitted == [True, False, False]


def test_answers_that_never_agree_are_an_error():
    asker = Asker(Endpoint(page(*range(100, 110)), *[page(100 + n) for n in range(9)]), page_size=10)
    asker.page(Query(size=10))
    with pytest.raises(UnexpectedAnswerError, match=r"different answers to one question.*req-42"):
        asker.page(Query(size=10))


def test_too_large_an_answer_halves_the_size():
    asker = Asker(Endpoint(TooLargeError("413")))
    assert asker.size == 100
    for size, half in ((100, 50), (50, 25), (25, 12), (3, 1)):
        with pytest.raises(TooLargeError):
            asker.page(Query(size=size))
        assert asker.size == half
    with pytest.raises(TooLargeError):
        asker.page(Query(size=1))
    assert asker.size == 1
