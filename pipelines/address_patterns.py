"""Regular expressions, of DuckDB and PostgreSQL alike, for e-mail addresses within JSON and other texts.

An address may be spelled with JSON's escapes (`\u0040`), also of JSON within JSON, or percent-encoded (`%40`).
"""

import re
from collections.abc import Collection

_AT_ONCE = 10
"""How many addresses an expression has in every spelling: with more, it would be slow."""
_PLAIN_AT_ONCE = 200
"""How many it has of those whose ASCII letters and digits are taken as they are: nothing that writes JSON or URLs
escapes those, and for many people every spelling of them would take hours."""
_NO_WORD = "(?:[018-9a-f][0-9a-f]|2[0-46-9acf]|3[a-f]|40|5[b-e]|60|7[b-f])"
"""The hexadecimal digits of a byte that is no part of an address."""
_BEFORE = (
    rf"(^|[^0-9A-Za-z._%+-]|%{_NO_WORD}|\\[bfnrt]|\\u00{_NO_WORD}"
    r"|\\u(?:0[1-9a-f]|[1-9a-f][0-9a-f])[0-9a-f][0-9a-f])"
)
_BEHIND = r"($|[^0-9A-Za-z.-]|[.]$|[.][^0-9A-Za-z])"


def patterns(addresses: Collection[str]) -> list[str]:
    """Expressions, to be used without regard to case, that find the addresses; what is before and behind are groups."""
    listed = sorted(addresses)
    every = len(listed) <= _AT_ONCE
    size = _AT_ONCE if every else _PLAIN_AT_ONCE
    return [
        f"{_BEFORE}(?:{'|'.join(_spelled(address, every) for address in listed[at : at + size])}){_BEHIND}"
        for at in range(0, len(listed), size)
    ]


def _spelled(address: str, every: bool) -> str:
    return "".join(char if not every and char.isascii() and char.isalnum() else _character(char) for char in address)


def _character(char: str) -> str:
    """A character in each of its spellings."""
    plain = re.sub(r"[!-/:-?\[-`{-~]", r"\\\g<0>", char)
    if char in '/"\\':  # which JSON may escape by a backslash
        plain = rf"\\*{plain}"
    found = {plain: None}
    for one in dict.fromkeys((char, char.lower(), char.upper())):
        if len(one) == 1:
            units = one.encode("utf-16-be", "surrogatepass").hex()
            found["".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4))] = None
            percent = one.encode("utf-8", "surrogatepass").hex()
            found["".join(f"%{percent[at : at + 2]}" for at in range(0, len(percent), 2))] = None
    return f"(?:{'|'.join(found)})"
