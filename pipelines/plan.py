"""The job `intilery load --plan`: what a load would read, estimated from a few requests; nothing is loaded."""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from intilery_source import RunReport, instants
from intilery_source.source import configured, planned
from intilery_source.survey import Surveyor
from pipelines.load import LoadRequest
from pipelines.loaded import attached
from pipelines.summary import span_of

_ROWS_A_REQUEST = 97
"""A page has 100 events, of which neighbours share some, which proves that nothing lies between them."""
_REQUESTS_BESIDE = 6
"""Finding both ends, each twice."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An estimate: `seconds` at the configured rate; the span is of the events that are there, None without any."""

    rows: int
    requests: int
    seconds: float
    first: str | None
    last: str | None
    rate: float
    asked: int
    """Requests that the estimate itself took."""

    def as_dict(self) -> dict[str, Any]:
        """The estimate as plain values."""
        return {
            "exit_code": 0,
            "reasons": [],
            "estimate": True,
            "expected_rows": self.rows,
            "expected_requests": self.requests,
            "expected_seconds": self.seconds,
            "first_event": self.first,
            "last_event": self.last,
            "requests_per_second": self.rate,
            "requests": self.asked,
        }

    def sentences(self) -> list[str]:
        """What the user reads."""
        if self.first is None:
            return [f"There are no events to load. (Asked with {self.asked} requests.)"]
        return [
            f"About {self.rows:,} events, from {self.first} to {self.last}.",
            f"About {self.requests:,} requests, {span_of(self.seconds)} at {self.rate:g} requests a second.",
            f"This is an estimate from {self.asked} requests; nothing was loaded. Profiles are not counted: each takes "
            "2 requests when it is new or has changed.",
        ]


def plan(request: LoadRequest, report: RunReport) -> Plan:
    """Estimate what the same command without `--plan` would read of the events.

    Raises:
        ConfigurationError: a setting is wrong, or the DuckDB file cannot be read.
        FileHeldError: a load is writing to the DuckDB file.
        ExtractorError: the API does not answer.
    """
    extraction = configured(since=request.since, until=request.until, report=report, **request.settings)
    where = request.where
    nothing_loaded = where.database is not None and not where.database.exists()
    with nullcontext() if nothing_loaded else attached(where) as pipeline:
        bounds = planned(extraction, pipeline)
    found = Surveyor(extraction.client.events).survey(*bounds)
    requests = math.ceil(found.rows / _ROWS_A_REQUEST) + _REQUESTS_BESIDE
    settings = extraction.settings
    # so many answers a second are all that can come where each is under way for so long
    rate = min(settings.requests_per_second, settings.max_in_flight / max(found.latency, 0.001))
    seconds = max(requests - settings.burst, 0) / rate + min(requests, settings.burst) * found.latency / min(
        requests, settings.max_in_flight
    )
    first, last = (None if instant is None else instants.write(instant) for instant in (found.first, found.last))
    return Plan(
        found.rows, requests, round(seconds, 1), first, last, settings.requests_per_second, report.statistics.requests
    )
