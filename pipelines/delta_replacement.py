"""Files of several Delta tables replaced at once, so that nothing on the disk still holds what they held.

A journal says what is replaced by what. It is written when all new files are there, and removed when all old ones are
gone: whoever is killed before it was written leaves the old tables, and afterwards `finish` completes the new ones.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from deltalake import DeltaTable

from cdp_client import ExtractorError
from pipelines.delta_files import NewFile, commit
from pipelines.delta_table import DeltaPlace, file_paths

_JOURNAL = ".erasing"
_LOG = "_delta_log"


class CleaningError(ExtractorError):
    """A table's folder is not as its log says; nothing was removed from it."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Files that come into a table, and the names of those that go."""

    added: list[NewFile]
    removed: list[str]


def places_in(dataset: Path) -> dict[str, DeltaPlace]:
    """The Delta tables in a dataset's folder."""
    return {log.parent.name: DeltaPlace(log.parent.as_uri()) for log in sorted(dataset.glob(f"*/{_LOG}"))}


def replace(dataset: Path, replacements: Mapping[str, Replacement]) -> None:
    """Replace files of tables, and remove from all tables what is no part of their newest version.

    Raises:
        CleaningError: a table lacks files of its own.
    """
    places = places_in(dataset)
    for name, replacement in replacements.items():
        _reach_the_disk(places[name].folder / file.name for file in replacement.added)
    beside = dataset / f"{_JOURNAL}.writing"
    beside.write_text(json.dumps({name: asdict(replacement) for name, replacement in replacements.items()}))
    _reach_the_disk([beside])
    beside.replace(dataset / _JOURNAL)
    _reach_the_disk([dataset])
    finish(dataset)


def finish(dataset: Path) -> None:
    """Complete what a journal says, if there is one.

    Raises:
        CleaningError: a table lacks files of its own.
    """
    journal = dataset / _JOURNAL
    if not journal.exists():
        return
    places = places_in(dataset)
    for name, found in json.loads(journal.read_text()).items():
        table = places[name].table() if name in places else None
        if table is not None and set(found["removed"]) <= {path.name for path in _files(table)}:
            commit(table, [NewFile(**file) for file in found["added"]], found["removed"])
    for place in places.values():
        clean(place)
    journal.unlink()


def clean(place: DeltaPlace) -> None:
    """Remove every file of a table that its newest version does not need: data, and the log of earlier versions.

    Raises:
        CleaningError: the table lacks files of its own.
    """
    table = place.table()
    if table is None:
        return
    current = set(_files(table))
    found = {path for path in place.folder.rglob("*") if path.is_file()}
    if not current <= found:
        raise CleaningError(
            f"{len(current - found)} files of the table {place.folder.name} are not there: nothing of it was removed."
        )
    log = place.folder / _LOG
    version = f"{table.version():020d}"
    checkpoint = log / f"{version}.checkpoint.parquet"
    kept = {log / f"{version}.json", checkpoint, log / "_last_checkpoint"}
    earlier = {path for path in found if log in path.parents} - kept
    if earlier:
        table.create_checkpoint()
        if not checkpoint.is_file():
            raise CleaningError(f"The log of the table {place.folder.name} has no checkpoint: nothing was removed.")
    _reach_the_disk([*(path for path in kept if path.exists()), log, place.folder])
    for path in earlier | {path for path in found - current if log not in path.parents}:
        path.unlink()


def _files(table: DeltaTable) -> list[Path]:
    return [Path(path) for path in file_paths(table)]


def _reach_the_disk(paths: Iterable[Path]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
