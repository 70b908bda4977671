"""One writer for each destination and dataset: two at once would share staging tables and lose rows."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockHeldError(Exception):
    """Another run holds the lock; the text is one sentence for the user."""


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path` while the context lasts.

    The operating system holds the lock for the process, so one that died, however it died, holds it no longer: a
    file that is left over is stale and is taken over.

    Raises:
        LockHeldError: a living process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise LockHeldError(
                f"Another run (process {holder or 'unknown'}) is loading into {what}: wait for it to end; "
                "nothing was changed."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
