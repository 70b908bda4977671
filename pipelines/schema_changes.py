"""What a run added to the tables, by names and types alone."""

from dlt.common.schema import Schema
from dlt.pipeline.pipeline import Pipeline

from intilery_source.tables import EXTRACT_RUNS

Columns = dict[str, dict[str, str]]
"""The type of each column of each table, as dlt calls it; a variant's with the column that it stands beside."""


def columns_of(pipeline: Pipeline) -> Columns:
    """The columns that hold data, without dlt's own tables, nor that in which a run keeps what is found here."""
    return _columns(pipeline.default_schema) if pipeline.schema_names else {}


def _columns(schema: Schema) -> Columns:
    return {
        str(table["name"]): {
            name: str(column["data_type"]) + (" variant" if column.get("variant") else "")
            for name, column in table["columns"].items()
            if "data_type" in column
        }
        for table in schema.data_tables(seen_data_only=True)
        if table["name"] != EXTRACT_RUNS.name
    }


def changes(before: Columns, after: Columns) -> list[dict[str, str]]:
    """One `change` a table or column: `table added`, `column added`, `variant added`, `type changed`.

    The columns of a table that was added are there, too. Nothing is ever removed.
    """
    found = []
    for table, columns in sorted(after.items()):
        known = before.get(table)
        if known is None:
            found.append({"change": "table added", "table": table})
        for column, described in columns.items():
            kind, _, variant = described.partition(" ")
            if known is None or column not in known:
                change = "variant added" if variant else "column added"
            elif known[column] != described:
                change = "type changed"
            else:
                continue
            found.append({"change": change, "table": table, "column": column, "type": kind})
    return found
