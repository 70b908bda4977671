"""Neighbouring windows together give every event once, whatever the seed, the page size and the edges.

The same check must fail without the millisecond of overlap and without the removal of doubles: otherwise it would
prove nothing.
"""

import itertools
import json
import random
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
import urllib3
from accounts import Account
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdp_sandbox.process import Running
from intilery_source import event_loads, instants, pieces, planner, reader, watermark
from intilery_source.client import IntileryClient
from intilery_source.event_loads import EventLoads
from intilery_source.pieces import Piece
from intilery_source.pii_rules import read_rules
from intilery_source.report import RunReport
from intilery_source.settings import Settings, read_instant, read_span
from intilery_source.types import EventPage

_DAY = 86_400_000
_MONTHS = 120 * _DAY


@dataclass(frozen=True)
class Case:
    seed: int
    page_size: int
    start_bound: str
    end_bound: str
    tie_order: str
    from_means: str
    cap: int
    over_cap: str
    edge_seed: int


cases = st.builds(
    Case,
    seed=st.integers(1, 3),
    page_size=st.sampled_from([3, 10, 25, 60, 100]),
    start_bound=st.sampled_from(["inclusive", "exclusive"]),
    end_bound=st.sampled_from(["inclusive", "exclusive"]),
    tie_order=st.sampled_from(["stable", "shuffled"]),
    from_means=st.sampled_from(["hits", "page"]),
    cap=st.sampled_from([300, 1000, 10_000]),
    over_cap=st.sampled_from(["error", "empty", "repeat"]),
    edge_seed=st.integers(0, 2**32),
)
plain = Case(1, 10, "exclusive", "exclusive", "stable", "hits", 10_000, "error", 7)


