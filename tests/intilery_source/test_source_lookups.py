"""Look-ups side by side, of which some fail."""

import threading
import time

import pytest

from cdp_client import (
    AuthenticationError,
    GaveUpError,
    RefusedError,
    TooLargeError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTooLongError,
)
from intilery_source.lookups import Lookups


@pytest.fixture
def lookups_of():
    made = []

    def make(ask, max_in_flight=8):
        made.append(Lookups(ask, max_in_flight))
        return made[-1]

    yield make
    for lookups in made:
        lookups.close()


def test_answers_come_in_the_order_asked_for(lookups_of):
    def ask(profile_id):
        time.sleep(0.02 if profile_id == "p0" else 0)
        return {"id": profile_id}

    ids = [f"p{n}" for n in range(30)]
    lookups = lookups_of(ask)
    assert list(lookups.answers(ids)) == [(name, {"id": name}) for name in ids]
    assert lookups.failed == {}


def test_a_profile_that_does_not_exist_is_done_without_an_answer(lookups_of):
    lookups = lookups_of(lambda name: None if name == "gone" else {"id": name})
    assert [name for name, _ in lookups.answers(["a", "gone", "b"])] == ["a", "b"]
    assert lookups.failed == {}


@pytest.mark.parametrize("error", [GaveUpError, RefusedError, TooLargeError, UnexpectedAnswerError])
def test_one_that_fails_is_put_aside_and_may_succeed_later(lookups_of, error):
    failing = {"b"}

    def ask(name):
        if name in failing:
            raise error("It failed.")
        return {"id": name}

    lookups = lookups_of(ask)
    assert [name for name, _ in lookups.answers(["a", "b", "c"])] == ["a", "c"]
    assert lookups.failed == {"b": "It failed."}
    failing.clear()
    assert [name for name, _ in lookups.answers(["b"])] == ["b"]
    assert lookups.failed == {}


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("The token was refused."),
        UnreachableError("Nobody is there."),
        WaitTooLongError("Later."),
        KeyError("a mistake of ours"),
    ],
)
def test_what_is_not_the_profiles_fault_stops(lookups_of, error):
    def ask(name):
        if name == "b":
            raise error
        return {"id": name}

    answers = lookups_of(ask).answers(["a", "b", "c"])
    assert next(answers)[0] == "a"
    with pytest.raises(type(error)):
        next(answers)


def test_after_twenty_failures_in_a_row_no_more_are_tried(lookups_of):
    asked = []

    def ask(name):
        asked.append(name)
        raise GaveUpError(f"The failure of number {name}.")

    lookups = lookups_of(ask)
    assert list(lookups.answers([str(n) for n in range(20)])) == []
    assert list(lookups.answers([str(n) for n in range(20, 50)])) == []
    assert len(asked) == 20
    assert len(lookups.failed) == 50, "all are kept for the next run"
    assert lookups.failed["0"] == "The failure of number 0."
    assert lookups.failed["49"].startswith("Not tried: 20 look-ups before it")


def test_failures_in_a_row_are_counted_over_pages_and_forgiven_by_a_success(lookups_of):
    asked = []

    def ask(name):
        asked.append(name)
        if name.startswith("bad"):
            raise GaveUpError("It failed.")
        return None if name == "gone" else {"id": name}

    lookups = lookups_of(ask)
    for success in ("good", "gone", "good"):
        list(lookups.answers([f"bad{n}" for n in range(19)]))
        list(lookups.answers([success]))
    list(lookups.answers([f"bad{n}" for n in range(19)]))
    list(lookups.answers(["bad"]))
    asked.clear()
    list(lookups.answers(["good"]))
    assert asked == []


def test_as_many_are_in_flight_as_may_be_and_no_more(lookups_of):
    together = threading.Barrier(6)
    lock = threading.Lock()
    flying = [0, 0]

    def ask(name):
        with lock:
            flying[0] += 1
            flying[1] = max(flying)
        together.wait(2)
        with lock:
            flying[0] -= 1
        return {}

    assert len(list(lookups_of(ask, 6).answers([str(n) for n in range(12)]))) == 12
    assert flying[1] == 6


def test_closing_waits_for_nothing_that_has_not_begun():
    asked = []

    def ask(name):
        asked.append(name)
        time.sleep(0.001)
        return {}

    lookups = Lookups(ask, 1)
    answers = lookups.answers([str(n) for n in range(300)])
    next(answers)
    lookups.close()
    assert len(asked) < 200
