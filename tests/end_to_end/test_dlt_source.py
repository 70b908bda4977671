"""The source as a user of dlt finds it: configured, selected and run by dlt's own means."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from accounts import Account, canonical

import intilery_source
from cdp_sandbox.process import Running
from pipelines.load import TABLES

pytestmark = pytest.mark.usefixtures("fast_retries")


@pytest.fixture
def configured(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The environment as a scheduler sets it."""
    for name, value in account.environment().items():
        if name not in os.environ:
            monkeypatch.setenv(name, value)
    return account


def _run(source: Any, folder: Path) -> tuple[Any, duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    destination = dlt.destinations.duckdb(connection)
    pipeline = dlt.pipeline("own", destination=destination, dataset_name="crm", pipelines_dir=str(folder))
    pipeline.run(source)
    return pipeline, connection


def test_all_resources_are_there_and_configured_by_the_environment(configured: Account, tmp_path: Path) -> None:
    source = intilery_source.intilery()
    assert set(source.resources) == {*TABLES, "profile_events", "extract_runs"}
    assert set(source.selected_resources) == set(TABLES)
    pipeline, connection = _run(source, tmp_path)
    assert not intilery_source.events_remaining(pipeline)
    assert connection.sql("FROM crm.events").shape[0] == configured.true_event_ids().total()


def test_one_source_can_be_run_twice(configured: Account, tmp_path: Path) -> None:
    source = intilery_source.intilery()
    for folder in ("first", "second"):
        _, connection = _run(source, tmp_path / folder)
        assert connection.sql("FROM crm.events").shape[0] == configured.true_event_ids().total()
        assert connection.sql("FROM crm.profile_traits").shape[0] == configured.true_profile_ids().total()


def test_all_sources_of_a_process_share_one_rate_limit(configured: Account, sandbox: Running, tmp_path: Path) -> None:
    # given a server that allows 20 requests a second with a burst of 25, and settings that say so
    sandbox.reset(world="shop:20", seed=1, limits={"rate": 20, "burst": 25})
    settings = configured.all_settings() | {"requests_per_second": 20.0, "burst": 25}
    # when two sources are run one after the other
    for folder in ("first", "second"):
        _run(intilery_source.intilery(**settings).with_resources("profile_meta"), tmp_path / folder)
    # then none was refused
    requests = sandbox.control("GET", "/_sandbox/stats")["requests"]
    assert sum(sum(route.values()) for route in requests.values()) > 40
    assert not any("429" in route for route in requests.values())


@pytest.mark.parametrize("table", TABLES)
def test_each_resource_can_be_selected_alone_and_costs_only_its_own_requests(
    configured: Account, tmp_path: Path, table: str
) -> None:
    configured.server.control("DELETE", "/_sandbox/stats")
    _, connection = _run(intilery_source.intilery().with_resources(table), tmp_path)
    tables = {
        name
        for (name,) in connection.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'crm'").fetchall()
    }
    roots = {name for name in tables if not name.startswith("_dlt") and "__" not in name}
    assert roots - {"extract_windows", "extract_runs", "profile_trait_history"} == {table}
    asked = set(configured.server.control("GET", "/_sandbox/stats")["requests"])
    needed = {"profile_traits": {"profiles", "traits"}, "profiles": {"profiles"}, "events": {"events"}}
    assert asked == needed.get(table, {"profiles", "meta"})


def test_a_run_reads_at_most_rows_per_load_events(configured: Account, tmp_path: Path) -> None:
    # given loads of 400 events
    loaded = 0
    runs = 0
    connection = duckdb.connect()
    pipeline = dlt.pipeline(
        "own", destination=dlt.destinations.duckdb(connection), dataset_name="crm", pipelines_dir=str(tmp_path)
    )
    # when it is run while events remain
    while True:
        pipeline.run(intilery_source.intilery(rows_per_load=400).with_resources("events"))
        runs += 1
        (now,) = connection.sql("SELECT count(*) FROM crm.events").fetchone() or (0,)
        # then each run brings at most that many, and a page more
        assert 0 < now - loaded <= 600
        loaded = now
        if not intilery_source.events_remaining(pipeline):
            break
    assert runs >= 3
    assert loaded == configured.true_event_ids().total()


def test_an_incremental_hint_of_dlt_bounds_a_range(configured: Account, tmp_path: Path) -> None:
    # given dlt's own hint, with both ends
    start, end = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 31))
    connection = duckdb.connect()
    pipeline = dlt.pipeline(
        "own", destination=dlt.destinations.duckdb(connection), dataset_name="crm", pipelines_dir=str(tmp_path)
    )
    # when it is run while events remain
    configured.server.control("DELETE", "/_sandbox/stats")
    source = intilery_source.intilery(rows_per_load=40).with_resources("events")
    source.events.apply_hints(
        incremental=dlt.sources.incremental(
            "event_time", initial_value=start, end_value=end, on_cursor_value_missing="include"
        )
    )
    runs = 0
    while not runs or intilery_source.events_remaining(pipeline):
        pipeline.run(source)
        runs += 1
    assert runs > 1
    # then just that range is read, and the watermark is where it was
    found = {row[0] for row in connection.sql("SELECT event_id FROM crm.events").fetchall()}
    truth = configured.server.control("GET", "/_sandbox/truth/events")
    assert found == {e["eventId"] for e in truth if "2026-01-01" <= e["eventTime"] < "2026-01-31"}
    assert configured.server.control("GET", "/_sandbox/stats")["total"] < len(found) / 100 + 10 * runs
    assert "watermark" not in str(pipeline.state)


