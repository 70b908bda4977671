"""A Delta table holds each key once, and nothing of what is gone."""

import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import delta_merge, delta_table
from pipelines.delta_merge import Merge, stale_ids
from pipelines.delta_table import DeltaPlace, select

_BY_ID = Merge(["id"])


def merge(place: DeltaPlace, files: list[str], how: Merge, stale: pa.Array | None = None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=Path(files[0]).parent if files else None))
    delta_merge.merge(place, files, how, folder, stale)


@pytest.fixture
def place(tmp_path: Path) -> DeltaPlace:
    return DeltaPlace((tmp_path / "table").as_uri())


def _file(folder: Path, rows: list[dict[str, Any]], name: str = "rows", schema: pa.Schema | None = None) -> str:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return str(path)


def _rows(place: DeltaPlace) -> list[dict[str, Any]]:
    table = place.table()
    assert table is not None
    frame = pl.read_delta(str(table.table_uri))
    return sorted(frame.to_dicts(), key=lambda row: str(row["id"]))


def test_a_double_in_the_first_load_is_one_row_the_last_of_them(place: DeltaPlace, tmp_path: Path) -> None:
    merge(place, [_file(tmp_path, [{"id": "1", "n": 1}, {"id": "2", "n": 2}, {"id": "1", "n": 3}])], _BY_ID)
    assert _rows(place) == [{"id": "1", "n": 3}, {"id": "2", "n": 2}]


def test_a_row_is_replaced_as_a_whole_and_a_new_column_is_added(place: DeltaPlace, tmp_path: Path) -> None:
    merge(place, [_file(tmp_path, [{"id": "1", "old": "x"}, {"id": "2", "old": "y"}])], _BY_ID)
    merge(place, [_file(tmp_path, [{"id": "1", "select": True}])], _BY_ID)
    assert _rows(place) == [{"id": "1", "old": None, "select": True}, {"id": "2", "old": "y", "select": None}]


def test_a_column_that_is_new_in_the_second_file_of_a_load_is_kept(place: DeltaPlace, tmp_path: Path) -> None:
    files = [_file(tmp_path, [{"id": "1"}], "first"), _file(tmp_path, [{"id": "2", "new": 5}], "second")]
    merge(place, files, _BY_ID)
    assert _rows(place) == [{"id": "1", "new": None}, {"id": "2", "new": 5}]


def test_an_unchanged_load_writes_nothing(place: DeltaPlace, tmp_path: Path) -> None:
    how = Merge(["id"], compared=["n"])
    file = _file(tmp_path, [{"id": "1", "n": 1, "load": "a"}])
    merge(place, [file], how)
    before = place.table()
    merge(place, [_file(tmp_path, [{"id": "1", "n": 1, "load": "b"}])], how)
    after = place.table()
    assert before is not None
    assert after is not None
    assert (after.version(), after.file_uris()) == (before.version(), before.file_uris())
    assert _rows(place)[0]["load"] == "a"


@pytest.mark.parametrize("marks", [[True, None, False], ["gone", None, None]])
def test_rows_marked_as_deleted_leave_the_table_and_do_not_enter_it(
    place: DeltaPlace, tmp_path: Path, marks: list[Any]
) -> None:
    how = Merge(["id"], deleted="mark")
    kind = pa.bool_() if marks[0] is True else pa.string()
    schema = pa.schema([("id", pa.string()), ("mark", kind)])
    rows = [{"id": str(number), "mark": mark} for number, mark in enumerate(marks)]
    merge(place, [_file(tmp_path, rows, schema=schema)], how)
    assert [row["id"] for row in _rows(place)] == ["1", "2"]
    merge(place, [_file(tmp_path, [{"id": "1", "mark": marks[0]}], schema=schema)], how)
    assert [row["id"] for row in _rows(place)] == ["2"]


def test_what_is_inserted_only_is_never_changed(place: DeltaPlace, tmp_path: Path) -> None:
    how = Merge(["id"], insert_only=True)
    merge(place, [_file(tmp_path, [{"id": "1", "n": 1}])], how)
    merge(place, [_file(tmp_path, [{"id": "1", "n": 2}, {"id": "2", "n": 2}])], how)
    assert _rows(place) == [{"id": "1", "n": 1}, {"id": "2", "n": 2}]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 9), max_size=3)), max_size=4))
