r"""E-mail addresses in texts: RFC 5321's, also quoted, with an address literal, or behind escapes (`\u0040`, `%40`)."""

import re
from collections.abc import Callable, Iterator

_LOCAL = r"[^\s@\"<>:,;()\[\]\\]"
"""What a local part may consist of: RFC 5321's characters, letters of any script."""
_LOCAL_IN_URL = r"[^\s@\"<>:=,;(){}\[\]/?&#|\\]"
_HOST = r"[^\s@\"'<>:=,;(){}\[\]/?&#|\\%]{1,255}\.(?:xn--[0-9A-Za-z-]{1,59}|[^\W\d_]{2,63})"
_LITERAL = r"\[[0-9A-Za-z.:-]{2,64}\]"
_QUOTED = r"\"(?:[^\"\\\r\n]|\\[^\r\n]){1,64}\""
_DOMAIN = rf"(?:@|%40)(?:{_HOST}|{_LITERAL})"

_ALONE = re.compile(rf"(?:{_LOCAL}{{1,128}}|{_QUOTED}){_DOMAIN}")
_IN_QUOTES = re.compile(rf"(?<![\w\"]){_QUOTED}{_DOMAIN}")
_IN_TEXT = re.compile(rf"(?!['`{{}}|/?&=#*~^]){_LOCAL}{{1,128}}{_DOMAIN}")
_IN_URL = re.compile(rf"(?!'){_LOCAL_IN_URL}{{1,128}}{_DOMAIN}")

_ESCAPED = (
    r"\\+u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}|\\+u[0-9a-fA-F]{4}"
    r"|%[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F])+|%[0-7][0-9a-fA-F]"
)
_AT = r"(?:@|%40|\\+u0040)"
_UNIT = re.compile(rf"(?:{_ESCAPED}|\\+/|.)", re.DOTALL)
# from each of several backslashes, or escapes such as \\n, it would look through all the others: it begins at the first
_NAMED = re.compile(
    rf"(?!(?:(?<=\\)|(?<=\\[bfnrt]))\\)(?:\\++[bfnrt])*+(?:(?P<quoted>\\*\"[^\"\\\r\n]{{1,64}}\\*\")|(?P<local>(?>(?!{_AT})(?:{_ESCAPED}|\\+/|{_LOCAL})){{1,128}}))"
    rf"{_AT}(?P<domain>{_LITERAL}|(?>{_ESCAPED}|[^\s@\"'<>:=,;(){{}}\[\]/?&#|\\%_]){{1,255}})"
)
_PART_OF_A_WORD = re.compile(r"[0-9A-Za-z._%+-]")
_BEHIND_A_HOST = re.compile(r"[^\w.-]|_")


def may_be_in(text: str) -> bool:
    """Whether a text can hold an address at all."""
    return "@" in text or "%40" in text or "u0040" in text


def replaced(text: str, put: Callable[[str], str]) -> str:
    """A text with another in place of each address; a text that is nothing but one is replaced whole.

    Within a longer text an address is taken to be as long as it can be, so that nothing is left of it; in an URL it
    begins behind `/`, `?`, `&`, `=`, `#`.
    """
    if "@" not in text and "%40" not in text:
        return text
    if _ALONE.fullmatch(text) and not _is_url(text):
        return put(text)
    text = _IN_QUOTES.sub(lambda match: put(match[0]), text)
    return re.sub(r"\S+", lambda match: _replaced_in_word(match[0], put), text)


def _replaced_in_word(word: str, put: Callable[[str], str]) -> str:
    if "@" not in word and "%40" not in word:
        return word
    return (_IN_URL if _is_url(word) else _IN_TEXT).sub(lambda match: put(match[0]), word)


def _is_url(word: str) -> bool:
    _, _, query = word.partition("?")
    return "://" in word or word[0] in "/?" or "=" in query


def blanked(text: str, is_gone: Callable[[str], bool], blank: str) -> str:
    """A text or JSON with `blank` in place of each address that is gone; one that is part of a longer word stays.

    `is_gone` is asked with an address as it is meant, without escapes.
    """

    def put(match: re.Match[str]) -> str:
        for start, end, address in _meant(match):
            if is_gone(address):
                return f"{match.string[match.start() : start]}{blank}{match.string[end : match.end()]}"
        return match[0]

    return _NAMED.sub(put, text) if may_be_in(text) else text


def meant(text: str) -> Iterator[str]:
    """The addresses that may be meant in a text or JSON, without escapes: `'ada@…` may be quoted, or begin with `'`."""
    if may_be_in(text):
        for match in _NAMED.finditer(text):
            for _, _, address in _meant(match):
                yield address


def _meant(match: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Where each address begins and ends that a match may mean, the longest first."""
    end, domain = match.start("domain"), ""
    for unit in _units(match["domain"]):
        is_literal = (domain or _plain(unit)).startswith("[")
        if domain.endswith("]") or (not is_literal and _BEHIND_A_HOST.search(_plain(unit))):
            break
        end, domain = end + len(unit), domain + _plain(unit)
    while domain.endswith((".", "-")):
        end, domain = end - 1, domain[:-1]
    if match["quoted"] is not None:
        yield match.start("quoted"), end, f'"{match["quoted"].strip(chr(92)).strip(chr(34)).strip(chr(92))}"@{domain}'
        return
    units = _units(match["local"])
    plain = [_plain(unit) for unit in units]
    start = match.start("local")
    for number, unit in enumerate(units):
        if number == 0 or not _PART_OF_A_WORD.fullmatch(plain[number - 1]):
            yield start, end, f"{''.join(plain[number:])}@{domain}"
        start += len(unit)


def _units(text: str) -> list[str]:
    return _UNIT.findall(text)


def _plain(unit: str) -> str:
    r"""The character that an escape stands for."""
    if unit[0] == "%" and len(unit) > 1:
        return bytes.fromhex(unit.replace("%", "")).decode("utf-8", "replace")
    if unit[0] == "\\" and len(unit) > 1:
        if unit[-1] == "/":
            return "/"
        codes = [int(code, 16) for code in re.findall("u([0-9a-fA-F]{4})", unit)]
        return b"".join(code.to_bytes(2, "big") for code in codes).decode("utf-16-be", "replace")
    return unit