def test_an_open_incremental_hint_is_refused(configured: Account, tmp_path: Path) -> None:
    source = intilery_source.intilery().with_resources("events")
    source.events.apply_hints(incremental=dlt.sources.incremental("event_time"))
    with pytest.raises(Exception, match="events takes an incremental hint for a range only"):
        _run(source, tmp_path)


def test_events_of_given_profiles_lie_in_their_own_table(configured: Account, sandbox: Running, tmp_path: Path) -> None:
    # given identifiers of all three kinds, two for one profile, an e-mail that is shared, and one of nobody
    sandbox.reset(world="shop:60", seed=2, limits={"rate": None})
    profiles = [profile["traits"] for profile in sandbox.control("GET", "/_sandbox/truth/profiles")]
    mails = [profile.get("email") for profile in profiles]
    shared = next(mail for mail in mails if mail and mails.count(mail) > 1)
    awkward = next(profile for profile in profiles if "/" in profile["externalId"] or "?" in profile["externalId"])
    wanted = {profile["id"] for profile in profiles if profile.get("email") == shared} | {awkward["id"]}
    identifiers = [f"email:{shared}", f"userId:{awkward['externalId']}", f"id:{awkward['id']}", "userId:nobody/at all"]
    # when their events are read
    _, connection = _run(intilery_source.intilery(identifiers=identifiers).with_resources("profile_events"), tmp_path)
    # then each is there once, with the profile's identifiers, and rebuilds to what the route shows
    found = connection.sql("SELECT * FROM crm.profile_events")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    truth = {
        event["eventId"]: event
        for event in sandbox.control("GET", "/_sandbox/truth/events")
        if event.get("customerId") in wanted
    }
    assert len(truth) > 20
    assert sorted(row["event_id"] for row in rows) == sorted(truth)
    by_id = {profile["id"]: profile for profile in profiles}
    for row in rows:
        of_profile = {"id": row["profile_id"], "externalId": by_id[row["profile_id"]]["externalId"]}
        if by_id[row["profile_id"]].get("email"):
            of_profile["email"] = by_id[row["profile_id"]]["email"]
        assert canonical(intilery_source.rebuild(row)) == canonical(truth[row["event_id"]] | of_profile)


def test_an_identifier_of_no_known_kind_is_refused(configured: Account) -> None:
    with pytest.raises(Exception, match="must begin with one of userId:, email:, id:"):
        intilery_source.intilery(identifiers=["ada@example.com"])


def test_state_stays_small(configured: Account) -> None:
    configured.load(only=("events",))
    pipeline_state = configured.query("SELECT max(length(state)) FROM intilery._dlt_pipeline_state")
    assert pipeline_state[0][0] < 10_000
