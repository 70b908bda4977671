"""Tables of features in a DuckDB file, and the views of the one written last."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from customer_features.errors import FeatureError
from customer_features.storing import write_table

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MANIFEST = {"built_at": _NOW.isoformat(), "definition_hash": "0" * 16, "watermark": None}


def _rows(customer: str, *, labelled: bool) -> pa.Table:
    label = {"label": [1], "horizon_end": [_NOW], "censor_reason": pa.nulls(1, pa.string())} if labelled else {}
    return pa.table({"customer_id": [customer], "cutoff": [_NOW], "orders_28d": [3], **label})


def _held(database: Path, name: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"SELECT customer_id FROM customer_features.{name}").fetchall()


def test_views_are_of_the_table_written_last(tmp_path: Path) -> None:
    """One without labels takes the view of labels away: it would be of an older table, or of columns that are gone."""
    database = tmp_path / "customers.duckdb"
    write_table(database, "one", _rows("a", labelled=True), _MANIFEST)
    assert _held(database, "spine") == _held(database, "labels") == [("a",)]
    for name, customer in (("other", "b"), ("one", "c")):
        write_table(database, name, _rows(customer, labelled=False), _MANIFEST)
        assert _held(database, "spine") == [(customer,)]
        with pytest.raises(duckdb.CatalogException, match="labels does not exist"):
            _held(database, "labels")
    write_table(database, "one", _rows("d", labelled=True), _MANIFEST)
    assert _held(database, "labels") == [("d",)]


def test_names_are_told_apart_as_duckdb_does(tmp_path: Path) -> None:
    """By all but their case, which is no reason to refuse a table of features, nor to take another's."""
    database = tmp_path / "customers.duckdb"
    write_table(database, "select", _rows("a", labelled=False), _MANIFEST)
    write_table(database, "SELECT", _rows("b", labelled=False), _MANIFEST)
    assert _held(database, '"select"') == [("b",)]
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE customer_features.Mine (customer_id VARCHAR)")
    with pytest.raises(FeatureError, match="not made as features"):
        write_table(database, "mine", _rows("c", labelled=False), _MANIFEST)
