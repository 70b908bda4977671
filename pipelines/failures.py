"""Turning whatever stopped a run into one sentence and an exit code."""

import duckdb
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
)

from cdp_client import ConfigurationError, ExtractorError
from cdp_client.redaction import redact
from pipelines.destination import FileHeldError
from pipelines.exit_codes import ExitCode
from pipelines.lock import LockHeldError

_EXAMPLES = {
    "client_id": "hea",
    "account_id": "hea",
    "brand_id": "HEA",
    "auth_token": "1234abcd",
}


def explain(error: BaseException) -> tuple[ExitCode, str]:
    """The exit code for an error, and a sentence that says what to do and quotes no datum."""
    for cause in _causes(error):
        if isinstance(cause, LockHeldError | FileHeldError):
            return ExitCode.BUSY, str(cause)
        if isinstance(cause, ConfigurationError):
            return ExitCode.USAGE, str(cause)
        if isinstance(cause, ExtractorError):
            return ExitCode.FAILED, str(cause)
        if isinstance(cause, ConfigFieldMissingException):
            return ExitCode.USAGE, _missing(cause)
        if isinstance(cause, ConfigValueCannotBeCoercedException):
            return ExitCode.USAGE, (
                f"The configured value of {cause.field_name} is of the wrong type: it must be "
                f"{getattr(cause.hint, '__name__', str(cause.hint))}."
            )
        if isinstance(cause, ConfigurationException):
            return ExitCode.USAGE, f"dlt's configuration is wrong ({type(cause).__name__}): {_first_line(cause)}"
        if isinstance(cause, KeyboardInterrupt):
            return ExitCode.FAILED, "Interrupted: what was loaded stays, and running it again goes on from there."
        if isinstance(cause, duckdb.IOException) and "space" in str(cause).lower():
            return ExitCode.FAILED, "The disk is full: make room and run it again, it goes on from there."
    last = _causes(error)[-1]
    return ExitCode.FAILED, (
        f"The load failed ({type(last).__name__}): {_first_line(last)} "
        "What was loaded before stays, and running it again goes on from there."
    )


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, outermost first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        wrapped = getattr(current, "exception", None)
        current = current.__cause__ or (wrapped if isinstance(wrapped, BaseException) else None) or current.__context__
    return found


def _missing(error: ConfigFieldMissingException) -> str:
    """Which settings are missing, where they were looked for, and an example of each."""
    parts = []
    for name in error.fields:
        keys = [str(getattr(trace, "key", "")) for trace in error.traces[name]]
        looked = [key for key in keys if key and "INTILERY__INTILERY" not in key]
        section = "__".join(looked[0].split("__")[:-1]) if looked else ""
        variable = looked[0] if looked else name.upper()
        example = _EXAMPLES.get(name, "...")
        file = "secrets.toml" if name == "auth_token" else "config.toml"
        parts.append(
            f"{name} is missing: set it in .dlt/{file}, section [{section.lower().replace('__', '.')}], as "
            f'{name} = "{example}", or in the environment as {variable}={example}.'
        )
    places = "Looked for in the environment, and in .dlt/secrets.toml and .dlt/config.toml of this folder."
    return " ".join([*parts, places])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return redact(text[0][:200]) if text else ""
