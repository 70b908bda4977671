"""What a value is in PostgreSQL's SQL."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipelines.postgres_values import literal

_TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\x00\\u0"'), max_size=8)
_JSON = st.recursive(
    _TEXT | st.integers(-(2**63), 2**63 - 1) | st.none(), lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner)
)


def _read(sql: str) -> str:
    """The text of a literal of the form E'...', as PostgreSQL reads it."""
    assert (sql[:2], sql[-1]) == ("E'", "'")
    controls = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return re.sub(
        r"\\(.)|''", lambda found: controls.get(found[1], found[1]) if found[1] else "'", sql[2:-1], flags=re.S
    )


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(inner) for key, inner in value.items()}
    return value


@given(st.lists(_JSON) | st.dictionaries(_TEXT, _JSON))
def test_json_is_the_same_but_for_nul(value: Any) -> None:
    for spelled in (value, json.dumps(value)):
        found = _read(literal(spelled))
        assert "\x00" not in found
        assert json.loads(found) == _without_nul(value)


@given(_TEXT.filter(lambda text: text[:1] not in ("{", "[")))
def test_text_has_no_nul(text: str) -> None:
    assert _read(literal(text)) == _without_nul(text)


def test_empty_text_is_no_null() -> None:
    assert literal("") == "E''"
    assert literal(None) == "NULL"
