"""Where a load goes: a DuckDB file, a folder of Delta tables, or any destination of dlt by its own configuration."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.destination.reference import Destination
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from pipelines import delta_folder
from pipelines.delta_folder import PARQUET
from pipelines.memory import DUCKDB_BOUNDS
from pipelines.postgres_values import settle_values

PIPELINE_NAME = "intilery"
DUCKDB = "duckdb"
DEFAULT_DATABASE = Path("customers.duckdb")


class FileHeldError(Exception):
    """Another program has the DuckDB file open; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Target:
    """A destination and dataset.

    `database` is the DuckDB file, `folder` that of Delta tables or a bucket's address, None for another destination.
    """

    destination: str
    database: Path | None
    dataset: str
    folder: str | None = None

    def __str__(self) -> str:
        place = self.database.name if self.database is not None else self.folder or self.destination
        return f"{place}, dataset {self.dataset}"

    @property
    def working_folder(self) -> Path:
        """dlt's working folder for this target alone: one left over from another target would hold its state."""
        name = self.destination.rpartition(".")[2].lower()
        place = str(self.database.resolve()) if self.database is not None else self.folder or name
        digest = hashlib.sha256(f"{name}\0{place}\0{self.dataset.lower()}".encode()).hexdigest()[:12]
        return Path(get_dlt_pipelines_dir()) / f"intilery-{digest}"


def target(destination: str, database: Path | None, dataset: str, path: str | None = None) -> Target:
    """The target that the options name.

    Raises:
        ConfigurationError: they do not go together.
    """
    if path is not None and destination != PARQUET:
        raise ConfigurationError(f"--path is for --destination parquet; {_place_of(destination)}.")
    if destination == DUCKDB:
        database = database or DEFAULT_DATABASE
        if str(database).startswith(":"):
            raise ConfigurationError(f"--database {database} would not outlive the load: name a file.")
        if not database.resolve().parent.is_dir():
            raise ConfigurationError(f"--database: the folder {database.resolve().parent} does not exist; create it.")
        if database.is_dir():
            raise ConfigurationError(f"--database {database} is a folder: name a file, such as customers.duckdb.")
        if database.stem.lower() == dataset.lower():
            raise ConfigurationError(
                f"--database {database.name} and --dataset {dataset} have one name, which DuckDB could not tell apart "
                f"in {dataset}.events: give the file another name, such as {DEFAULT_DATABASE}."
            )
    elif database is not None:
        raise ConfigurationError(f"--database is for --destination duckdb; {_place_of(destination)}.")
    return Target(destination, database, dataset, delta_folder.address(path) if destination == PARQUET else None)


def _place_of(destination: str) -> str:
    """Where a destination takes its place from."""
    if destination == DUCKDB:
        return "duckdb takes a file, --database"
    if destination == PARQUET:
        return "parquet takes a folder or a bucket's address, --path"
    return f"{destination} takes its place from dlt's configuration, section [destination.{destination}]"


def _must_merge(destination: Destination[Any, Any]) -> None:
    """Refuse a destination in which a row that comes twice would be there twice.

    Raises:
        ConfigurationError: it has no upsert.
    """
    capabilities = destination.capabilities()
    strategies = capabilities.supported_merge_strategies or []
    if "upsert" not in strategies or isinstance(destination, dlt.destinations.filesystem):
        raise ConfigurationError(
            f"--destination {destination.destination_name} cannot merge rows, so what is read twice would be there "
            "twice: take parquet with --path, duckdb, or a database or warehouse for which dlt supports the merge "
            "strategy upsert."
        )


def _settled(destination: Destination[Any, Any]) -> Destination[Any, Any]:
    """The destination, which looks up its configuration once rather than two dozen times a load.

    dlt does so whenever it asks for the capabilities without saying for which configuration: a third of the time of
    a small load.
    """
    ask = destination.capabilities
    general = ask()

    def capabilities(config: Any = None, naming: Any = None) -> DestinationCapabilitiesContext:
        return copy(general) if config is None and naming is None else ask(config, naming)

    destination.capabilities = capabilities  # type: ignore[method-assign]
    return destination


@dataclass(frozen=True, slots=True)
class Opened:
    """dlt's destination, and for a DuckDB file the connection that holds it."""

    destination: Destination[Any, Any]
    connection: duckdb.DuckDBPyConnection | None = None

    def pipeline(self, where: Target) -> Pipeline:
        """dlt's pipeline for a target, in its working folder, which is emptied: state comes from the destination."""
        return dlt.pipeline(
            PIPELINE_NAME,
            destination=self.destination,
            dataset_name=where.dataset,
            pipelines_dir=str(where.working_folder),
        ).drop()

    def bound(self, memory_limit: str) -> None:
        """Let DuckDB take so much from now on; it keeps all that it may have."""
        if self.connection is not None:
            self.connection.execute("SET memory_limit = ?", [memory_limit])

    def settle(self) -> None:
        """Write what has been loaded from DuckDB's log into its file.

        DuckDB does so by itself only while no other cursor is open, and keeps it in memory until then.
        """
        if self.connection is not None:
            self.connection.execute("CHECKPOINT")


@contextmanager
def opened(where: Target, *, read_only: bool = False) -> Iterator[Opened]:
    """The target, open. A DuckDB file stays open, so that no other program can take it midway.

    Raises:
        FileHeldError: another program holds the file.
        ConfigurationError: it is no DuckDB file, there is none to read, or dlt knows no such destination.
    """
    if where.folder is not None:
        yield Opened(_settled(delta_folder.destination_in(where.folder, read_only=read_only)))
        return
    if where.database is None:
        try:
            destination = Destination.from_reference(where.destination)
        except (UnknownDestinationModule, ModuleNotFoundError):
            raise ConfigurationError(
                f"--destination {where.destination} is unknown to dlt, or its package is not installed: "
                "duckdb, parquet, or one of dlt's own names, such as postgres, bigquery, snowflake."
            ) from None
        if destination is None:
            raise ConfigurationError("--destination is empty: name one, such as duckdb.")
        _must_merge(destination)
        if isinstance(destination, dlt.destinations.postgres):
            settle_values(destination)
        yield Opened(_settled(destination))
        return
    try:
        connection = duckdb.connect(str(where.database), read_only=read_only, config=DUCKDB_BOUNDS)
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise FileHeldError(
                f"Another program (a notebook, say) has {where.database.name} open: close it there and run this "
                "again; nothing was changed."
            ) from None
        raise ConfigurationError(
            f"--database {where.database} cannot be opened as a DuckDB file: check that it is one, and its permissions."
        ) from None
    except duckdb.Error:
        raise ConfigurationError(
            f"--database {where.database} cannot be opened: it is no DuckDB file, or one of a newer version."
        ) from None
    try:
        yield Opened(_settled(dlt.destinations.duckdb(connection)), connection)
    finally:
        connection.close()
