"""Rows on their way: each instant once and whole, in the order of time, none before all that comes before it."""

from event_feed import Event, Feed, page_of
from hypothesis import given
from hypothesis import strategies as st

from intilery_source.pieces import Pieces, instant_pieces, piece_of
from intilery_source.types import EventPage


def at(*millis: int) -> EventPage:
    """An answer with an event at each of these milliseconds."""
    return page_of(*(Event(one * 1000, f"e{place}-{one}") for place, one in enumerate(millis)))


def taken(pieces: Pieces) -> list[str]:
    keys = []
    while (piece := pieces.take()) is not None:
        assert piece.rows.column("event_id").to_pylist() == piece.keys
        keys += piece.keys
    return keys


def test_what_comes_later_waits_for_what_comes_before() -> None:
    pieces = Pieces(0)
    # given a page whose begin nobody has read
    assert pieces.cover(at(5, 6, 7), 6, 7)
    assert (pieces.take(), pieces.held, pieces.ready, pieces.reached, pieces.position) == (None, 1, 0, 0, 0)
    # when what comes before it is read
    assert pieces.cover(at(1, 5), 0, 6)
    # then all of it can be taken
    assert (pieces.held, pieces.ready, pieces.reached, pieces.position) == (3, 3, 7, 1)
    assert taken(pieces) == ["e0-1", "e1-5", "e1-6"]
    assert (pieces.held, pieces.ready, pieces.position) == (0, 0, 7)


def test_an_instant_is_taken_from_one_page_only() -> None:
    pieces = Pieces(0)
    pieces.cover(at(1, 2, 3), 0, 3)
    assert not pieces.cover(at(1, 2, 3), 1, 3)
    assert pieces.cover(page_of(Event(2000, "other"), Event(3000, "new")), 2, 5)
    assert taken(pieces) == ["e0-1", "e1-2", "new"]


def test_nothing_from_before_the_start_is_taken() -> None:
    pieces = Pieces(10)
    pieces.cover(at(8, 9, 10, 11), 9, 12)
    assert taken(pieces) == ["e2-10", "e3-11"]


def test_a_page_tells_of_an_event_shortly_before_its_last_instant() -> None:
    pieces = Pieces(0)
    pieces.anchor(at(1, 4, 9, 9))
    assert pieces.event_before(9) == 4
    assert pieces.event_before(4) is None
    pieces.anchor(at(20, 20))
    assert pieces.event_before(20) is None


def test_a_crowded_instant_comes_from_many_pages() -> None:
    pieces = Pieces(0)
    pieces.cover(at(1), 0, 5)
    crowd = [page_of(Event(5000, "a"), Event(5500, "b")), page_of(Event(5000, "a"), Event(5999, "c"), Event(6000, "d"))]
    pieces.cover_instant(5, instant_pieces(crowd, 5))
    pieces.cover(at(6), 6, 8)
    assert taken(pieces) == ["e0-1", "a", "b", "c", "e0-6"]


COPIES = st.lists(st.builds(Event, st.just(1000), st.sampled_from("abcd"), st.just("x"), st.sampled_from([1, 2, 3])))


@given(COPIES)
def test_of_several_copies_the_one_received_first_is_kept(events: list[Event]) -> None:
    page = Feed([], wide=True).page(events)
    if not events:
        return
    for piece in (piece_of(page, 0, len(events)), *instant_pieces([page], 1)):
        received = dict(zip(piece.keys, piece.rows.column("received_time").cast("int64").to_pylist(), strict=True))
        assert received == {
            name: min(event.received for event in events if event.key == name) for name in {e.key for e in events}
        }
        assert sorted(received) == sorted(piece.keys)


@given(COPIES, st.integers(0, 5), st.randoms())
def test_the_copy_that_is_kept_does_not_hang_on_the_page_it_comes_with(events, cut, chooser) -> None:
    feed = Feed([], wide=True)
    shuffled = list(events)
    chooser.shuffle(shuffled)
    kept = []
    for order in (events, shuffled):
        pages = [feed.page(order[:cut]), feed.page(order[cut:])]
        rows = [row for piece in instant_pieces(pages, 1) for row in piece.rows.to_pylist()]
        kept.append(sorted((row["event_id"], row["received_time"]) for row in rows))
    assert kept[0] == kept[1]
