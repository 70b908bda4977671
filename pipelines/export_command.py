"""The command `intilery export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.export import ExportResult

EXIT_CODES = (
    "Exit codes: 0 exported; 1 failed, an earlier export is still there; 2 usage or configuration, or nothing was "
    "loaded; 4 a load or another export is at work."
)

Parquet = Annotated[
    Path,
    typer.Option("--parquet", metavar="DIR", help="The folder to make; an earlier export there is replaced at once."),
]


def show(result: "ExportResult", *, as_json: bool) -> None:
    """Print what was exported."""
    if as_json:
        told = {"folder": str(result.folder), "tables": result.tables, "watermark": result.watermark}
        print(json.dumps({"exit_code": 0, **told}))
        return
    for table, rows in sorted(result.tables.items()):
        print(f"{rows:>12,}  {table}")
    print(f"Exported to {result.folder}; watermark {result.watermark}.")