class Windows:
    """Reads a sandbox's events through neighbouring windows whose edges are events' own instants."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.truth: dict[int, dict[str, int]] = {}

    def read(self, case: Case) -> tuple[list[str], list[str]]:
        """The identifiers that the windows gave, and those that the world has between the outer edges."""
        self.server.reset(
            world="shop:20",
            seed=case.seed,
            switches={
                name: getattr(case, name)
                for name in ("start_bound", "end_bound", "tie_order", "from_means", "over_cap")
            },
            limits={"rate": None, "cap": case.cap},
        )
        times = self._times(case.seed)
        edges = self._edges(case, sorted(set(times.values())))
        found: list[str] = []
        for start, end in itertools.pairwise(edges):
            found += self._window(case, start, end)
        return found, [key for key, time in times.items() if edges[0] <= time < edges[-1]]

    def _edges(self, case: Case, times: list[int]) -> list[int]:
        """Edges on instants of events and a millisecond beside them, over enough events for ten pages or so."""
        chooser = random.Random(case.edge_seed)
        first = chooser.randrange(len(times) - 1)
        around = times[first : first + case.page_size * 10]
        edges = {chooser.choice(around) + chooser.choice((-1, 0, 0, 1)) for _ in range(chooser.randint(2, 5))}
        return sorted(edges | {around[0], around[-1] + 1})

    def _window(self, case: Case, start: int, end: int) -> list[str]:
        current = watermark.Pass(start, end, None, start, None, None, backfill=case.edge_seed % 2 == 0)
        found = _read(self.server, current, RunReport(), page_size=case.page_size, cap=case.cap)
        assert current.blocked is None
        return [key for table in found for key in table["event_id"].to_pylist()]

    def _times(self, seed: int) -> dict[str, int]:
        if seed not in self.truth:
            events = self.server.control("GET", "/_sandbox/truth/events")
            self.truth[seed] = {event["eventId"]: instants.parse(event["eventTime"]) // 1000 for event in events}
        return self.truth[seed]


def _read(server: Running, current: watermark.Pass, report: RunReport, *, page_size: int, cap: int) -> list[pa.Table]:
    """Read a pass to its end, in one load."""
    client = IntileryClient(_settings(server), report.statistics)
    loads = EventLoads(
        current, client.events, client.permit, report, "events", max_in_flight=4, page_size=page_size, cap=cap
    )
    try:
        loads.open()
        tables = list(loads.read(10**9))
        assert loads.finished
        return tables
    finally:
        loads.close()
        client.close()


def _settings(server: Running) -> Settings:
    return Settings(
        base_url=server.url,
        client_id=server.client_id,
        account_id=server.account_id,
        brand_id=server.brand_id,
        auth_token=server.token,
        start_date=read_instant(None, ""),
        lookback=read_span("3 days", ""),
        requests_per_second=10_000,
        burst=10_000,
        max_in_flight=4,
        request_timeout=20,
        rows_per_load=10**6,
        max_rejected_share=0,
        profile_refresh="changed",
        full_scroll_every=read_span("7 days", ""),
        profile_detail="both",
        pii=read_rules(None),
        pii_key=None,
        max_delete_share=0.05,
        on_delete="keep",
        volatile_traits=(),
        max_columns=300,
    )


@pytest.fixture(scope="module")
def feed(sandbox: Running) -> Windows:
    return Windows(sandbox)


def check(feed: Windows, case: Case) -> None:
    """No event lost, none twice, none from outside."""
    found, expected = feed.read(case)
    assert sorted(found) == sorted(expected)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@example(plain)
@given(case=cases)
def test_windows_give_every_event_once(feed: Windows, case: Case) -> None:
    check(feed, case)


def test_the_check_fails_without_the_overlap(feed: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    check(feed, plain)
    monkeypatch.setattr(planner, "OVERLAP", 0)
    monkeypatch.setattr(reader, "OVERLAP", 0)
    with pytest.raises(AssertionError):
        check(feed, plain)


def test_the_check_fails_without_the_removal_of_doubles(feed: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    check(feed, plain)
    monkeypatch.setattr(pieces, "piece_of", _with_doubles)
    monkeypatch.setattr(event_loads, "_new_rows", lambda piece, released: piece.rows)
    with pytest.raises(AssertionError):
        check(feed, plain)


def _with_doubles(page: EventPage, low: int, high: int) -> Piece:
    return Piece(page.micros[low] // 1000, page.rows.slice(low, high - low), page.keys[low:high])


@pytest.mark.parametrize("tie_order", ["stable", "shuffled"])
@pytest.mark.parametrize("from_means", ["hits", "page"])
def test_an_instant_with_more_events_than_the_cap_is_divided_by_action(
    sandbox: Running, account: Account, tie_order: str, from_means: str
) -> None:
    # given an account in which 450 events of five actions happened in one millisecond, and a cap of 300
    sandbox.reset(
        world="flat:50",
        seed=1,
        switches={"tie_order": tie_order, "from_means": from_means},
        limits={"rate": None, "cap": 300},
    )
    instant = sandbox.control("GET", "/_sandbox/clock")["now"]
    _post_at_one_instant(sandbox, instant, {f"Action {number}": 90 for number in range(5)})
    # when it is read
    start = instants.parse(instant) // 1000 - 5
    current = watermark.Pass(start, None, None, start, None, None, backfill=False)
    tables = _read(sandbox, current, RunReport(), page_size=100, cap=300)
    found = [key for table in tables for key in table["event_id"].to_pylist()]
    # then all are there once
    times = {e["eventId"]: e["eventTime"] for e in sandbox.control("GET", "/_sandbox/truth/events")}
    expected = [key for key, time in times.items() if instants.parse(time) // 1000 >= start]
    assert len(expected) >= 450
    assert sorted(found) == sorted(expected)


def test_one_action_over_the_cap_is_named_and_what_comes_after_is_read(sandbox: Running) -> None:
    # given 350 events of one action in one millisecond, a cap of 300, and one event after it
    sandbox.reset(world="flat:50", seed=1, limits={"rate": None, "cap": 300})
    instant = sandbox.control("GET", "/_sandbox/clock")["now"]
    at = instants.parse(instant) // 1000
    _post_at_one_instant(sandbox, instant, {"Product Viewed": 350})
    _post_at_one_instant(sandbox, instants.write(at + 5000), {"Product Viewed": 1})
    # when it is read
    report = RunReport()
    current = watermark.Pass(at - 5, None, at + 10_000, at - 5, None, None, backfill=False)
    tables = _read(sandbox, current, report, page_size=100, cap=300)
    # then the instant is named, the watermark stops before it, and the event behind it is there
    assert len(report.failures) == 1
    assert instants.write(at) in report.failures[0]
    assert "product_viewed" in report.failures[0]
    state: dict[str, Any] = {}
    watermark.store(state, current, finished=True)
    assert state == {"watermark": instants.write(at), "remaining": False}
    latest = max(time for table in tables for time in table["event_time"].to_pylist())
    assert instants.of_datetime(latest) == at + 5000


def _post_at_one_instant(server: Running, instant: str, numbers: dict[str, int]) -> None:
    pool = urllib3.PoolManager()
    url = f"{server.url}/{server.client_id}/{server.account_id}/{server.brand_id}/v1/track"
    for event, number in numbers.items():
        for _ in range(number):
            body = json.dumps({"userId": "u1", "event": event, "timestamp": instant})
            headers = {"auth-token": server.token, "content-type": "application/json"}
            assert pool.request("POST", url, body=body, headers=headers).status == 200
