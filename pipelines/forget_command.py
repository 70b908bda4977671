"""The command `intilery forget`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from intilery_source.forgotten import Kind
    from pipelines.forget import ForgetResult

EXIT_CODES = (
    "Exit codes: 0 nothing of them is left; 1 failed: run it again; 2 usage or configuration; 4 another run holds the "
    "lock, or another program the DuckDB file."
)

Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="A profile's id; may be repeated.")]
UserIds = Annotated[
    list[str] | None, typer.Option("--user-id", metavar="ID", help="Your own identifier of a customer; repeatable.")
]
Emails = Annotated[list[str] | None, typer.Option("--email", metavar="ADDRESS", help="An e-mail address; repeatable.")]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="One id:…, userId:… or email:… a line; - is standard input."),
]
Exports = Annotated[
    list[Path] | None,
    typer.Option("--export", metavar="DIR", help="A folder of exported Parquet files to erase from, too; repeatable."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing: show what would be erased.")]


def given(ids: Ids, user_ids: UserIds, emails: Emails, file: File) -> Iterator[tuple["Kind", str]]:
    """The identifiers that the options name.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    from cdp_client import ConfigurationError
    from pipelines.people import read_file

    yield from (("id", value) for value in ids or ())
    yield from (("userId", value) for value in user_ids or ())
    yield from (("email", value) for value in emails or ())
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"--file {file} cannot be read ({type(error).__name__}).") from None
        yield from read_file(text.splitlines())


def show(result: "ForgetResult", *, dry_run: bool, as_json: bool) -> None:
    """Print what was erased and where; never whom."""
    if as_json:
        print(json.dumps({"exit_code": 0, "dry_run": dry_run, **result.as_dict()}))
        return
    would = "would be " if dry_run else ""
    for name, erased in sorted(result.erased.items()):
        parts = [f"{erased.rows:,} rows {would}erased"] if erased.rows else []
        if erased.blanked:
            parts.append(f"what names them {would or 'was '}blanked in {erased.blanked:,} rows of others")
        print(f"{name}: {', '.join(parts)}")
    if not result.erased:
        print("Nothing of them is there.")
    for note in result.notes:
        print(note)
    kept = f"{would or 'are '}kept as HMAC in the table forgotten"
    print(f"{result.remembered:,} identifiers {kept}, so that no load brings them back.")
