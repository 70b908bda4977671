"""A load into Delta tables that ends at any moment, and is run again, is as if it had never ended."""

import json
import shutil
from pathlib import Path
from typing import Any

import dlt
import polars as pl
import pytest
from accounts import Account
from dlt.common.destination.exceptions import DestinationTerminalException
from places import DeltaPlace, delta_place
from scripted_api import ScriptedApi, event

from cdp_client import ConfigurationError
from cdp_sandbox.process import Running
from pipelines import delta_destination
from pipelines.delta_destination import DeltaClient, DeltaTables
from pipelines.destination import opened, target
from pipelines.exit_codes import ExitCode


@pytest.fixture
def place(tmp_path: Path) -> DeltaPlace:
    return delta_place(tmp_path)


@pytest.fixture
def account(api: ScriptedApi, place: DeltaPlace, tmp_path: Path) -> Account:
    api.fault = _answer({"p1": ["tea", "milk"], "p2": ["tea"]})
    server = Running(api.url, "c", "a", "B", "t")
    return Account(
        server, tmp_path / "unused.duckdb", {"lookback": "1000 days", "profile_refresh": "all"}, elsewhere=place.target
    )


def _answer(interests: dict[str, list[str]]) -> Any:
    def answer(route: str, profile: str) -> tuple[int, bytes] | None:
        traits = {"interests": interests[profile], "seen": interests[profile]} if route == "traits" else None
        return None if traits is None else (200, json.dumps(traits).encode())

    return answer


def _interests(place: DeltaPlace) -> list[tuple[str, str]]:
    found = place.query(
        "SELECT id, value FROM intilery.profile_traits AS traits "
        "JOIN intilery.profile_traits__interests AS items ON items._dlt_parent_id = traits._dlt_id ORDER BY 1, 2"
    )
    return [(row["id"], row["value"]) for row in found]


class _Killed(BaseException):
    """What no code catches, as a kill."""


@pytest.mark.parametrize("merges", range(0, 8, 2))
def test_a_load_that_ends_between_two_tables_is_made_up_for(
    account: Account, api: ScriptedApi, place: DeltaPlace, monkeypatch: pytest.MonkeyPatch, merges: int
) -> None:
    # given a load, and a second one that brings an event and shortens lists, and ends after some of its tables
    account.load()
    api.events.append(event(3))
    api.fault = _answer({"p1": ["milk"], "p2": []})
    merge, left = delta_destination.merge, [merges]

    def merge_or_end(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise DestinationTerminalException("killed")
        merge(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(delta_destination, "merge", merge_or_end)
        with pytest.raises(Exception, match="killed"):
            account.load()

    # when it is run again
    assert account.load().exit_code is ExitCode.LOADED

    # then
    assert sorted(row["event_id"] for row in place.query("SELECT event_id FROM intilery.events")) == [
        f"event-{number}" for number in range(4)
    ]
    assert _interests(place) == [("p1", "milk")]


def test_a_load_that_ends_while_its_state_is_written_is_read_again(
    account: Account, api: ScriptedApi, place: DeltaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    account.load()
    api.events.append(event(3))

    def half(self: DeltaClient, filepath: str, data: dict[str, Any]) -> None:
        self.fs_client.write_text(filepath, str(data)[:20], encoding="utf-8")
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(delta_destination.FilesystemClient, "_write_to_json_file", half)
        with pytest.raises(_Killed):
            account.load()

    # when, then
    assert account.load().exit_code is ExitCode.LOADED
    assert len(place.query("SELECT * FROM intilery.events")) == 4


def test_the_folder_alone_tells_where_to_go_on(account: Account, api: ScriptedApi, place: DeltaPlace) -> None:
    account.load()
    shutil.rmtree(place.target.working_folder)
    api.events.append(event(3))
    assert account.load().added["events"] == 1


def test_polars_and_dlt_read_the_same_rows(account: Account, place: DeltaPlace) -> None:
    account.load()
    account.load()
    lake = Path(place.target.folder or "") / "intilery"
    assert pl.scan_delta(lake / "events").select(pl.len()).collect().item() == 3
    with opened(place.target, read_only=True) as place_opened:
        pipeline = dlt.pipeline(
            "reader", destination=place_opened.destination, dataset_name="intilery", pipelines_dir=str(lake.parent)
        )
        pipeline.sync_destination()
        events = pipeline.dataset(schema="intilery")["events"]
        assert events.where("event_id", "eq", "event-1").select("customer_id").fetchall() == [("customer-1",)]


def test_a_deleted_row_takes_its_lists_with_it(tmp_path: Path) -> None:
    def run(*rows: dict[str, Any]) -> None:
        resource = dlt.resource(
            list(rows),
            name="people",
            primary_key="id",
            write_disposition={"disposition": "merge", "strategy": "upsert"},
            columns={"gone": {"data_type": "bool", "hard_delete": True}},
        )
        pipeline.run(resource)

    destination = DeltaTables(bucket_url=str(tmp_path / "lake"), destination_name="filesystem")
    pipeline = dlt.pipeline(
        "people", destination=destination, dataset_name="crm", pipelines_dir=str(tmp_path / "pipelines")
    )
    run({"id": "a", "homes": [{"rooms": [1, 2]}]}, {"id": "b", "homes": [{"rooms": [3]}, {"rooms": [4]}]})
    run({"id": "b", "gone": True})
    folder = tmp_path / "lake" / "crm"
    assert pl.read_delta(folder / "people")["id"].to_list() == ["a"]
    assert len(pl.read_delta(folder / "people__homes")) == 1
    assert sorted(pl.read_delta(folder / "people__homes__rooms")["value"].to_list()) == [1, 2]


@pytest.mark.parametrize(
    ("destination", "path", "sentence"),
    [
        ("parquet", None, "needs --path"),
        ("parquet", "memory://lake", "begins with memory://"),
        ("parquet", "s3://", "begins with s3://"),
        ("duckdb", "lake", "duckdb takes a file, --database"),
        ("postgres", "lake", r"section \[destination.postgres\]"),
    ],
)
def test_options_that_do_not_go_together_are_refused(destination: str, path: str | None, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        target(destination, None, "intilery", path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        target("parquet", None, "intilery", str(tmp_path / "file"))


def test_plain_files_are_refused_since_they_cannot_merge() -> None:
    with (
        pytest.raises(ConfigurationError, match="take parquet with --path"),
        opened(target("filesystem", None, "intilery")),
    ):
        raise AssertionError


def test_verifying_makes_no_folder(tmp_path: Path, account: Account) -> None:
    done = account.invoke("verify", "--destination", "parquet", "--path", str(tmp_path / "none"))
    assert done.exit_code == ExitCode.USAGE
    assert not (tmp_path / "none").exists()
