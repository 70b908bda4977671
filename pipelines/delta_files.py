"""Parquet files that are put beside those of a Delta table, and made part of it in one commit."""

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from pipelines.delta_table import DeltaPlace


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file's name in the folder of its table, its bytes and its rows."""

    name: str
    size: int
    rows: int


def put(path: Path, place: DeltaPlace) -> NewFile:
    """Move a file to where its table is; no reader sees it before `commit`."""
    new = NewFile(f"part-{uuid4()}.zstd.parquet", path.stat().st_size, pq.read_metadata(path).num_rows)
    if place.files is None:
        shutil.move(path, place.folder / new.name)
    else:
        place.files.put_file(str(path), f"{place.location}/{new.name}")
    return new


def commit(table: DeltaTable, added: Iterable[NewFile], removed: Iterable[str]) -> None:
    """Make files part of a table in place of those that they replace, which are named as in the table's folder."""
    now = time.time_ns() // 1_000_000
    actions: list[AddAction | RemoveAction] = [
        AddAction(file.name, file.size, {}, now, True, f'{{"numRecords":{file.rows}}}') for file in added
    ]
    actions += [RemoveAction(name, True, now) for name in removed]
    table.create_write_transaction(actions, "append", table.schema())
    table.update_incremental()