def test_lists_are_those_of_the_newest_load_that_had_their_root(
    tmp_path_factory: pytest.TempPathFactory, loads: list[dict[str, list[int]]]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    place = DeltaPlace((folder / "items").as_uri())
    newest: dict[str, list[int]] = {}
    for load in loads:
        newest |= load
        items = [
            {"id": f"{root}-{index}", "root": root, "value": value}
            for root, values in load.items()
            for index, value in enumerate(values)
        ]
        files = [_file(folder, items)] if items else []
        roots = _file(folder, [{"id": root} for root in load], "roots", pa.schema([("id", pa.string())]))
        stale = stale_ids(place, files, [roots], key="id", root_key="root")
        merge(place, files, Merge(["id"], compared=["root", "value"]), stale)
    expected = {(root, value, index) for root, values in newest.items() for index, value in enumerate(values)}
    found = [] if place.table() is None else _rows(place)
    assert {(row["root"], row["value"], int(row["id"].partition("-")[2])) for row in found} == expected
    assert len(found) == len(expected)


def test_a_table_can_be_read_when_it_is_empty_and_when_no_file_has_a_column(place: DeltaPlace, tmp_path: Path) -> None:
    place.made(pa.schema([("id", pa.string()), ("at", pa.timestamp("us", "UTC")), ("n", pa.int64())]))
    table = place.table()
    assert table is not None
    assert duckdb.sql(select(table, ["id", "at", "n", "unknown"])).fetchall() == []
    merge(place, [_file(tmp_path, [{"id": "it's"}])], _BY_ID)
    place.made(pa.schema([("id", pa.string()), ("later", pa.bool_())]))
    table = place.table()
    assert table is not None
    shown = duckdb.sql(select(table, ["id", "at", "n", "later"]))
    assert [str(kind) for kind in shown.types] == ["VARCHAR", "TIMESTAMP WITH TIME ZONE", "BIGINT", "BOOLEAN"]
    assert shown.fetchall() == [("it's", None, None, None)]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    place = DeltaPlace((tmp_path / "Übung 1%" / "it's").as_uri())
    merge(place, [_file(tmp_path, [{"id": "1", "n": 1}])], _BY_ID)
    merge(place, [_file(tmp_path, [{"id": "1", "n": 2}])], _BY_ID)
    table = place.table()
    assert table is not None
    assert duckdb.sql(select(table, ["id", "n"])).fetchall() == [("1", 2)]


def test_small_files_are_joined_and_what_no_reader_needs_is_removed(
    place: DeltaPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_table, "_COMMITS_A_ROUND", 4)
    for number in range(12):
        merge(place, [_file(tmp_path, [{"id": f"{number:02d}"}])], _BY_ID)
    table = place.table()
    assert table is not None
    assert len(table.file_uris()) <= 4
    assert [row["id"] for row in _rows(place)] == [f"{number:02d}" for number in range(12)]
    on_disk = len(list((tmp_path / "table").glob("*.parquet")))
    assert on_disk > len(table.file_uris()), "a reader of the last days' versions finds its files"


def test_the_log_tells_no_value(place: DeltaPlace, tmp_path: Path) -> None:
    """A deleted person's e-mail address would stay there as the least or greatest of a file."""
    merge(place, [_file(tmp_path, [{"id": "ada@example.com", "n": 4711}])], Merge(["id"], compared=["n"]))
    logs = list((tmp_path / "table" / "_delta_log").glob("*.json"))
    assert logs
    assert all("ada@" not in log.read_text() and "4711" not in log.read_text() for log in logs)
    added = [json.loads(line)["add"] for log in logs for line in log.read_text().splitlines() if '"add"' in line]
    assert len(added) == 1


def test_any_reader_of_delta_understands_it(place: DeltaPlace, tmp_path: Path) -> None:
    merge(place, [_file(tmp_path, [{"id": "1"}])], _BY_ID)
    protocol = DeltaTable(tmp_path / "table").protocol()
    assert (protocol.min_reader_version, protocol.reader_features) == (1, None)
