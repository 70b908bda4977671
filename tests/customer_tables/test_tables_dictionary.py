"""The page on the canonical tables says what they are."""

import re
from pathlib import Path

from customer_tables.contract import TABLES

_PAGE = Path(__file__).parents[2] / "docs" / "customer_tables.md"


def test_the_page_describes_every_table_and_column() -> None:
    sections = dict(re.findall(r"## `(\w+)`\n(.*?)(?=\n## |\Z)", _PAGE.read_text(), re.S))
    assert list(sections) == [table.name for table in TABLES]
    for table in TABLES:
        text = sections[table.name]
        named = " ".join(text.split())
        assert re.search(rf"One row an? {re.escape(table.grain)}; key", named)
        assert "key " + ", ".join(f"`{name}`" for name in table.key) in named
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", text, re.M)
        assert rows == [(name, column.type, column.meaning) for name, column in table.columns.items()]
