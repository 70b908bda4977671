"""Each run leaves one row of `extract_runs`: what it cost, how late the events came, and whether it came to its end."""

import json
from typing import Any

import duckdb
import pytest
from accounts import Account

from intilery_source import RunReport, event_loads
from pipelines.load import TABLES
from pipelines.summary import lateness_sentence, lookback_warning


def runs(account: Account) -> list[dict[str, Any]]:
    return account.records("SELECT * FROM intilery.extract_runs ORDER BY started_at")


@pytest.mark.parametrize("only", [("events",), ("profiles",), TABLES])
def test_a_run_leaves_one_row(account: Account, only: tuple[str, ...]) -> None:
    account.load(only)
    (row,) = runs(account)
    report = account.report
    assert row["run_id"] == report.run_id
    assert row["started_at"] <= row["finished_at"]
    assert row["requests"] == report.statistics.requests == sum(json.loads(row["requests_by_status"]).values())
    assert json.loads(row["rows_read"]) == report.as_dict()["rows_read"]
    assert json.loads(row["versions"]).keys() == {"customer-platform-extractor", "dlt", "duckdb", "python"}
    assert (row["rejected"], row["failures"], row["retries"]) == (0, 0, 0)
    assert (row["since"], row["until"]) == (None, None)
    account.load(only)
    assert [run["run_id"] for run in runs(account)] == [report.run_id, account.report.run_id]


def test_a_run_of_many_loads_leaves_one_row(account: Account) -> None:
    account.settings["rows_per_load"] = 300
    assert account.load(("events",)).loads > 2
    (row,) = runs(account)
    assert json.loads(row["rows_read"]) == {"events": account.true_event_ids().total()}
    assert row["finished_at"] is not None


def test_the_lateness_is_that_of_the_rows(account: Account) -> None:
    account.load(("events",))
    (row,) = runs(account)
    exact = account.query(
        "WITH late AS (SELECT greatest(0, epoch(received_time) - epoch(event_time)) AS s FROM intilery.events) "
        "SELECT quantile_disc(s, 0.5), quantile_disc(s, 0.9), quantile_disc(s, 0.99), max(s) FROM late"
    )[0]
    found = [row["lateness_p50"], row["lateness_p90"], row["lateness_p99"], row["lateness_max"]]
    assert found == pytest.approx(exact, rel=0.021, abs=0.001)
    assert row["lookback_99_99"] >= row["lateness_p99_99"]
    assert row["lookback"] == 3 * 86_400


def test_a_range_says_so(account: Account) -> None:
    assert account.invoke(
        *("load", "--database", str(account.database), "--only", "events"),
        *("--since", "2026-01-01", "--until", "2026-02-01"),
    ).exit_code == 0  # fmt: skip
    (row,) = runs(account)
    assert (row["since"].isoformat()[:10], row["until"].isoformat()[:10]) == ("2026-01-01", "2026-02-01")


def test_a_run_that_fails_midway_leaves_what_it_loaded(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a run whose third load fails
    account.settings["rows_per_load"] = 300
    read, loads = event_loads.EventLoads.read, []

    def failing(self: event_loads.EventLoads, max_rows: int) -> Any:
        loads.append(self)
        if len(loads) == 3:
            raise duckdb.Error("a fault")
        return read(self, max_rows)

    with monkeypatch.context() as patched:
        patched.setattr(event_loads.EventLoads, "read", failing)
        with pytest.raises(Exception, match="a fault"):
            account.load(("events",))
    # then its row counts the first two, and has no end
    (row,) = runs(account)
    assert row["finished_at"] is None
    assert json.loads(row["rows_read"])["events"] == account.query("SELECT count(*) FROM intilery.events")[0][0]
    # and the next run, which goes on with its pass and makes another, has a row of its own with one
    account.load(("events",))
    assert [run["finished_at"] is not None for run in runs(account)] == [False, True]


def test_nothing_new_costs_no_further_load(account: Account) -> None:
    account.load(("events",))
    loads = "SELECT count(*) FROM intilery._dlt_loads"
    first = account.query(loads)[0][0]
    account.load(("events",))
    assert account.query(loads)[0][0] == first + 1


def test_the_command_says_how_late_events_came(account: Account) -> None:
    ended = account.invoke("load", "--database", str(account.database), "--only", "events")
    assert "events read arrived within" in ended.stdout
    assert "lookback is 3 days" in ended.stdout
    told = json.loads(account.invoke("load", "--database", str(account.database), "--json").stdout)
    assert told["lateness"]["events"] > 0
    assert told["lookback_99_99"] > 0


def test_a_lookback_that_is_too_short_is_warned_of(account: Account) -> None:
    account.settings["lookback"] = "1 hour"
    account.load(("events",))
    assert "lookback is 1 hour." in (lateness_sentence(account.report) or "")
    assert 'set lookback = "3 days"' in (lookback_warning(account.report) or "")
    account.settings["lookback"] = "4 days"
    account.load(("events",))
    assert lookback_warning(account.report) is None
    assert lateness_sentence(RunReport()) is None
