"""What nothing may be lost or doubled without: taken out, one piece at a time, the checks of this folder must fail."""

from collections.abc import Callable
from typing import Any

import event_feed
import pytest
from event_feed import Event, Feed, T
from plan_driver import Driver, check
from traffic import drive, uneven

from intilery_source import coverage, event_loads, paging, pieces, planner, ties, watermark
from intilery_source.instants import write
from intilery_source.planner import Planner

CROWDED = [Event((T + at) * 1000, f"{at}-{place}", "ab"[place % 2]) for at in (0, 7, 9) for place in range(90)]
SINGLE = [Event((T + at * 1000) * 1000, f"e{at}") for at in range(300)]
DOUBLED = SINGLE + SINGLE[::7]


def read(events: list[Event], **meanings: Any) -> None:
    """Read with pages of 10 under a cap of 60, in some orders of answers, from an event's very instant on."""
    for seed in range(8):
        feed = Feed(events, cap=60, seed=seed, **meanings)
        reading = Driver(feed, Planner(T, None, page_size=10, cap=60, eager=seed % 2 == 0), seed=seed).run()
        check(feed, T, None, reading)


def requests() -> int:
    return drive(uneven(1, 50_000), Planner(None, None, eager=True)).requests


def without_ties(patch: pytest.MonkeyPatch) -> None:
    whole = ties.InstantReader.read
    patch.setattr(ties.InstantReader, "read", lambda reader, instant: list(whole(reader, instant))[:1])


def without_division_by_action(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ties.InstantReader, "_by_action", lambda reader, instant: iter(()))


def without_overlap_of_questions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planner, "OVERLAP", 0)


def without_deduplication(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pieces, "set", list, raising=False)


def without_contiguity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(coverage.Coverage, "reach", lambda covered, start: max([start, *covered._ends]))


@pytest.mark.parametrize(
    ("take_out", "events", "meanings", "complaint"),
    [
        (without_ties, CROWDED, {}, "are lost"),
        (without_division_by_action, CROWDED, {}, "are lost"),
        (without_overlap_of_questions, SINGLE, {"start_inclusive": False}, "are lost"),
        (without_deduplication, DOUBLED, {}, "more than once"),
        (without_contiguity, SINGLE, {}, "are lost|order of time|not an edge|not in its window"),
    ],
)
def test_what_is_taken_out_is_missed(
    monkeypatch: pytest.MonkeyPatch,
    take_out: Callable[[pytest.MonkeyPatch], None],
    events: list[Event],
    meanings: dict[str, Any],
    complaint: str,
) -> None:
    read(events, **meanings)
    take_out(monkeypatch)
    with pytest.raises(AssertionError, match=complaint):
        read(events, **meanings)


def test_pages_that_do_not_overlap_cost_twice_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing is lost even so: what no overlap vouches for is asked for again
    before = requests()
    monkeypatch.setattr(paging.Paging, "step", lambda self, stretch: self.size)
    read(SINGLE)
    assert requests() > 1.5 * before


def test_a_load_gives_out_twice_what_it_does_not_remember() -> None:
    piece = pieces.piece_of(event_feed.page_of(*SINGLE[:3]), 0, 3)
    released: set[Any] = set()
    assert event_loads._new_rows(piece, released).num_rows == 3
    assert event_loads._new_rows(piece, released).num_rows == 0
    assert event_loads._new_rows(piece, set()).num_rows == 3


def test_the_watermark_stays_before_what_could_not_be_read() -> None:
    state: dict[str, Any] = {}
    current = watermark.Pass(T, None, T + 500, T + 400, T + 100, None, backfill=True)
    watermark.store(state, current, finished=True)
    assert state["watermark"] == write(T + 100)
    current.blocked = None
    watermark.store(state, current, finished=True)
    assert state["watermark"] == write(T + 500)
