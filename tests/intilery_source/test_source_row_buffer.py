"""Hits on their way to rows: each event once, and none before its instant was read completely."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from intilery_source.event_loads import RowBuffer
from intilery_source.types import Hit


def hit(time, name="e", received=2024, profile="", raw=b"{}"):
    return Hit(time, True, name, "page", received, profile, msgspec.Raw(raw))


def added(*hits):
    buffer = RowBuffer()
    for one in hits:
        buffer.add(one)
    return buffer


def test_hits_are_held_until_their_instant_is_behind():
    buffer = added(hit(1, "a"), hit(2, "b"), hit(3, "c"))
    assert [one.id for one in buffer.release(1)] == []
    assert [one.id for one in buffer.release(3)] == ["a", "b"]
    assert [one.id for one in buffer.release(3)] == []
    assert [one.id for one in buffer.release(None)] == ["c"]


def test_of_two_copies_the_one_received_first_is_kept_whichever_came_first():
    early, late = hit(1, received=1, raw=b"[1]"), hit(1, received=2, raw=b"[0]")
    assert added(early, late).release(None) == [early]
    assert added(late, early).release(None) == [early]


def test_of_two_copies_received_together_the_choice_does_not_hang_on_the_order():
    one, other = hit(1, raw=b"[1]"), hit(1, raw=b"[2]")
    assert added(one, other).release(None) == added(other, one).release(None) == [one]


def test_what_was_released_does_not_come_again_even_with_another_time():
    buffer = added(hit(1))
    assert len(buffer.release(2)) == 1
    buffer.add(hit(1, received=0))
    buffer.add(hit(5))
    assert buffer.release(None) == []


def test_the_same_event_of_two_profiles_is_two_rows():
    assert len(added(hit(1, profile="p"), hit(1, profile="q"), hit(1, profile="p")).release(None)) == 2


def test_buffers_of_one_load_share_what_was_released():
    released = set()
    first, second = RowBuffer(released), RowBuffer(released)
    first.add(hit(1))
    assert len(first.release(None)) == 1
    second.add(hit(1))
    assert second.release(None) == []
    assert len(added(hit(1)).release(None)) == 1, "others do not"


HITS = st.builds(
    hit, st.integers(0, 9), st.sampled_from("abcd"), st.sampled_from([0, 1, 2]), st.sampled_from(["", "p"])
)


@given(st.lists(HITS), st.lists(st.integers(0, 9)).map(sorted))
def test_each_event_comes_once_and_none_is_lost(hits, edges):
    # given hits that come in order of time, released now and then
    buffer = RowBuffer()
    released: list[Hit] = []
    waiting = sorted(hits, key=lambda one: one.time)
    for edge in edges:
        while waiting and waiting[0].time < edge:
            buffer.add(waiting.pop(0))
        ready = buffer.release(edge)
        assert all(one.time < edge for one in ready)
        released += ready
    for one in waiting:
        buffer.add(one)
    released += buffer.release(None)
    # then each event was let go once
    keys = [(one.profile, one.id) for one in released]
    assert len(keys) == len(set(keys))
    assert set(keys) == {(one.profile, one.id) for one in hits}
