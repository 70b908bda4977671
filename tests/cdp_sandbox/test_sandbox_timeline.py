"""The quick search against a slow, obvious one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_sandbox import timeline
from cdp_sandbox.timeline import Search, Timeline


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    block, timeline._BLOCK = timeline._BLOCK, 4
    yield
    timeline._BLOCK = block


instants = st.integers(0, 12)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(instants, instants, st.integers(0, 2)), max_size=40),
    st.tuples(instants, instants, instants, st.integers(1, 12)),
    st.none() | st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.booleans(),
    st.booleans(),
)
def test_finds_what_a_loop_finds(events, bounds, actions, descending, whole_ties):
    first, end, clock, needed = bounds
    events = sorted(events, key=lambda event: event[0])
    keys, received, action = (np.array([event[part] for event in events], dtype=np.int64) for part in range(3))
    flags = None if actions is None else np.array(actions)
    search = Search(first, end, clock, flags, descending, needed, whole_ties)
    found, found_keys = Timeline(keys, received, action.astype(np.int16)).search(search)

    expected = [
        place
        for place, (key, came, kind) in enumerate(events)
        if first <= key < end and came <= clock and (actions is None or actions[kind])
    ]
    if descending:
        expected.reverse()
    last = events[expected[:needed][-1]][0] if expected else None
    count = sum(1 for place in expected if events[place][0] == last)
    kept = expected[:needed]
    if whole_ties and expected:
        start = next(number for number, place in enumerate(expected) if events[place][0] == last)
        kept = expected[: start + count]
    assert found.tolist() == kept
    assert found_keys.tolist() == [events[place][0] for place in kept]
