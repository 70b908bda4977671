"""`intilery load --plan` says about how much there is to read, with few requests, and loads nothing."""

import json
from typing import Any

import pytest
from accounts import Account


def plan(account: Account, *arguments: str) -> dict[str, Any]:
    account.server.control("DELETE", "/_sandbox/stats")
    ended = account.invoke("load", "--plan", "--json", "--database", str(account.database), *arguments)
    assert ended.exit_code == 0, ended.stdout
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def served(account: Account, world: str, **settings: Any) -> int:
    """Serve a world; the number of its events is returned."""
    account.server.reset(world=world, seed=1, limits={"rate": None}, **settings)
    return account.true_event_ids().total()


@pytest.mark.parametrize("from_means", ["hits", "page"])
@pytest.mark.parametrize("world", ["flat:100000", "shop", "shop:20"])
def test_the_estimate_is_within_a_quarter(account: Account, world: str, from_means: str) -> None:
    number = served(account, world, switches={"from_means": from_means, "over_cap": "empty"})
    found = plan(account)
    assert found["expected_rows"] == pytest.approx(number, rel=0.25)
    assert found["requests"] <= 70
    assert not account.database.exists()


def test_a_cap_below_the_documented_one_is_found_out(account: Account) -> None:
    account.server.reset(world="shop:200", seed=1, limits={"rate": None, "cap": 1000})
    found = plan(account)
    assert found["expected_rows"] == pytest.approx(account.true_event_ids().total(), rel=0.25)


def test_the_requests_and_the_time_are_those_of_the_load(account: Account) -> None:
    served(account, "flat:50000")
    account.settings |= {"requests_per_second": 100.0, "burst": 500}
    found = plan(account)
    assert found["expected_seconds"] == pytest.approx((found["expected_requests"] - 500) / 100, abs=1)
    account.settings |= {"requests_per_second": 5000.0, "burst": 5000}
    account.load(("events",))
    assert found["expected_requests"] == pytest.approx(account.report.statistics.requests, rel=0.25)


def test_a_range_is_planned_by_itself(account: Account) -> None:
    served(account, "shop:200")
    found = plan(account, "--since", "2026-01-01", "--until", "2026-02-01")
    events = account.server.control("GET", "/_sandbox/truth/events")
    number = sum("2026-01-01" <= event["eventTime"] < "2026-02-01" for event in events)
    assert found["expected_rows"] == pytest.approx(number, rel=0.25)
    assert found["first_event"] >= "2026-01-01"
    assert found["last_event"] < "2026-02-01"


def test_what_has_been_loaded_is_not_planned_again(account: Account) -> None:
    account.load(("events",))
    before = account.database.read_bytes()
    lookback = account.query("SELECT count(*) FROM intilery.events WHERE event_time >= '2026-02-26'")[0][0]
    assert plan(account)["expected_rows"] == lookback > 0
    assert account.database.read_bytes() == before


def test_without_events_it_says_so(account: Account) -> None:
    ended = account.invoke("load", "--plan", "--database", str(account.database), "--since", "2031-01-01")
    assert (ended.exit_code, "no events to load" in ended.stdout) == (0, True)


def test_people_read_that_it_is_an_estimate(account: Account) -> None:
    ended = account.invoke("load", "--plan", "--database", str(account.database))
    for part in ("About 1,", "requests a second", "estimate", "nothing was loaded"):
        assert part in ended.stdout
