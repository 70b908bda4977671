"""Runs one command and writes what it took as JSON: `python launch.py REPORT SECONDS COMMAND...`.

This is a process of its own because Linux counts into a child's peak memory what its parent held when it started the
child. So it imports next to nothing.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_BYTES = 1 if sys.platform == "darwin" else 1024
"""What one unit of `ru_maxrss` is."""


def main(report: str, seconds: str, command: list[str]) -> None:
    """Run the command, killed after `seconds`; children of its own count, too."""
    started = time.monotonic()
    child = subprocess.Popen(command)  # noqa: S603 - the benchmark's own commands
    signal.signal(signal.SIGALRM, lambda *_: child.kill())
    signal.alarm(int(seconds))
    _, status, usage = os.wait4(child.pid, 0)
    taken = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * _BYTES,
    }
    Path(report).write_text(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
