"""The canonical tables of accounts that were loaded over HTTP: by command, step by step, and against the truth."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from accounts import Account, canonical
from raw_customers import RawCustomers
from typer.testing import CliRunner

import customer_tables
from cdp_sandbox.process import Running
from customer_tables import contract
from pipelines.command_line import app
from pipelines.destination import target

_DAY = 86_400
_CURRENT = (
    "SELECT customer_id, trait, value FROM customer_tables.customer_trait_changes WHERE true "
    "QUALIFY row_number() OVER (PARTITION BY customer_id, trait ORDER BY valid_from DESC, observed_at DESC) = 1"
)
_LATEST = (
    "SELECT profile_id, traits FROM intilery.profile_trait_history WHERE true "
    "QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY observed_at DESC) = 1"
)
_ALL = [table.name for table in contract.TABLES]


def _build(account: Account, *options: str) -> dict[str, Any]:
    done = account.invoke("tables", "build", "--database", str(account.database), "--json", *options)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _held(account: Account) -> dict[str, Counter[tuple[Any, ...]]]:
    return {name: Counter(account.query(f"FROM customer_tables.{name}")) for name in _ALL}


@pytest.fixture
def people(sandbox: Running, tmp_path: Path) -> Account:
    """People who change, merge, vanish and return."""
    sandbox.reset(world="people:60", seed=1, limits={"rate": None})
    return Account(sandbox, tmp_path / "customers.duckdb", {"full_scroll_every": "1 day", "max_delete_share": 1.0})


def test_a_month_step_by_step_is_what_one_build_gives_and_what_the_api_showed(
    people: Account, fast_retries: None
) -> None:
    ways = []
    for _ in range(4):
        assert people.load().exit_code == 0
        ways.append(_build(people)["build"])
        people.advance(7 * _DAY)
    assert ways == ["full", *["incremental"] * 3]
    assert _build(people)["build"] == "nothing new"
    step_by_step = _held(people)
    assert _build(people, "--full")["build"] == "full"
    assert step_by_step == _held(people)
    assert people.query("SELECT count(*) FROM customer_tables.merged_profiles")[0][0] > 0
    assert people.query("SELECT count(*) FROM customer_tables.customers WHERE deleted_at IS NOT NULL")[0][0] > 0
    assert customer_tables.check(people.database) == []
    _the_last_changes_are_the_traits_that_were_shown_last(people)


def _the_last_changes_are_the_traits_that_were_shown_last(people: Account) -> None:
    current: dict[str, dict[str, Any]] = {}
    for customer_id, trait, value in people.query(_CURRENT):
        if value is not None:
            current.setdefault(customer_id, {})[trait] = json.loads(value)
    merged = {profile for (profile,) in people.query("SELECT profile_id FROM customer_tables.merged_profiles")}
    shown = {profile: json.loads(traits) for profile, traits in people.query(_LATEST) if traits is not None}
    for profile, traits in shown.items():
        if profile not in merged:
            assert canonical(current[profile]) == canonical(traits)
    assert len(shown.keys() - merged) > 30
    gone = {profile for profile, traits in people.query(_LATEST) if traits is None} - merged
    assert not gone & current.keys()


def test_each_event_and_each_identifier_has_its_customer(account: Account) -> None:
    account.load()
    result = _build(account)
    assert result["tables"]["customer_events"] == len(account.event_ids())
    wrong = account.query(
        "SELECT count(*) FROM intilery.events r JOIN customer_tables.customer_events e USING (event_id) "
        "WHERE r.customer_id IS NOT NULL AND e.customer_id IS DISTINCT FROM r.customer_id"
    )
    assert wrong == [(0,)]
    lost = account.query(
        "SELECT count(*) FROM intilery.events r WHERE customer_id IS NOT NULL AND NOT EXISTS "
        "(FROM customer_tables.customer_identifiers i WHERE i.id_value IN (r.user_id, lower(r.user_id)) "
        "AND i.customer_id = r.customer_id)"
    )
    assert lost == [(0,)]
    assert _check(account) == (0, {"exit_code": 0, "findings": []})


def test_order_lines_add_up_to_the_orders(account: Account) -> None:
    account.load()
    _build(account)
    sums = account.query(
        "SELECT round(sum(i.quantity * i.price), 2), any_value(CAST(e.properties ->> '$.revenue' AS DOUBLE)) "
        "FROM customer_tables.customer_order_items i JOIN customer_tables.customer_events e USING (event_id) "
        "WHERE e.event_name = 'Order Completed' AND json_type(e.properties, '$.revenue') = 'DOUBLE' GROUP BY event_id"
    )
    assert len(sums) > 10
    assert all(total == pytest.approx(revenue, abs=0.005) for total, revenue in sums)


def _check(account: Account, *options: str) -> tuple[int, Any]:
    done = account.invoke("tables", "check", "--database", str(account.database), "--json", *options)
    return done.exit_code, json.loads(done.stdout)


def test_the_commands_say_what_is_missing_and_what_is_wrong(account: Account) -> None:
    missing = account.invoke("tables", "build", "--database", str(account.database))
    assert missing.exit_code == 2
    assert "intilery load" in missing.output
    account.load(("events",))
    code, told = _check(account)
    assert code == 2
    assert "intilery tables build" in told["reasons"][0]
    assert "customer_events" in account.invoke("tables", "build", "--database", str(account.database)).stdout
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("DELETE FROM customer_tables.customers")
    code, told = _check(account)
    assert code == 1
    assert {found["rule"] for found in told["findings"]} == {"its customer is in customers"}
    with duckdb.connect(str(account.database)):
        busy = account.command("tables", "build", "--database", str(account.database))
    assert busy.returncode == 4, busy.stderr
    elsewhere = account.invoke("tables", "build", "--destination", "postgres")
    assert elsewhere.exit_code == 2
    assert "DuckDB file" in elsewhere.output


def test_whoever_is_forgotten_is_in_no_canonical_table(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__INTILERY__PII_KEY", "k" * 32)
    account.load()
    _build(account)
    ((whom, _),) = account.query("SELECT customer_id, count(*) FROM customer_tables.customer_order_items "
                                 "WHERE customer_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1")  # fmt: skip
    done = account.invoke("forget", "--id", whom, "--database", str(account.database), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["erased"]["customer_tables.customer_events"] > 0
    for name in _ALL:
        assert not [row for row in account.query(f"FROM customer_tables.{name}") if whom in map(str, row)]
    _build(account)
    after = _held(account)
    _build(account, "--full")
    assert after == _held(account)
    assert customer_tables.check(account.database) == []


def test_delta_tables_hold_the_same(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__INTILERY__PII_KEY", "k" * 32)
    lake = tmp_path / "lake"
    account.load()
    _build(account)
    in_duckdb = {name: account.query(f"FROM customer_tables.{name}") for name in _ALL}
    account.elsewhere = target("parquet", None, "intilery", str(lake))
    account.load()
    options = ["--destination", "parquet", "--path", str(lake), "--json"]
    built = account.invoke("tables", "build", *options)
    assert json.loads(built.stdout)["build"] == "full", built.output
    assert json.loads(account.invoke("tables", "build", *options).stdout)["build"] == "nothing new"
    for name, rows in in_duckdb.items():
        assert Counter(_delta_rows(lake, name)) == Counter(rows), name
    assert json.loads(account.invoke("tables", "check", *options).stdout)["findings"] == []
    assert not [path for path in lake.iterdir() if path.name.startswith(".")]
    whom = next(row[1] for row in in_duckdb["customer_events"] if row[1])
    done = account.invoke("forget", "--id", whom, *options)
    assert done.exit_code == 0, done.output
    assert not list(lake.glob("customer_tables/*"))
    assert json.loads(account.invoke("tables", "build", *options).stdout)["build"] == "full"
    assert whom not in {row[1] for row in _delta_rows(lake, "customer_events")}


def _delta_rows(lake: Path, name: str) -> list[tuple[Any, ...]]:
    from deltalake import DeltaTable

    files = DeltaTable(str(lake / "customer_tables" / name)).file_uris()
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute("SELECT * FROM read_parquet(?)", [files]).fetchall()


def test_a_dataset_without_events_is_built_and_said_to_have_none(tmp_path: Path) -> None:
    RawCustomers(tmp_path / "customers.duckdb")
    done = CliRunner().invoke(app, ["tables", "build", "--database", str(tmp_path / "customers.duckdb")])
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("Built (full); there are no events yet.\n")
