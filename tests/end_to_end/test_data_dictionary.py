"""The dictionaries in docs/ say what the tables really are."""

import re
from pathlib import Path

import pytest
from accounts import Account
from scripted_api import ScriptedApi, event, serving

from cdp_sandbox.process import Running
from intilery_source import tables
from pipelines.load import TABLES

pytestmark = pytest.mark.usefixtures("fast_retries")

_DOCS = Path(__file__).parents[2] / "docs"
_PAGES = (_DOCS / "data_dictionary.md", _DOCS / "profile_dictionary.md", _DOCS / "run_dictionary.md")
_OWN_COLUMNS = {"profiles", "profile_traits", "profile_meta"}
"""Tables that have a column for each trait, too."""


def _text() -> str:
    return "\n".join(page.read_text() for page in _PAGES)


def _documented() -> dict[str, dict[str, str]]:
    """The columns and types of each table on the pages."""
    sections = re.split(r"^## `(\w+)`$", _text(), flags=re.MULTILINE)[1:]
    return {
        name: dict(re.findall(r"^\| `(\w+)` \| ([A-Z ]+) \|", text, flags=re.MULTILINE))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


def _real(account: Account) -> dict[str, dict[str, str]]:
    found = account.query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'intilery'"
    )
    real: dict[str, dict[str, str]] = {}
    for table, column, kind in found:
        real.setdefault(table, {})[column] = kind
    return real


def test_the_dictionary_equals_the_schema(account: Account, tmp_path: Path) -> None:
    documented = _documented()
    account.load()
    real = _real(account)
    for table in (*TABLES, "profile_trait_history", "extract_windows", "extract_runs"):
        columns = {name: kind for name, kind in real[table].items() if name in documented[table]}
        assert columns == documented[table], table
        if table not in _OWN_COLUMNS:
            assert real[table] == documented[table]


def test_the_tables_of_what_went_wrong_are_described(tmp_path: Path) -> None:
    documented = _documented()
    api = ScriptedApi([event(1), {"eventTime": event(2)["eventTime"]}], [{"id": "p1"}])
    api.fault = lambda route, _: (500, b"{}") if route == "traits" else None
    with serving(api):
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        account.load()
    real = _real(account)
    for table in ("pending_lookups", "rejected_records"):
        assert real[table] == documented[table]


def test_events_of_a_profile_are_described() -> None:
    documented = _documented()
    columns = {"profile_id", "external_id", "email"}
    assert set(documented["profile_events"]) == columns
    assert set(tables.PROFILE_EVENTS.columns) == columns | set(tables.EVENTS.columns)
    assert set(documented["events"]) == set(tables.EVENTS.columns) | {"_dlt_load_id"}


def test_every_table_and_its_key_is_described() -> None:
    page = _text()
    written = [value for value in vars(tables).values() if isinstance(value, tables.Table)]
    assert {table.name for table in written} == _documented().keys()
    for table in written:
        section = page.split(f"## `{table.name}`")[1].split("## ")[0]
        assert f"key {', '.join(f'`{column}`' for column in table.key)}" in section.replace("\n", " "), table.name
