"""What a command takes, seen from outside: wall and CPU seconds, peak memory; and whether it did its work."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]
SECONDS_AT_MOST = 3600
_LAUNCH = Path(__file__).with_name("launch.py")
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process took, with the children that it waited for; `peak_bytes` is that of the largest of them."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command that was to load `events` events; `failure` says why its figures mean nothing."""

    name: str
    events: int
    taken: Taken
    failure: str | None = None

    @property
    def per_second(self) -> float | None:
        """Events a second, over the whole process."""
        return None if self.failure else self.events / self.taken.seconds

    @property
    def cpu_per_million(self) -> float | None:
        """CPU seconds for a million events."""
        return None if self.failure else self.taken.cpu_seconds / self.events * 1_000_000

    @property
    def peak_megabytes(self) -> float | None:
        """Peak memory in megabytes (10^6 bytes)."""
        return None if self.failure else self.taken.peak_bytes / _MEGABYTE


@dataclass(frozen=True, slots=True)
class Rows:
    """A column of identifiers in a DuckDB file, and how many different ones it must hold, each once."""

    database: Path
    table: str
    column: str
    expected: int

    def failure(self) -> str | None:
        """Why this is not what it must be, or None."""
        if not self.database.exists():
            return "no database was written"
        try:
            with duckdb.connect(str(self.database), read_only=True) as connection:
                found = connection.execute(
                    f"SELECT count(*), count(DISTINCT {self.column}) FROM {self.table}"  # noqa: S608 - our own names
                ).fetchone()
        except duckdb.Error as error:
            return str(error).splitlines()[0]
        rows, different = found or (0, 0)
        if rows == different == self.expected:
            return None
        return f"{rows:,} rows with {different:,} identifiers instead of {self.expected:,}"


def take(command: Sequence[str], folder: Path, settings: Mapping[str, str], *, seconds: int = SECONDS_AT_MOST) -> Taken:
    """Run a command in `folder`, with `settings` and next to nothing else as its environment.

    dlt's folders are there, too, so that no configuration of this machine or of this repository counts.
    """
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **settings,
    }
    with tempfile.TemporaryDirectory(dir=folder) as own:
        report = Path(own) / "report.json"
        launched = subprocess.run(  # noqa: S603 - the benchmark's own commands
            [sys.executable, "-I", "-S", str(_LAUNCH), str(report), str(seconds), *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            raise RuntimeError(f"{command[0]} was not run: {launched.stderr.strip()[-500:]}")
        return Taken(**json.loads(report.read_text()), output=launched.stdout, errors=launched.stderr)


def verified(name: str, taken: Taken, rows: Rows, *, events: int | None = None) -> Run:
    """The run that `taken` was, with a failure unless the command ended well and the rows are all there.

    `events` is what was loaded by this run where that is not all rows.
    """
    failure = None
    if taken.exit_code:
        said = taken.errors.strip().splitlines() or [""]
        failure = f"ended with code {taken.exit_code}: {said[-1][:200]}"
    return Run(name, rows.expected if events is None else events, taken, failure or rows.failure())


def ratio(above: float | None, below: float | None) -> float | None:
    """How many times `below` goes into `above`; None where either is missing."""
    return None if above is None or not below else above / below
