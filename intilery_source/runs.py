"""The row of `extract_runs` that each run leaves: what it cost, and how late the events came."""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any

import dlt
from dlt.extract import DltResource

from intilery_source.extraction import Extraction
from intilery_source.tables import EXTRACT_RUNS, UPSERT

_PACKAGES = ("customer-platform-extractor", "dlt", "duckdb")


def extract_runs(extraction: Extraction) -> DltResource:
    """The run's row once more, as it stands when everything else has been loaded."""

    def read() -> Iterator[Any]:
        yield EXTRACT_RUNS.first([run_row(extraction, finished=True)])

    return dlt.resource(read, name=EXTRACT_RUNS.name, write_disposition=UPSERT, file_format="parquet", selected=False)()


def run_row(extraction: Extraction, *, finished: bool) -> dict[str, Any]:
    """What a run has done so far.

    The row goes with the rows that it counts, into one load: a run that is killed or fails leaves the counts of what it
    has loaded, and no `finished_at`.
    """
    report, settings = extraction.report, extraction.settings
    told = report.as_dict()
    lateness = told["lateness"]
    quantiles = {name: seconds for name, seconds in lateness.items() if name != "events"}
    return {
        "run_id": report.run_id,
        "started_at": report.started_at,
        "finished_at": datetime.now(UTC) if finished else None,
        "since": extraction.since,
        "until": extraction.until,
        "lookback": settings.lookback.total_seconds(),
        "requests": told["requests"],
        "requests_by_status": told["by_status"],
        "retries": told["retries"],
        "waited_seconds": told["waited_seconds"],
        "rows_read": told["rows_read"],
        "rejected": told["rejected"],
        "failures": len(told["failures"]),
        **{f"lateness_{name}": seconds for name, seconds in quantiles.items()},
        "lookback_99_99": told["lookback_99_99"],
        "schema_changes": told["schema_changes"],
        "versions": versions(),
    }


@cache
def versions() -> dict[str, str]:
    """The versions of this package and of what it stands on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from its folder, or a destination without DuckDB
            continue
    return found
