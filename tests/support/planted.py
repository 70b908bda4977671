"""Values that are planted once, and looked for in the bytes of every file and in what its compression hides."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq


def found_in(values: Iterable[str], *folders: Path) -> dict[str, list[str]]:
    """Which values stand in which files beneath some folders: in their bytes, tables, or decoded Parquet."""
    wanted = [value.encode() for value in values]
    found: dict[str, list[str]] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        content = b"\0".join([path.read_bytes(), _decoded(path)]).lower()
        for value in wanted:
            if value.lower() in content:
                found.setdefault(value.decode(), []).append(str(path))
    return found


def _decoded(path: Path) -> bytes:
    """What a Parquet or DuckDB file shows to who reads it."""
    head = path.read_bytes()[:12]
    if head[:4] == b"PAR1":
        return _text(pq.ParquetFile(path).read().to_pylist())
    if head[8:12] != b"DUCK":
        return b""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        return b"".join(
            _text(connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()) for schema, table in tables
        )


def _text(rows: list[Any]) -> bytes:
    return json.dumps(rows, default=str, ensure_ascii=False).replace("\\\\", "\\").encode()
