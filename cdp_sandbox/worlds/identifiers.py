"""Identifiers shaped like random UUIDs (version 4), drawn from a seeded generator: the same seed, the same ones."""

import numpy as np
import numpy.typing as npt

Identifiers = npt.NDArray[np.uint64]
"""Shape (n, 2): the high and the low 64 bits of each identifier."""

_VERSION_CLEARED = np.uint64(0xFFFF_FFFF_FFFF_0FFF)
_VERSION_4 = np.uint64(0x0000_0000_0000_4000)
_VARIANT_CLEARED = np.uint64(0x3FFF_FFFF_FFFF_FFFF)
_VARIANT_RFC = np.uint64(0x8000_0000_0000_0000)


def draw_identifiers(rng: np.random.Generator, count: int) -> Identifiers:
    """Draw `count` identifiers; 122 bits of each are random."""
    drawn = rng.integers(0, 2**64, size=(count, 2), dtype=np.uint64)
    drawn[:, 0] = (drawn[:, 0] & _VERSION_CLEARED) | _VERSION_4
    drawn[:, 1] = (drawn[:, 1] & _VARIANT_CLEARED) | _VARIANT_RFC
    return drawn


def identifier_text(identifiers: Identifiers, position: int) -> str:
    """The identifier at `position` as 36 characters, `xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx`."""
    digits = f"{int(identifiers[position, 0]):016x}{int(identifiers[position, 1]):016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
