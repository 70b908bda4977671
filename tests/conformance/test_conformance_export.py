"""An export holds every row of every table, and a reader sees the one before it or this one, never half."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from accounts import Account
from places import Place

from cdp_sandbox.process import Running
from pipelines import export as exporting
from pipelines.exit_codes import ExitCode
from pipelines.lock import exclusive


@pytest.fixture(params=["duckdb", "delta"])
def place(request: pytest.FixtureRequest, new_place: Callable[[str], Place]) -> Place:
    """The destinations that can be exported."""
    return new_place(request.param)


@pytest.fixture
def loaded(account: Account) -> Account:
    account.load()
    return account


def _read(folder: Path, table: str) -> str:
    if table == "events":
        return f"read_parquet('{folder}/events/*/*.parquet', hive_partitioning = true)"
    return f"read_parquet('{folder}/{table}.parquet')"


def test_an_export_has_all_rows_and_is_replaced_at_once(loaded: Account, place: Place, tmp_path: Path) -> None:
    # given
    folder = tmp_path / "Übung it's" / "snapshot"
    folder.parent.mkdir()
    done = loaded.command("export", "--parquet", str(folder), *place.options, env={"TZ": "Pacific/Auckland"})
    assert done.returncode == ExitCode.LOADED, done.stderr

    # then every table is there with every row, and none of dlt's own
    told = json.loads((folder / "export.json").read_text())
    assert told["tables"].keys() == place.tables()
    assert told["watermark"] == "2026-03-01T00:00:00.000Z"
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == place.tables() | {"export"}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, rows in told["tables"].items():
            source = _read(Path(str(folder).replace("'", "''")), table)
            assert connection.execute(f"SELECT count(*) FROM {source}").fetchall() == [(rows,)], table
        source = _read(Path(str(folder).replace("'", "''")), "events")
        found = connection.execute(f"SELECT event_id, CAST(event_date AS VARCHAR) FROM {source}").fetchall()
        kinds = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})").fetchall())
    days = place.query("SELECT event_id, CAST(CAST(event_time AS DATE) AS VARCHAR) AS day FROM intilery.events")
    assert sorted(found) == sorted((row["event_id"], row["day"]) for row in days)
    assert kinds["event_time"] == "TIMESTAMP WITH TIME ZONE"

    # and a later one takes its place, with nothing left beside it
    (folder / "old.parquet").touch()
    loaded.advance(86_400)
    loaded.load()
    assert loaded.invoke("export", "--parquet", str(folder), *place.options).exit_code == ExitCode.LOADED
    told = json.loads((folder / "export.json").read_text())
    assert told["tables"]["events"] == loaded.true_event_ids().total()
    assert not (folder / "old.parquet").exists()
    assert os.listdir(folder.parent) == ["snapshot"]  # noqa: PTH208 - hidden ones, too


def test_a_failed_export_leaves_the_one_before_it(
    loaded: Account, tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshot"
    left_by_a_kill = tmp_path / ".snapshot.export-killed"
    exporting.export(place.target, folder)
    before = (folder / "export.json").read_text()
    left_by_a_kill.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "_copy_days", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            exporting.export(place.target, folder)
    assert (folder / "export.json").read_text() == before
    assert not list(tmp_path.glob(".snapshot*"))

    # and where two folders cannot be exchanged in one step, it is done in two
    monkeypatch.setattr(exporting, "_exchange", lambda *_: False)
    exporting.export(place.target, folder)
    assert (folder / "export.json").read_text() != before
    assert not list(tmp_path.glob(".snapshot*"))


def test_nothing_but_an_export_is_replaced(account: Account, place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years")
    for marker in (None, "{}", "[]", '{"made_by": "me"}'):
        if marker is not None:
            (folder / "export.json").write_text(marker)
        done = account.invoke("export", "--parquet", str(folder), *place.options)
        assert done.exit_code == ExitCode.USAGE
        assert "is no earlier export" in done.output
    assert (folder / "thesis.txt").exists()


def test_what_cannot_be_exported_is_said(account: Account, place: Place, sandbox: Running, tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        done = account.invoke("export", *arguments)
        assert done.exit_code in (ExitCode.USAGE, ExitCode.BUSY), done.output
        return done.output

    assert "there is no such" in told("--parquet", str(tmp_path / "x"), *place.options)
    assert "does not exist; create it" in told("--parquet", str(tmp_path / "no" / "x"), *place.options)
    assert "postgres writes Parquet" in told("--parquet", str(tmp_path / "x"), "--destination", "postgres")
    assert "holds what is to be exported" in told("--parquet", str(tmp_path), *place.options)
    with exclusive(place.target.working_folder / "lock", "x"):
        assert "wait for it to end" in told("--parquet", str(tmp_path / "x"), *place.options)
    assert not (tmp_path / "x").exists()
