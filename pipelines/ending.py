"""How a command ends: a sentence, and an exit code."""

import json
import sys
from typing import NoReturn

import typer

from pipelines.exit_codes import ExitCode


def end(code: ExitCode, sentence: str, as_json: bool) -> NoReturn:
    """End with a sentence on standard error, and with `--json` as JSON on standard output, too."""
    if as_json:
        print(json.dumps({"exit_code": int(code), "reasons": [sentence]}))
    print(sentence, file=sys.stderr)
    raise typer.Exit(int(code))
