"""The jobs `intilery tables build` and `check`: the canonical tables, made from what was loaded."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cdp_client import ConfigurationError
from pipelines.delta_folder import is_local
from pipelines.destination import Target, opened
from pipelines.lock import exclusive

if TYPE_CHECKING:
    from customer_tables import BuildResult, Finding

_THREADS, _MEMORY = 2, "500MB"
_WANTED = "Canonical tables are made in a DuckDB file, or in a folder of Delta tables"


def build_tables(where: Target, *, full: bool) -> "BuildResult":
    """Build the canonical tables beside what was loaded, from what is new in it.

    Raises:
        ConfigurationError: there is nothing to build from, or the destination is another.
        LockHeldError, FileHeldError: a load, or another program, has the destination.
    """
    from customer_tables import TablesError, build

    _must_be_readable(where)
    with exclusive(where.working_folder / "lock", str(where)):
        try:
            if where.folder is not None:
                return build(where.folder, dataset=where.dataset, full=full)
            with opened(where) as place:
                if place.connection is None:
                    raise ConfigurationError(f"{_WANTED}; {where} is neither.")
                place.connection.execute(f"SET threads = {_THREADS}")
                place.bound(_MEMORY)
                found = build(place.connection, dataset=where.dataset, full=full)
                place.settle()
                return found
        except TablesError as error:
            raise ConfigurationError(str(error)) from None


def check_tables(where: Target, clock_skew: timedelta) -> "list[Finding]":
    """What of the canonical tables is not as it should be.

    Raises:
        ConfigurationError: nothing was built, or the destination is another.
        LockHeldError, FileHeldError: a load, or another program, has the destination.
    """
    from customer_tables import TablesError, check

    _must_be_readable(where)
    with exclusive(where.working_folder / "lock", str(where)):
        try:
            if where.folder is not None:
                return check(where.folder, dataset=where.dataset, clock_skew=clock_skew)
            with opened(where, read_only=True) as place:
                if place.connection is None:
                    raise ConfigurationError(f"{_WANTED}; {where} is neither.")
                place.bound(_MEMORY)
                return check(place.connection, dataset=where.dataset, clock_skew=clock_skew)
        except TablesError as error:
            raise ConfigurationError(str(error)) from None


def _must_be_readable(where: Target) -> None:
    if where.database is None and (where.folder is None or not is_local(where.folder)):
        raise ConfigurationError(
            f"{_WANTED}: {where.folder or where.destination} is neither. Load into one of these, "
            "or copy the bucket's folder to this machine."
        )
    if where.database is not None and not where.database.exists():
        raise ConfigurationError(f"--database {where.database}: there is no such file; intilery load makes it.")
    if where.folder is not None and not Path(where.folder).is_dir():
        raise ConfigurationError(f"--path {where.folder}: there is no such folder; intilery load makes it.")
