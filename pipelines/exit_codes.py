"""How a command ends, for schedulers."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of `intilery`."""

    LOADED = 0
    FAILED = 1
    """Nothing that was loaded before is lost; running it again goes on from there."""
    USAGE = 2
    """A usage or configuration error: nothing was tried."""
    LOADED_IN_PART = 3
    """Loaded, but not wholly: records rejected over the threshold, look-ups pending, or no complete scroll."""
    BUSY = 4
    """Another run holds the lock, or another program the DuckDB file."""
