"""`intilery features`: build, prove and explain, their exit codes, and what is said of what cannot be meant."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from benchmarks.feature_world import write
from pipelines.command_line import app

_DEFINITION = """
from customer_features import Events, FeatureSet, Inactivity, counts, custom
orders = Events("Order Completed", value="total")

def ever(known):
    facts = known.facts[orders]
    return facts.group_by("customer_id").aggregate(orders_ever=facts.count())

features = FeatureSet("mine", counts(orders, [28]){leak})
label = Inactivity(orders, horizon="28d")
"""
_WAITS = """
import pathlib, time
from customer_features import FeatureSet, custom

def wait(known):
    pathlib.Path("at_work").touch()
    time.sleep(60)

features = FeatureSet("slow", custom("slow", "nothing", wait))
"""
_LEAK = ', custom("orders_ever", "all orders", ever, type="integer", needs=(orders,))'


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("features") / "customers.duckdb"
    write(path, 20_000, 150)
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(_DEFINITION.format(leak=""))
    return path


def _run(command: str, database: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["features", command, "--database", str(database), *options])


def test_features_are_written_into_the_file(database: Path, mine: Path) -> None:
    result = _run("build", database, "--definition", str(mine), "--cutoff", "2025-08..2025-10", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["written"] == "customer_features.features_mine"
    assert [cutoff[:10] for cutoff in told["manifest"]["cutoffs"]] == ["2025-08-01", "2025-09-01", "2025-10-01"]
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute("SELECT count(*), count(label) FROM customer_features.features_mine").fetchone()
    assert rows == (told["rows"], told["rows"])
    assert "rows of 1 features at 1 cutoffs" in _run("build", database, "--definition", str(mine)).output


def test_the_shipped_set_as_parquet(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    options = ("--cutoff", "2025-09-01", "--horizon", "56d", "--trait", "plan", "--parquet", str(file))
    result = _run("build", database, *options)
    assert result.exit_code == 0, result.output
    found = duckdb.sql(f"SELECT count(*), count(trait_plan), sum(label) > 0 FROM '{file}'").fetchone()
    assert found is not None
    assert found[0] == found[1] > 100
    assert found[2]


def test_a_proof_that_does_not_hold_ends_with_1(database: Path, mine: Path) -> None:
    options = ("--definition", str(mine), "--cutoff", "2025-09-01", "--sample-customers", "10")
    assert _run("prove", database, *options).exit_code == 0
    mine.write_text(_DEFINITION.format(leak=_LEAK))
    result = _run("prove", database, *options)
    assert result.exit_code == 1, result.output
    assert "orders_ever leaks" in result.output
    told = json.loads(_run("prove", database, *options, "--json").stdout)
    assert told["exit_code"] == 1
    assert [leak["name"] for leak in told["leaks"]] == ["orders_ever"]


def test_the_rows_behind_a_value(database: Path) -> None:
    customer = f"customer-{1:024}"
    options = ("--customer", customer, "--feature", "orders_lifetime", "--cutoff", "2025-09-01")
    told = json.loads(_run("explain", database, *options, "--json").stdout)
    assert told["value"] == len(told["rows"]) > 5
    assert (
        f"orders_lifetime = {told['value']}: number of 'Order Completed'" in _run("explain", database, *options).output
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cutoff", "soon"), "no instant"),
        (("--cutoff", "2025-09..2025-01"), "no cutoff"),
        (("--horizon", "91"), "no span"),
        (("--definition", "none.py"), "write one that defines"),
        (("--table", "a b"), "cannot name"),
        (("--database", "none.duckdb"), "intilery load"),
        (("--event", "Order Complted"), "No event is called 'Order Complted'. There are, the most frequent first, "),
        (("--event", "Order Complted", "--horizon", "30d"), "'Product Viewed', 'Email Sent', 'page', "),
        (("--event", ""), "'' names no event"),
        (("--value", "to.tal"), "'to.tal' is a number in no event 'Order Completed'"),
        (("--event", "page", "--value", "url"), "'url' is a number in no event 'page'"),
        (("--horizon", ""), "no span"),
        (("--gap", "0d"), "none without --horizon"),
        (("--at-risk", "30d"), "none without --horizon"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(database: Path, options: tuple[str, ...], said: str) -> None:
    result = _run("build", database, *options)
    assert result.exit_code == 2, result.output
    assert said in result.output


def test_a_definition_without_features_is_a_usage_error(database: Path, mine: Path) -> None:
    mine.write_text("features = 3")
    result = _run("build", database, "--definition", str(mine))
    assert result.exit_code == 2
    assert "FeatureSet" in result.output


@pytest.mark.parametrize("command", ["build", "prove", "explain"])
def test_an_event_that_is_not_there_is_one_to_no_command(database: Path, command: str) -> None:
    options = ("--customer", "c", "--feature", "orders_28d") if command == "explain" else ()
    result = _run(command, database, "--event", "Sneezed", *options)
    assert result.exit_code == 2, result.output
    assert "No event is called 'Sneezed'" in result.stderr


def test_an_event_without_a_number_has_features_unless_a_value_is_named(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "pages.parquet"
    result = _run("build", database, "--event", "page", "--cutoff", "2025-09-01", "--parquet", str(file))
    assert result.exit_code == 0, result.output
    assert duckdb.sql(f"SELECT max(pages_28d) > 0 FROM '{file}'").fetchone() == (True,)


def test_a_file_without_events_is_said_to_be_without_events(tmp_path: Path) -> None:
    """Whatever event is named: that is not what is wrong."""
    database = tmp_path / "customers.duckdb"
    write(database, 10, 1)
    with duckdb.connect(str(database)) as connection:
        connection.execute("TRUNCATE customer_tables.customer_events")
        connection.execute("UPDATE customer_tables.builds SET watermark = NULL")
    for options in ((), ("--event", "Sneezed"), ("--value", "to.tal")):
        result = _run("build", database, *options)
        assert result.exit_code == 2, result.output
        assert result.stderr == "There are no events yet, so there is no 'now': load some first.\n"


@pytest.mark.parametrize(
    "option",
    [
        ("--event", "Order Completed"),
        ("--value", "total"),
        ("--horizon", "28d"),
        ("--gap", "0d"),
        ("--at-risk", "91d"),
        ("--trait", "plan"),
    ],
)
def test_options_that_a_definition_would_not_heed_are_refused(
    database: Path, mine: Path, option: tuple[str, str]
) -> None:
    """Even where they say what is the default."""
    result = _run("build", database, "--definition", str(mine), *option)
    assert result.exit_code == 2, result.output
    assert f"{option[0]}: with --definition the file says all that" in result.stderr


def test_a_definition_that_ends_the_program_does_not_end_it_well(database: Path, mine: Path) -> None:
    mine.write_text("import sys; sys.exit(0)")
    result = _run("build", database, "--definition", str(mine))
    assert result.exit_code == 2, result.output
    assert "sys.exit()" in result.stderr


def test_one_cutoff_is_explained(database: Path) -> None:
    options = ("--customer", f"customer-{1:024}", "--feature", "orders_28d")
    result = _run("explain", database, *options, "--cutoff", "2025-07..2025-09")
    assert result.exit_code == 2, result.output
    assert "2025-07..2025-09 is 3 cutoffs" in result.stderr
    assert _run("explain", database, *options, "--cutoff", "2025-09..2025-09").exit_code == 0


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_file_that_may_not_be_written_is_not_busy(
    database: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """DuckDB writes into the folder, too. Rows can still go elsewhere."""
    closed = database if place == "file" else database.parent
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not (mode & os.W_OK and path == closed) and access(path, mode))
    options = ("--definition", str(mine), "--cutoff", "2025-09-01")
    result = _run("build", database, *options)
    assert result.exit_code == 2, result.output
    assert f"for want of permission to write to {closed}" in result.stderr
    assert "--parquet FILE" in result.stderr
    assert _run("build", database, *options, "--parquet", str(tmp_path / "rows.parquet")).exit_code == 0


def test_a_build_that_is_told_to_end_leaves_nothing_on_the_disk(database: Path, tmp_path: Path) -> None:
    """By SIGTERM, as schedulers and `kill` do."""
    definition = tmp_path / "slow.py"
    definition.write_text(_WAITS)
    held = tmp_path / "held"
    held.mkdir()
    command = [sys.executable, "-m", "pipelines", "features", "build", "--definition", str(definition)]
    build = subprocess.Popen(
        [*command, "--database", str(database), "--cutoff", "2025-09-01"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(held)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (tmp_path / "at_work").exists():
            assert build.poll() is None
            time.sleep(0.02)
        assert len(list(held.glob("features-*"))) == 1
        build.send_signal(signal.SIGTERM)
        _, said = build.communicate(timeout=20)
    finally:
        build.kill()
    assert build.returncode == 1
    assert said.startswith("Interrupted")
    assert not list(held.iterdir())
