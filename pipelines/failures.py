"""Turning whatever stopped a run into one sentence and an exit code."""

import sys
from typing import Any

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
)
from dlt.common.exceptions import MissingDependencyException
from dlt.pipeline.exceptions import PipelineStepFailed

from cdp_client import ConfigurationError, ExtractorError
from pipelines.destination import FileHeldError
from pipelines.duckdb_rewrite import RewriteError
from pipelines.exit_codes import ExitCode
from pipelines.lock import LockHeldError

_OF_TRAINING = {"scipy", "sklearn", "threadpoolctl"}
_GOES_ON = ", and running it again goes on from there."
_SECTIONS = ("SOURCES__INTILERY__", "DESTINATION__")
_EXAMPLES = {
    "client_id": "hea",
    "account_id": "hea",
    "brand_id": "HEA",
    "auth_token": "1234abcd",
}


def explain(error: BaseException, job: str = "load") -> tuple[ExitCode, str]:
    """The exit code for an error of a job, and a sentence that says what to do and quotes no datum."""
    for cause in _causes(error):
        if isinstance(cause, LockHeldError | FileHeldError) or _is_of_features(cause, "FileBusyError"):
            return ExitCode.BUSY, str(cause)
        if isinstance(cause, RewriteError):
            return ExitCode.FAILED, f"{cause} The file is as it was: run it again."
        if isinstance(cause, ConfigurationError) or _is_of_features(cause):
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
        if isinstance(cause, ModuleNotFoundError) and cause.name in _OF_TRAINING:
            return ExitCode.USAGE, (
                f"The package {cause.name} is not installed: pip install 'customer-platform-extractor[train]'."
            )
        if isinstance(cause, MissingDependencyException | ModuleNotFoundError):
            return ExitCode.USAGE, (
                "A package that this destination needs is not installed: pip install 'dlt[NAME]', with the "
                "destination's name."
            )
        if isinstance(cause, ConfigurationException):
            return ExitCode.USAGE, (
                f"dlt cannot read its configuration ({type(cause).__name__}): check .dlt/config.toml and "
                ".dlt/secrets.toml of this folder, and what the environment sets."
            )
        if isinstance(cause, KeyboardInterrupt):
            return ExitCode.FAILED, f"Interrupted: what was loaded stays{_GOES_ON if job == 'load' else '.'}"
        if "No space left on device" in str(cause):
            return ExitCode.FAILED, "The disk is full: make room and run it again, it goes on from there."
    if any(isinstance(cause, PipelineStepFailed) and cause.step == "sync" for cause in _causes(error)):
        return ExitCode.FAILED, (
            "The destination does not answer, or refuses the credentials: check that it runs, and its section "
            "[destination.NAME.credentials] in .dlt/secrets.toml, then run this again; nothing was changed."
        )
    failed = f"The {job} failed ({type(_causes(error)[-1]).__name__})."
    if job != "load":
        return ExitCode.FAILED, f"{failed} Run it again; if that fails, too, report it with the name in brackets."
    return ExitCode.FAILED, (
        f"{failed} What was loaded before stays{_GOES_ON} RUNTIME__LOG_LEVEL=ERROR in the environment shows dlt's own "
        "messages, which may quote data."
    )


def _is_of_features(error: BaseException, name: str = "FeatureError") -> bool:
    """Whether it is such an error; features are not imported for this: a load does without them and their packages."""
    errors = sys.modules.get("customer_features.errors")
    return errors is not None and isinstance(error, getattr(errors, name))


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
    for variable in _variables(error):
        *section, name = variable.lower().split("__")
        secret = name not in _EXAMPLES or name == "auth_token"
        example = _EXAMPLES.get(name, "...")
        parts.append(
            f"{name} is missing: set it in .dlt/{'secrets' if secret else 'config'}.toml, "
            f'section [{".".join(section)}], as {name} = "{example}", or in the environment as {variable}={example}.'
        )
    places = "Looked for in the environment, and in .dlt/secrets.toml and .dlt/config.toml of this folder."
    return " ".join([*parts, places])


def _variables(error: ConfigFieldMissingException) -> list[str]:
    """The environment's name of each setting that is missing, without what dlt would also have taken."""
    found = []
    for name in error.fields:
        traces: list[Any] = list(error.traces[name])
        fields = [list(lookups) for trace in traces for lookups in getattr(trace, "traces", {}).values()]
        for lookups in fields or [traces]:
            keys = [str(getattr(lookup, "key", "")) for lookup in lookups]
            # dlt looks under the pipeline's name, too, and under the source's name twice
            named = [key[key.index(known) :] for key in keys for known in _SECTIONS if known in key]
            found.append(next((key for key in named if "INTILERY__INTILERY" not in key), name.upper()))
    return found
