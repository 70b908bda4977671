"""The job `intilery forget`: a person is erased from every table, file and folder, and kept from coming back."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source.settings import NEW_KEY, SHORTEST_KEY
from intilery_source.tables import EXTRACT_WINDOWS, FORGOTTEN
from pipelines import duckdb_rewrite, parquet_erasure
from pipelines.delta_folder import must_be_local
from pipelines.destination import Target, opened
from pipelines.erasure import Erased, count, plan
from pipelines.lock import exclusive
from pipelines.memory import FOR_ERASURE
from pipelines.parquet_erasure import ParquetFolder
from pipelines.people import People, fill, resolve
from pipelines.stored_tables import Change, Store, store_in, store_of


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """Whom to forget, where, and in which exported folders, too; `key` is the setting `pii_key`."""

    where: Target
    whom: People
    key: str
    exports: Sequence[ParquetFolder] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """What was erased, by table and by exported folder and table; `notes` are sentences without any datum."""

    erased: dict[str, Erased]
    profiles: int
    remembered: int
    """Identifiers of which `forgotten` keeps an HMAC."""
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "erased": {name: found.rows for name, found in self.erased.items() if found.rows},
            "blanked": {name: found.blanked for name, found in self.erased.items() if found.blanked},
            "profiles": self.profiles,
            "remembered": self.remembered,
            "notes": self.notes,
        }


def configured_key() -> str:
    """The setting `pii_key`, to hash with.

    Raises:
        ConfigurationError: there is none, or it is too short.
    """
    configured = dlt.secrets.get("sources.intilery.pii_key", str)
    if not configured or len(configured) < SHORTEST_KEY:
        raise ConfigurationError(
            "intilery forget needs sources.intilery.pii_key: it keeps an HMAC of each identifier, so that the next "
            f"load does not bring the person back. Put a key of at least {SHORTEST_KEY} characters into "
            f".dlt/secrets.toml, section [sources.intilery], and keep it there: {NEW_KEY} makes one."
        )
    return configured


def forget(request: ForgetRequest) -> ForgetResult:
    """Erase people from what was loaded, from exports, and from dlt's working folder.

    First their HMACs are stored, last the DuckDB file is replaced: an erasure that was killed is simply run again.

    Raises:
        ConfigurationError: there is nothing to erase from.
        LockHeldError, FileHeldError: a load, or another program, has the destination.
    """
    where = request.where
    if where.database is not None and not where.database.exists():
        raise ConfigurationError(f"--database {where.database}: there is no such file; intilery load makes it.")
    if where.folder is not None:
        must_be_local(where.folder)
    if where.folder is not None and not Path(where.folder, where.dataset).is_dir():
        raise ConfigurationError(f"--path {where.folder}: it holds no dataset {where.dataset}; intilery load makes it.")
    with exclusive(where.working_folder / "lock", str(where)):
        with _store(where, read_only=request.dry_run) as store:
            whom = resolve(store, store.tables(), request.whom, request.key)
            erased = count(store, plan(store, store.tables(), whom))
        result = ForgetResult(erased, len(whom.of("id")), len(whom.hmacs(request.key)), whom.notes)
        if not request.dry_run:
            _remember(where, whom.hmacs(request.key))
        if where.database is None or request.dry_run:
            _erase_exports(request, whom, result)
        if request.dry_run:
            return result
        if where.database is None:
            _erase_in_place(where, whom, request.key)
        else:
            _erase_file(where, where.database, whom, request.key, lambda: _erase_exports(request, whom, result))
        _sweep(where)
    return result


def _erase_exports(request: ForgetRequest, whom: People, result: ForgetResult) -> None:
    for exported in request.exports:
        result.erased.update(parquet_erasure.erase(exported, whom, request.key, dry_run=request.dry_run))


def _erase_file(where: Target, database: Path, whom: People, key: str, before_the_end: Callable[[], None]) -> None:
    """Write a DuckDB file anew without people, and move it into place as the last of all."""
    with opened(where) as held:
        connection = held.connection
        if connection is None:
            raise ConfigurationError(f"{where} is no DuckDB file.")
        held.bound(FOR_ERASURE)
        store = store_in(connection, where.dataset)
        fill(store, whom, key)
        connection.execute("CHECKPOINT")
        changes = plan(store, store.tables(), whom)
        counted = count(store, changes)
        duckdb_rewrite.write_anew(connection, database, [_needed(change, counted) for change in changes])
        before_the_end()
    duckdb_rewrite.move_into_place(database)
    shutil.rmtree(f"{database}.tmp", ignore_errors=True)  # what DuckDB could not hold in memory


def _needed(change: Change, counted: Mapping[str, Erased]) -> Change:
    """The change without looking for what is to be blanked, where nothing is."""
    found = counted.get(str(change.table))
    searched = found is not None and found.blanked > 0
    return change if searched or change.table.name == EXTRACT_WINDOWS.name else Change(change.table, change.erased)


def _erase_in_place(where: Target, whom: People, key: str) -> None:
    """Delete people at once, and then what the destination still keeps of deleted rows."""
    with _store(where) as store:
        fill(store, whom, key)
        changes: list[Change] = plan(store, store.tables(), whom)
        changed = count(store, changes).keys()
        store.carry_out(changes)
        store.clean([change.table for change in changes if str(change.table) in changed])


def _remember(where: Target, hmacs: Sequence[str]) -> None:
    """Store the HMACs in the table `forgotten`."""
    now = datetime.now(UTC)
    rows = [{"person_hmac": digest, "forgotten_at": now} for digest in hmacs]
    remembered = dlt.resource(
        lambda: iter([FORGOTTEN.first(rows)]),
        name=FORGOTTEN.name,
        write_disposition={"disposition": "merge", "strategy": "insert-only"},
        file_format="parquet",
    )
    with _pipeline(where) as pipeline:
        pipeline.run(remembered())


@contextmanager
def _pipeline(where: Target, *, read_only: bool = False) -> Iterator[Pipeline]:
    """A pipeline that knows what was loaded; nothing of it stays in dlt's working folder."""
    with opened(where, read_only=read_only) as held:
        pipeline = held.pipeline(where)
        try:
            pipeline.sync_destination()
            yield pipeline
            held.settle()
        finally:
            pipeline.drop()
            pipeline.deactivate()


@contextmanager
def _store(where: Target, *, read_only: bool = False) -> Iterator[Store]:
    if where.database is None:
        with _pipeline(where, read_only=read_only) as pipeline, store_of(pipeline, read_only=read_only) as store:
            yield store
        return
    with opened(where, read_only=read_only) as held:
        if held.connection is None:
            raise ConfigurationError(f"{where} is no DuckDB file.")
        held.bound(FOR_ERASURE)
        yield store_in(held.connection, where.dataset)


def _sweep(where: Target) -> None:
    """Empty dlt's working folder of this target, in which a killed load leaves what it has read."""
    for path in where.working_folder.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
