"""What all tests share: dlt's data in a folder of the test run, and no traffic but on the loopback."""

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

# dlt asks for these when it is imported, and no test may leave anything in the user's own folders
os.environ["DLT_DATA_DIR"] = tempfile.mkdtemp(prefix="dlt-data-")
for _name in [name for name in os.environ if name.startswith(("SOURCES__", "DESTINATION__"))]:
    del os.environ[_name]

_connect = socket.socket.connect


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Fail a test that talks to anything but the loopback."""

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test connects to {address[0]}")
        _connect(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]
