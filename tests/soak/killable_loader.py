"""Loads in a process of its own that can be killed and is back at once.

Importing dlt takes a second and a half, too long after each of a thousand kills. So a first process imports
everything, starts no thread, and forks a second one, which loads in itself until it is killed; then the first forks
another. Run as a program, this file is the first process: orders come in and outcomes go out as lines of JSON.
"""

import faulthandler
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_LONGEST = 60.0
"""Seconds without a question after which a load counts as stuck."""
_LONGEST_ASKING = 300.0
"""Seconds after which a load that goes on asking does: thousands of events of one instant take more than a minute."""
_LONGEST_TEXT = 3500
"""Of a traceback; a line of output stays short enough to be written at once."""
_OPERATIONS = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "http.client.send"})
"""What is counted for `Order.kill_at_operation`: Python's audit events that every load has by the hundred."""
_IMPORTED = (
    "accounts",
    "pipelines.failures",
    "dlt.common.libs.pyarrow",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.sources.helpers.requests",
    "pyarrow.parquet",
    "sqlglot.dialects.duckdb",
)
"""What a load would import, which takes longer than a small load."""
_UNEXPLAINED = "The load failed ("
"""How `pipelines.failures` begins a sentence about an error that it does not know."""


@dataclass(frozen=True)
class Order:
    """One load of an account into a file; `since` and `until` are ISO instants.

    `kill_at_operation` is the number of the operation at which the process kills itself: the same one each time that
    the load is repeated, where `after` seconds of `KillableLoader.result` are not.
    """

    server: dict[str, str]
    database: str
    settings: dict[str, Any]
    only: tuple[str, ...]
    since: str | None = None
    until: str | None = None
    kill_at_operation: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How a load ended; `exit_code` is the command's, None for a load that was killed."""

    exit_code: int | None
    reasons: list[str]
    loads: int = 0
    retries: int = 0
    seconds: float = 0.0
    trace: str = ""
    """Where it went wrong, of an error that nobody foresaw."""


KILLED = Outcome(None, ["killed"])


class KillableLoader:
    """Both processes, seen from outside."""

    def __init__(self, data_folder: Path) -> None:
        path = os.pathsep.join([str(_ROOT), str(_ROOT / "tests" / "support")])
        self._stacks = data_folder / "stacks.txt"
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._stacks)],
            env=os.environ | {"PYTHONPATH": path, "DLT_DATA_DIR": str(data_folder), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._pid: int = self._line(_LONGEST)["pid"]

    def start(self, order: Order) -> None:
        """Begin a load."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()

    def ends_within(self, seconds: float) -> bool:
        """Wait for the load to end, but no longer than this."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], max(0.0, seconds))[0])

    def kill(self) -> Outcome:
        """End the load now with SIGKILL."""
        with suppress(ProcessLookupError):  # it crashed by itself
            os.kill(self._pid, signal.SIGKILL)
        return self.outcome(lambda: 0)

    def outcome(self, asked: Callable[[], int]) -> Outcome:
        """Wait for the load's end; `asked` counts its questions. One that ended just before its kill counts as killed.

        Raises:
            TimeoutError: it does not end.
        """
        started, before = time.monotonic(), asked()
        while not self.ends_within(_LONGEST):
            seconds, now = time.monotonic() - started, asked()
            if now == before or seconds > _LONGEST_ASKING:
                os.kill(self._pid, signal.SIGUSR1)
                time.sleep(0.5)
                where = self._stacks.read_text()[-_LONGEST_TEXT:]
                self.kill()
                questions = f"after {seconds:.0f} s and {now - before} more questions"
                raise TimeoutError(f"a load was stuck: no end {questions}. It was in\n{where}")
            before = now
        line = self._line(_LONGEST)
        if "pid" not in line:
            if not self.ends_within(0.0):
                return Outcome(**line)
            line = self._line(_LONGEST)
        self._pid = line["pid"]
        return KILLED

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(timeout=10)

    def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not self.ends_within(seconds):
            raise TimeoutError(f"the loading process says nothing within {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the loading process is gone")
        return dict(json.loads(line))


def _serve() -> None:
    """Fork a process that loads, and another one whenever it was killed, until no more orders come."""
    from cdp_client import retry

    # the same retries in a hundredth of the time, as the fixture `fast_retries` has it
    retry._FIRST_BACKOFF *= 0.01
    retry._MAX_BACKOFF *= 0.01
    for name in _IMPORTED:
        importlib.import_module(name)
    while True:
        pid = os.fork()
        if pid == 0:
            _load_until_no_more_orders_come()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):  # no more orders come, or nobody listens any more
            return


def _load_until_no_more_orders_come() -> None:
    random.seed(1)  # the jitter of retries
    countdown = _Countdown()
    with Path(sys.argv[1]).open("w") as stacks:
        faulthandler.register(signal.SIGUSR1, file=stacks)  # where all threads are, for a load that is stuck
        _say({"pid": os.getpid()})
        while line := _read_line():
            order = Order(**json.loads(line))
            countdown.start(order.kill_at_operation)
            outcome = _load(order)
            countdown.start(None)
            _say(asdict(outcome))


def _load(order: Order) -> Outcome:
    from accounts import Account

    from cdp_sandbox.process import Running
    from intilery_source.settings import read_instant
    from pipelines.failures import explain

    account = Account(Running(**order.server), Path(order.database), order.settings)
    bounds = {"since": read_instant(order.since, "since"), "until": read_instant(order.until, "until")}
    started = time.monotonic()
    try:
        result = account.load(tuple(order.only), **bounds)
    except Exception as error:  # noqa: BLE001 - it is the outcome
        code, sentence = explain(error)
        trace = traceback.format_exc()[-_LONGEST_TEXT:] if sentence.startswith(_UNEXPLAINED) else ""
        return Outcome(int(code), [sentence[:500]], trace=trace)
    statistics = account.report.statistics
    seconds = time.monotonic() - started
    return Outcome(int(result.exit_code), result.reasons[:3], result.loads, statistics.as_dict()["retries"], seconds)


class _Countdown:
    """Kills this process at its so-manieth operation from now on. An audit hook stays: it is set to rest instead."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._hooked = False

    def start(self, operations: int | None) -> None:
        self._left = operations
        if operations is not None and not self._hooked:
            self._hooked = True
            sys.addaudithook(self._count)

    def _count(self, event: str, _: Any) -> None:
        if self._left is not None and event in _OPERATIONS:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _read_line() -> bytes:
    """A line of standard input, and not a byte more: the next one may be for the process after this one."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    _serve()
