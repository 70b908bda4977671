"""How a command ends: a sentence, and an exit code."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from pipelines.exit_codes import ExitCode


def end(code: ExitCode, sentence: str, as_json: bool) -> NoReturn:
    """End with a sentence on standard error, and with `--json` as JSON on standard output, too."""
    if as_json:
        print(json.dumps({"exit_code": int(code), "reasons": [sentence]}))
    print(sentence, file=sys.stderr)
    raise typer.Exit(int(code))


@contextmanager
def explained(job: str, as_json: bool) -> Iterator[None]:
    """End with a sentence on whatever goes wrong within; `job` names what is done there, as in `load`."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, the user gets one sentence
        # what it knows takes a second to import, which --help and usage errors need not wait for
        from pipelines.failures import explain

        end(*explain(error, job), as_json)
