"""What the soak test's seeds share: a sandbox and a loading process for each worker, and a summary."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from killable_loader import KillableLoader

from cdp_sandbox.process import Running, running


@pytest.fixture(scope="session")
def soak_sandbox() -> Iterator[Running]:
    """One server for all seeds of a process; each seed resets it."""
    with running("flat:10", 1) as server:
        yield server


@pytest.fixture(scope="session")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableLoader]:
    """One loading process for all seeds of a process."""
    loading = KillableLoader(tmp_path_factory.mktemp("dlt"))
    yield loading
    loading.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the seeds went through."""
    total: Counter[str] = Counter()
    seeds = 0
    for report in terminalreporter.stats.get("passed", []):
        counts = dict(report.user_properties).get("soak")
        if counts is not None:
            total.update(counts)
            seeds += 1
    if seeds:
        told = ", ".join(f"{number:,} {what}" for what, number in sorted(total.items()))
        terminalreporter.write_line(f"Soak: {seeds:,} seeds exact: {told}.")
