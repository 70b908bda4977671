"""Feeds for property tests, and the ways in which one may be read."""

import random
from dataclasses import dataclass
from typing import Any, Literal

from event_feed import Event, Feed, T
from hypothesis import strategies as st
from plan_driver import Driver


@dataclass(frozen=True)
class Case:
    """What an endpoint means by its parameters, and how it is read."""

    start_inclusive: bool
    end_inclusive: bool
    from_counts_pages: bool
    shuffled: bool
    over_cap: Literal["error", "empty", "repeat"]
    cap: int
    page_size: int
    start: int | None
    end: int | None
    ahead: int
    eager: bool
    at_once: int
    habit: str
    slow: bool
    seed: int

    def feed(self, events: list[Event], **others: Any) -> Feed:
        """An endpoint that shows these events."""
        return Feed(
            events,
            start_inclusive=self.start_inclusive,
            end_inclusive=self.end_inclusive,
            from_counts_pages=self.from_counts_pages,
            shuffled=self.shuffled,
            over_cap=self.over_cap,
            cap=self.cap,
            seed=self.seed,
            **others,
        )

    def span(self, feed: Feed) -> tuple[int | None, int | None]:
        """What to read: bounds on events' instants and a millisecond beside them, or none."""
        times = sorted({event.millis for event in feed.at_first}) or [T]
        bounds = [
            None if place is None else times[place // 3 % len(times)] + place % 3 - 1
            for place in (self.start, self.end)
        ]
        if bounds[0] is not None and bounds[1] is not None:
            bounds.sort(key=lambda bound: bound or 0)
        return bounds[0], bounds[1]

    def some(self, events: list[Event], share: float) -> frozenset[str]:
        """The identifiers of a share of the events."""
        chooser = random.Random(self.seed)
        return frozenset(event.key for event in events if chooser.random() < share)


def doubled(feed: Feed) -> bool:
    """Whether an identifier is there more than once."""
    return len(feed.visible) > len({event.key for event in feed.visible})


def cases() -> st.SearchStrategy[Case]:
    bound = st.none() | st.integers(0, 299)
    return st.builds(
        Case,
        start_inclusive=st.booleans(),
        end_inclusive=st.booleans(),
        from_counts_pages=st.booleans(),
        shuffled=st.booleans(),
        over_cap=st.sampled_from(["error", "empty", "repeat"]),
        cap=st.sampled_from([60, 200]),
        page_size=st.sampled_from([20, 10, 4]),
        start=bound,
        end=bound,
        ahead=st.sampled_from([10**6, 300, 40]),
        eager=st.booleans(),
        at_once=st.sampled_from([1, 3, 8, 30]),
        habit=st.sampled_from(Driver.HABITS),
        slow=st.booleans(),
        seed=st.integers(0, 9_999),
    )


@st.composite
def crowds(draw: st.DrawFn) -> list[Event]:
    """A few milliseconds, some of them crowded, some with fractions; a few events come twice."""
    events: list[Event] = []
    for milli in range(draw(st.integers(1, 5))):
        for part in draw(st.lists(st.sampled_from([0, 0, 0, 1, 500, 999]), min_size=1, max_size=3)):
            for action in draw(st.sampled_from(["a", "ab", "abc"])):
                for _ in range(draw(st.sampled_from([0, 1, 2, 7, 12, 25]))):
                    events.append(Event((T + milli) * 1000 + part, f"e{len(events)}", action))
    return events + (draw(st.lists(st.sampled_from(events), max_size=4)) if events else [])


@st.composite
def long_spans(draw: st.DrawFn) -> list[Event]:
    """Events of years, in bursts and at rest."""
    chooser = random.Random(draw(st.integers(0, 9_999)))
    events: list[Event] = []
    time = T * 1000
    gaps, counts = st.sampled_from([1, 1000, 10**6, 10**9, 10**11]), st.sampled_from([1, 3, 20, 150])
    for gap, count in draw(st.lists(st.tuples(gaps, counts), max_size=10)):
        for _ in range(count):
            time += int(chooser.expovariate(1 / gap)) if chooser.random() < 0.8 else chooser.choice([0, 0, 1000])
            events.append(Event(time, f"e{len(events)}", chooser.choice("ab")))
    return events


@st.composite
def singles(draw: st.DrawFn, *, ties: bool = True) -> list[Event]:
    """Events of years, of which few share an instant with another, or none."""
    chooser = random.Random(draw(st.integers(0, 9_999)))
    events: list[Event] = []
    time = T * 1000
    gaps, counts = st.sampled_from([10**4, 10**6, 10**9, 10**11]), st.sampled_from([1, 3, 20, 150])
    for gap, count in draw(st.lists(st.tuples(gaps, counts), max_size=8)):
        for _ in range(count):
            time += 1000 + int(chooser.expovariate(1 / gap))
            for _ in range(chooser.choice([1, 1, 1, 1, 2]) if ties else 1):
                events.append(Event(time, f"e{len(events)}", chooser.choice("ab")))
    return events


@st.composite
def late_events(draw: st.DrawFn, events: list[Event]) -> list[tuple[int, Event]]:
    """Events that become visible after some answers, at others' instants or anywhere."""
    chooser = random.Random(draw(st.integers(0, 9_999)))
    times = [event.micros for event in events] or [T * 1000]
    least, most = min(times) - 3000, max(times) + 3000
    return [
        (
            chooser.randint(1, 40),
            Event(chooser.choice([chooser.randint(least, most), chooser.choice(times)]), f"late{number}", "a"),
        )
        for number in range(draw(st.integers(1, 20)))
    ]
