"""What all tests share: dlt's data in a folder of the test run, and no traffic but on the loopback."""

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from journey import Journey

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


@pytest.fixture(scope="session")
def complete_journey(tmp_path_factory: pytest.TempPathFactory) -> "Journey":
    """The demo's data as canonical tables; to be read only."""
    from journey import journey

    return journey(tmp_path_factory)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say by name what was left out, in the last lines."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"Left out: {report.nodeid}: {report.longrepr[-1]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true, leaving a test out is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
