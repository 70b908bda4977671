"""The commands `intilery tables build` and `intilery tables check`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from customer_tables import BuildResult, Finding

BUILD_CODES = (
    "Exit codes: 0 built; 1 failed, the tables are as they were; 2 usage or configuration, or nothing was loaded; 4 a "
    "load or another build is at work, or another program has the DuckDB file."
)
CHECK_CODES = (
    "Exit codes: 0 the tables are as they should be; 1 they are not, or it failed; 2 usage or configuration, or "
    "nothing was built; 4 a load or a build is at work."
)

Full = Annotated[bool, typer.Option("--full", help="Build all tables anew, not only from what is new.")]
ClockSkew = Annotated[
    float, typer.Option(metavar="HOURS", min=0, help="So far an event may be dated after its receipt.")
]


def show_build(result: "BuildResult", *, as_json: bool) -> None:
    """Print what was built."""
    watermark = None if result.watermark is None else result.watermark.isoformat()
    if as_json:
        told: dict[str, Any] = {"exit_code": 0, "build": result.how, "tables": result.rows, "watermark": watermark}
        print(json.dumps(told))
        return
    for table, rows in result.rows.items():
        print(f"{rows:>12,}  {table}")
    there = "there are no events yet" if watermark is None else f"all events received before {watermark} are there"
    print(f"Built ({result.how}); {there}.")


def show_check(findings: "list[Finding]", *, as_json: bool) -> int:
    """Print what is wrong; the exit code."""
    code = 1 if findings else 0
    if as_json:
        told = [
            {"table": found.table, "rule": found.rule, "rows": found.rows, "examples": found.examples}
            for found in findings
        ]
        print(json.dumps({"exit_code": code, "findings": told}))
        return code
    for found in findings:
        print(found)
    if not findings:
        print("The tables are as they should be.")
    return code
