"""Keeping a load's memory small."""

import ctypes

_M_ARENA_MAX = -8
_ARENAS = 2


def limit_arenas() -> None:
    """Let glibc allocate for all threads from two arenas: one for each of many threads keeps what it once held.

    Elsewhere than with glibc this does nothing.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError, TypeError):
        return
