"""Files of Delta tables are replaced all or none, however it ends, and no file that is left shows what is gone."""

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from planted import found_in

from pipelines import delta_replacement
from pipelines.delta_files import put
from pipelines.delta_replacement import CleaningError, Replacement, clean, finish, places_in, replace
from pipelines.delta_table import DeltaPlace, file_paths

_TABLES = ("events", "profiles")


class _Killed(BaseException):
    """What no code catches, as a kill."""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two tables, of which Delta's library wrote three versions, with statistics in the log."""
    dataset = tmp_path / "lake 1%" / "crm"
    for name in _TABLES:
        for email in ("ada@x.org", "zoe@x.org"):
            write_deltalake(dataset / name, pa.table({"email": [email, "nobody@x.org"]}), mode="append")
        DeltaTable(dataset / name).create_checkpoint()
        write_deltalake(dataset / name, pa.table({"email": ["old-zoe@x.org"]}), mode="append")
        DeltaTable(dataset / name).delete("email = 'old-zoe@x.org'")
        (dataset / name / "_delta_log" / "_commit_half.json.tmp").write_text("old-zoe@x.org")
    return dataset


def _without_zoe(dataset: Path) -> dict[str, Replacement]:
    """Each table's file that shows her, written anew without her."""
    found = {}
    for name, place in places_in(dataset).items():
        table = place.table()
        assert table is not None
        (shows,) = [path for path in file_paths(table) if "zoe@x.org" in pq.read_table(path)["email"].to_pylist()]
        new = dataset / "new.parquet"
        pq.write_table(pa.table({"email": ["nobody@x.org"]}), new)
        found[name] = Replacement([put(new, place)], [Path(shows).name])
    return found


def _rows(dataset: Path) -> list[list[str]]:
    return [sorted(pa.table(DeltaTable(dataset / name).to_pyarrow_table())["email"].to_pylist()) for name in _TABLES]


_OLD = [["ada@x.org", "nobody@x.org", "nobody@x.org", "zoe@x.org"]] * 2
_NEW = [["ada@x.org", "nobody@x.org", "nobody@x.org"]] * 2


def test_nothing_is_left_of_what_was_replaced_or_removed_before(dataset: Path) -> None:
    assert _rows(dataset) == _OLD
    assert len(found_in(["zoe@x.org"], dataset)["zoe@x.org"]) > 6
    replace(dataset, _without_zoe(dataset))
    assert _rows(dataset) == _NEW
    assert found_in(["zoe"], dataset) == {}
    # and the tables can be read, and written to, as any other
    write_deltalake(dataset / "events", pa.table({"email": ["bob@x.org"]}), mode="append")
    assert len(pl.read_parquet(file_paths(DeltaTable(dataset / "events")))) == 4
    assert len(list((dataset / "profiles").rglob("*"))) == 2 + 1 + 3, "two files; the log: a version, its checkpoint"


@pytest.mark.parametrize("calls", range(9))
def test_whoever_is_killed_leaves_the_old_tables_or_what_completes_the_new_ones(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    # given an erasure that ends before one of its steps
    replacements = _without_zoe(dataset)
    left, killed = [calls], False

    def or_killed(function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise _Killed
            return function(*arguments)

        return run

    with monkeypatch.context() as patch:
        for name in ("commit", "clean", "_reach_the_disk"):
            patch.setattr(delta_replacement, name, or_killed(getattr(delta_replacement, name)))
        try:
            replace(dataset, replacements)
        except _Killed:
            killed = True
    assert killed

    # when the next run completes it
    before = _rows(dataset)
    finish(dataset)

    # then all tables are the old ones, or all the new ones
    if _rows(dataset) == _OLD:
        assert before == _OLD
        replace(dataset, _without_zoe(dataset))
    assert _rows(dataset) == _NEW
    assert found_in(["zoe"], dataset) == {}
    assert [path.name for path in dataset.glob(".*")] == []


def test_a_table_that_was_changed_meanwhile_is_left_as_it_is(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(delta_replacement, "finish", lambda _: None)
        replace(dataset, _without_zoe(dataset))
    write_deltalake(dataset / "events", pa.table({"email": ["bob@x.org"]}), mode="overwrite")
    finish(dataset)
    assert _rows(dataset) == [["bob@x.org"], _NEW[1]]


def test_a_table_that_lacks_a_file_of_its_own_is_not_cleaned(dataset: Path) -> None:
    table = DeltaTable(dataset / "events")
    before = sorted((dataset / "events").rglob("*"))
    lost = Path(file_paths(table)[0])
    lost.unlink()
    with pytest.raises(CleaningError, match="1 files of the table events are not there"):
        clean(DeltaPlace((dataset / "events").as_uri()))
    assert sorted([*(dataset / "events").rglob("*"), lost]) == before
