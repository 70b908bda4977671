"""What the ledger says of all time: what counts is what was read last, and nothing may lie between."""

from hypothesis import given
from hypothesis import strategies as st

from intilery_source.recount import LedgerRow, Shown, standing, was_known

_rows = st.builds(
    lambda start, length, known, complete: LedgerRow(start, start + length, 0, complete, known, known, False),
    st.integers(0, 40),
    st.integers(1, 20),
    st.integers(0, 5),
    st.booleans(),
)


def row(start: int, end: int, known: int, *, complete: bool = True, of_range: bool = False, read: int = 0) -> LedgerRow:
    return LedgerRow(start, end, 1, complete, known, read, of_range)


def test_a_later_reading_counts() -> None:
    found = standing([row(0, 10, 1), row(5, 20, 2)], 20)
    assert [(part.start, part.end, part.window.known_at, part.whole) for part in found.parts] == [
        (0, 5, 1, False),
        (5, 20, 2, True),
    ]
    assert (found.gaps, found.incomplete) == ([], [])


def test_of_one_clock_the_one_read_last_counts() -> None:
    found = standing([row(0, 10, 1, complete=False, read=1), row(0, 10, 1, read=2)], 10)
    assert (found.gaps, found.incomplete) == ([], [])


def test_a_gap_before_the_watermark_is_found() -> None:
    assert standing([row(0, 10, 1), row(12, 20, 1)], 25).gaps == [(10, 12), (20, 25)]
    assert standing([row(0, 10, 1), row(12, 20, 1)], 11).gaps == [(10, 11)]
    assert standing([row(0, 10, 1)], None).gaps == []


def test_what_a_range_read_before_the_first_event_leaves_no_gap() -> None:
    rows = [row(0, 10, 5, of_range=True), row(50, 60, 1)]
    assert standing(rows, 60).gaps == []
    # but inside it may close one
    assert standing([row(0, 10, 1), row(10, 20, 2, of_range=True), row(20, 30, 1)], 30).gaps == []


def test_an_incomplete_window_before_the_watermark_is_found() -> None:
    rows = [row(0, 10, 1), row(10, 11, 1, complete=False), row(11, 20, 1)]
    assert standing(rows, 20).incomplete == [(10, 11)]
    assert standing(rows, 10).incomplete == []
    assert standing([*rows, row(5, 20, 2)], 20).incomplete == []


@given(rows=st.lists(_rows, max_size=8), reached=st.integers(0, 60))
def test_each_instant_is_what_its_last_reading_says(rows: list[LedgerRow], reached: int) -> None:
    found = standing(rows, reached)
    first = min((window.start for window in rows), default=None)
    for instant in range(60):
        covering = [window for window in rows if window.start <= instant < window.end]
        parts = [part for part in found.parts if part.start <= instant < part.end]
        gap = any(start <= instant < end for start, end in found.gaps)
        assert gap == (not covering and first is not None and first <= instant < reached)
        latest = max((window.known_at for window in covering), default=None)
        if parts:
            assert len(parts) == 1
            assert parts[0].window.complete
            assert parts[0].window.known_at == latest
        elif covering:
            assert not all(window.complete for window in covering if window.known_at == latest)


def test_what_was_received_when_the_pass_began_was_known() -> None:
    assert was_known(Shown("e", 7_000), 7)
    assert not was_known(Shown("e", 7_001), 7)
    assert was_known(Shown("e", None), 7)
