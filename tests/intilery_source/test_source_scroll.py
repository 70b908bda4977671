"""Reading the list of profiles to its end, and knowing when that was not possible."""

import itertools

import msgspec
import pytest

from cdp_client import GaveUpError
from intilery_source.scroll import READINGS, Scroll
from intilery_source.types import ListedPage


def page(*ids, scroll="s", doubtful=False):
    profiles = [msgspec.Raw(b'{"id": "%s"}' % name.encode()) for name in ids]
    return ListedPage(profiles, scroll, ended=not profiles, expired=False, doubtful=doubtful)


END = ListedPage([], None, ended=True, expired=False, doubtful=False)
EXPIRED = ListedPage([], None, ended=False, expired=True, doubtful=False)
PROBE = page("a", scroll="probe")


class Account:
    """Answers with its readings, page by page; each begins with an answer on which nothing may hang."""

    def __init__(self, *readings):
        self.script = itertools.chain.from_iterable([PROBE, *reading] for reading in readings)
        self.asked = []

    def __call__(self, scroll_id):
        self.asked.append(scroll_id)
        return next(self.script)


def read(*readings):
    """What is listed, in order, by a scroll over these readings; and the scroll."""
    account = Account(*readings)
    scroll = Scroll(account)
    listed = [msgspec.json.decode(raw)["id"] for profiles in scroll.pages() for raw in profiles]
    assert next(account.script, None) is None, "all of the script was asked for"
    return listed, scroll, account


def test_pages_until_an_empty_one_that_comes_twice():
    listed, scroll, account = read([page("a", "b", scroll="s1"), page("c", scroll="s2"), page(scroll="s3"), page()])
    assert listed == ["a", "b", "c"]
    assert scroll.complete
    assert scroll.reason == ""
    assert account.asked == [None, None, "s1", "s2", "s3"], "always with the newest scroll id"


def test_an_end_without_a_scroll_id_is_asked_for_with_the_last_one():
    _, scroll, account = read([page("a", scroll="s1"), END, END])
    assert scroll.complete
    assert account.asked == [None, None, "s1", "s1"]


def test_an_end_by_not_found():
    listed, scroll, _ = read([page("a"), END, END])
    assert (listed, scroll.complete) == (["a"], True)


def test_a_scroll_that_is_gone_after_its_end_has_still_ended():
    listed, scroll, _ = read([page("a"), END, EXPIRED])
    assert (listed, scroll.complete, scroll.reason) == (["a"], True, "")


def test_an_account_without_profiles():
    listed, scroll, _ = read([END, END])
    assert (listed, scroll.complete) == ([], True)


def test_a_page_without_a_scroll_id_is_the_last():
    listed, scroll, _ = read([page("a", "b", scroll=None)])
    assert (listed, scroll.complete) == (["a", "b"], True)


def test_an_empty_page_once_is_no_end_and_the_list_is_read_again():
    listed, scroll, _ = read([page("a"), END, page("b"), END, END], [page("a"), page("b"), END, END])
    assert listed == ["a", "b", "a", "b"]
    assert scroll.complete


def test_a_page_that_comes_twice_once_is_no_end_and_the_list_is_read_again():
    listed, scroll, _ = read([page("a"), page("a"), page("b"), END, END], [page("a"), page("b"), END, END])
    assert listed == ["a", "b", "a", "b"], "what came again is not listed again"
    assert scroll.complete


def test_a_page_that_comes_for_ever_is_soon_no_complete_list():
    account = Account([page("a")] * 50)
    scroll = Scroll(account)
    assert len(list(scroll.pages())) == 1, "what was listed is given out"
    assert not scroll.complete
    assert "does not seem to know the parameter scrollId" in scroll.reason
    assert len(account.asked) == 6, "and the list is not read again"


@pytest.mark.parametrize("circle", [[page("a", "b"), page("b", "a")], [page("a"), page("b"), page("c")]])
def test_a_list_that_goes_in_a_circle_is_not_complete(circle):
    scroll = Scroll(Account(circle * 50))
    assert {msgspec.json.decode(raw)["id"] for raws in scroll.pages() for raw in raws} >= {"a", "b"}
    assert not scroll.complete
    assert "scrollId" in scroll.reason


def test_pages_that_come_twice_now_and_then_are_no_circle():
    twice = [page(name) for name in "aabbccddee"]
    listed, scroll, _ = read([*twice, END, END], [*twice[::2], END, END])
    assert listed == list("abcde") * 2
    assert scroll.complete


def test_pages_that_share_some_profiles_do_advance():
    listed, scroll, _ = read([page("a", "b"), page("b", "c"), page("c", "d"), END, END])
    assert listed == ["a", "b", "b", "c", "c", "d"]
    assert scroll.complete


def test_an_expired_scroll_begins_again_from_the_first_page():
    listed, scroll, account = read([page("a", scroll="s1"), EXPIRED], [page("a", scroll="t1"), page("b"), END, END])
    assert listed == ["a", "a", "b"]
    assert scroll.complete
    assert account.asked[:6] == [None, None, "s1", None, None, "t1"]


def test_a_lost_answer_is_read_to_the_end_and_then_again():
    lost = [page("a"), page("c", doubtful=True), page("d"), END, END]
    listed, scroll, _ = read(lost, [page("a"), page("b"), page("c"), page("d"), END, END])
    assert listed == ["a", "c", "d", "a", "b", "c", "d"]
    assert scroll.complete


def test_a_lost_first_answer_is_only_one_more_scroll():
    _, scroll, _ = read([page("a", doubtful=True), page("b"), END, END])
    assert scroll.complete


def test_a_lost_answer_at_the_end_counts_too():
    end = ListedPage([], None, ended=True, expired=False, doubtful=True)
    _, scroll, _ = read([page("a"), end, END], [page("a"), page("b"), END, END])
    assert scroll.complete


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([page("a"), page("b", doubtful=True), END, END], "an answer was lost"),
        ([page("a"), EXPIRED], "expired"),
        ([page("a"), page("a"), END, END], "came twice"),
        ([page("a"), END, page("b"), END, END], "went on after its end"),
    ],
)
def test_after_three_times_again_it_is_incomplete_with_a_reason(bad, reason):
    listed, scroll, account = read(*[bad] * READINGS)
    assert READINGS == 4
    assert not scroll.complete
    assert reason in scroll.reason
    assert listed.count("a") == 4, "what any reading listed is there"
    assert account.asked.count(None) == 8


def test_the_fourth_reading_may_still_be_complete():
    bad = [page("a"), EXPIRED]
    _, scroll, _ = read(bad, bad, bad, [page("a"), END, END])
    assert scroll.complete


def test_nothing_hangs_on_the_first_answer():
    # given a first answer that is another request's
    account = Account([page("x"), END, END])
    answers = iter([page("stale", doubtful=True), *itertools.islice(account.script, 1, None)])
    scroll = Scroll(lambda _: next(answers))
    assert [bytes(raw) for profiles in scroll.pages() for raw in profiles] == [b'{"id": "x"}']
    assert scroll.complete


def test_an_error_passes_through_and_nothing_is_complete():
    def fail(_):
        raise GaveUpError("...")

    scroll = Scroll(fail)
    with pytest.raises(GaveUpError):
        list(scroll.pages())
    assert not scroll.complete
