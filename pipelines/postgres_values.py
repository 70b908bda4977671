"""How values are written to PostgreSQL: JSON as it came, empty text as empty text, and no NUL."""

import re
from typing import Any

from dlt.common.data_writers.escape import escape_postgres_literal
from dlt.common.destination.reference import Destination
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.json import json
from dlt.common.schema import TColumnSchema
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper

_NUL = "\x00"
_REPLACEMENT = "\ufffd"
_ESCAPED_NUL = re.compile(r"(\\\\)|\\u0000")


class JsonTypes(PostgresTypeMapper):
    """`json` keeps the text as it came; `jsonb` can be compared, which takes a table whose unchanged rows stay."""

    def to_destination_type(self, column: TColumnSchema, table: PreparedTableSchema) -> str:
        """The type of a column in PostgreSQL's words."""
        if column["data_type"] != "json":
            return super().to_destination_type(column, table)
        return "jsonb" if table.get("x-merge-skip-unchanged-rows") else "json"


def literal(value: Any) -> Any:
    """The value as SQL, with U+FFFD for NUL: PostgreSQL's text cannot hold it, and no query reads JSON that names it.

    JSON may come as text, too; then it begins as an object or a list does.
    """
    if isinstance(value, list | dict):
        value = json.dumps(value)
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            value = _ESCAPED_NUL.sub(lambda found: found[1] or _REPLACEMENT, value)
        value = value.replace(_NUL, _REPLACEMENT)
    return escape_postgres_literal(value)


def settle_values(destination: Destination[Any, Any]) -> None:
    """Have dlt's PostgreSQL write values so.

    It would otherwise take `jsonb`, which drops the spelling of a number and refuses an escaped NUL, and with Arrow's
    driver installed `json` everywhere, which cannot be compared. Its CSV makes empty text NULL.
    """
    destination.caps_params |= {
        "type_mapper": JsonTypes,
        "escape_literal": literal,
        "supported_loader_file_formats": ["insert_values"],
        "loader_file_format_selector": None,
    }
