"""Which column a key gets: always the same one, whatever other profiles hold and in whatever order they come.

Spellings of the same words (`firstName`, `first_name`, `First Name`) are one name, and share the column. Where one
object has several, camelCase, which is the API's own, keeps it, or else snake_case, or else the first in the order of
code points; the others get a column of their own, named after their spelling (`first_name_05416fbf`). So does, always,
a key that cannot be told from others once it is a column (`größe`, `a__b`), or that dlt takes for its own.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from dlt.common.data_types.typing import DATA_TYPES
from dlt.common.normalizers.naming.snake_case import NamingConvention

REST = "kept_as_json"
"""The column for what gets no column of its own."""

_STEM = 40
"""Characters of a key that stay in a name with its digest."""

_naming = NamingConvention()
_WORDS = re.compile(r"[A-Za-z0-9]+(?:[ _.-][A-Za-z0-9]+)*")
_OURS = frozenset({REST, *(f"v_{kind}" for kind in DATA_TYPES), "v_complex"})
"""Names of columns that no key gets: dlt's columns for another type end so (`points__v_text`)."""


def name_columns(keys: Iterable[str]) -> Mapping[str, str]:
    """The column of each key of one object; no two are the same, and dlt leaves them as they are."""
    return _named(tuple(keys))


@lru_cache(maxsize=1000)
def _named(keys: tuple[str, ...]) -> Mapping[str, str]:
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in sorted(keys, key=_precedence):
        name = _plain(key)
        if name in _OURS or name in taken or not _WORDS.fullmatch(key):
            name = _spelled(key, taken)
        taken.add(name)
        names[key] = name
    return names


def _precedence(key: str) -> tuple[bool, bool, str]:
    first, *further = _plain(key).split("_")
    camel = first + "".join(word.capitalize() for word in further)
    return key != camel, key != _plain(key), key


@lru_cache(maxsize=10_000)
def _plain(key: str) -> str:
    return _naming.normalize_identifier(key)


def _spelled(key: str, taken: set[str]) -> str:
    stem = _plain(re.sub("__+", "_", key.strip("_ ") or key))[:_STEM].strip("_")
    digest = hashlib.sha256(key.encode()).hexdigest()
    for length in range(8, len(digest)):
        name = _plain(f"{stem}_{digest[:length]}")
        if name not in taken:
            return name
    raise AssertionError("every beginning of a SHA-256 is taken")  # a key can hold one beginning, not all
