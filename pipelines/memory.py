"""Keeping a load's memory small, in spite of its many threads."""

import ctypes
import sys

_M_ARENA_MAX = -8
_ARENAS = 2

DUCKDB_BOUNDS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "150MB",
    "threads": 1,
    "preserve_insertion_order": False,
    "enable_external_file_cache": False,
}
"""DuckDB would otherwise take most of the machine's memory for a merge; events are read meanwhile by the other core."""
FOR_PROFILES = "600MB"
"""What a thousand profiles of 300 traits need, and more: DuckDB puts each column of a table into 256 kB at least."""
FOR_ERASURE = "1GB"
"""What is sought in every text of every table needs more, and seldom."""


class _NoPandas:
    """Says of pandas that it is not there."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas' here: the command has no use for it", name=name)


def do_without_pandas() -> None:
    """Let nothing import pandas in this process, which takes 32 MB and a third of a second.

    pyarrow and dlt do so where they find it, and swallow a Ctrl-C that comes meanwhile; neither needs it here.
    """
    sys.meta_path.insert(0, _NoPandas())


def share_allocators() -> None:
    """Let all threads allocate from one place: each would otherwise keep what it once held.

    With 280 threads, Arrow's own allocator kept 1.1 GB more than glibc's, and glibc's kept 60 MB less with two arenas
    than with its 16; elsewhere than with glibc the latter does nothing.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError, TypeError):
        return


def give_back() -> None:
    """Give the memory back that is not used any more: it would lie beside what the next step takes."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return
