"""The dlt source, and the loop that reads it to its end."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import wraps
from typing import Any, ParamSpec

import dlt
from dlt.common.configuration import with_config
from dlt.common.schema import Schema
from dlt.extract import DltResource
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source import lossless, watermark
from intilery_source.client import IntileryClient
from intilery_source.event_resources import events, profile_events
from intilery_source.extraction import Extraction
from intilery_source.instants import Millis
from intilery_source.pii_rules import read_rules
from intilery_source.profile_resources import profile_resources, remaining
from intilery_source.protection import Protection
from intilery_source.report import RunReport
from intilery_source.runs import extract_runs
from intilery_source.settings import DEFAULT_BASE_URL, Settings, read_instant, read_span
from intilery_source.tables import EVENTS, PROFILES

NAME = "intilery"
_LOAD_ID = "normalize.parquet_normalizer.add_dlt_load_id"
"""`_dlt_load_id` is on every root table, also on those written as Arrow, which dlt leaves out unless told."""


_P = ParamSpec("_P")


def _extraction(
    since: str | date | datetime | None = None,
    until: str | date | datetime | None = None,
    identifiers: Sequence[str] = (),
    report: RunReport | None = None,
    profiles_per_load: int | None = None,
    *,
    base_url: str = DEFAULT_BASE_URL,
    client_id: str = dlt.config.value,
    account_id: str = dlt.config.value,
    brand_id: str = dlt.config.value,
    auth_token: dlt.TSecretStrValue = dlt.secrets.value,
    start_date: str | None = None,
    lookback: str = "3 days",
    requests_per_second: float = 100.0,
    burst: int = 500,
    max_in_flight: int = 280,
    request_timeout: float = 60.0,
    rows_per_load: int = 100_000,
    max_rejected_share: float = 0.01,
    profile_refresh: str = "changed",
    full_scroll_every: str = "7 days",
    profile_detail: str = "both",
    max_delete_share: float = 0.05,
    on_delete: str = "keep",
    volatile_traits: Sequence[str] = ("lastActivityTime", "lastSeenTime"),
    max_columns: int = 300,
    pii: Any = None,
    pii_key: dlt.TSecretStrValue | None = None,
) -> Extraction:
    """An Intilery account: `profiles`, `profile_traits`, `profile_meta`, `profile_event_bounds`, `events`.

    The settings after `report` come from dlt's configuration, section `[sources.intilery]`; `.dlt/config.toml` says
    what each one means.

    Args:
        since: Read the events that happened from here on (inclusive), as a range of its own: the watermark stays.
            Without it, reading goes on at the watermark, less `lookback`.
        until: Read only events that happened before (exclusive). Without it, events dated in the future are read, too.
        identifiers: Profiles for the resource `profile_events`, as `userId:ABC/123`, `email:a@example.com`, `id:...`.
        report: Collects what happened; the caller looks at it after the run.
        profiles_per_load: Read so many profiles in one run, and go on with the rest when the same source is run again,
            while `profiles_remaining(pipeline)`. Without it, one run reads all that are due.

    One `pipeline.run` reads at most `rows_per_load` events: run again while `events_remaining(pipeline)`.

    Raises:
        ConfigurationError: a setting or an argument is wrong.
        dlt.common.configuration.exceptions.ConfigFieldMissingException: one is missing.
    """
    if dlt.config.get(_LOAD_ID) is None:
        dlt.config[_LOAD_ID] = True
    settings = Settings(
        base_url=base_url,
        client_id=client_id,
        account_id=account_id,
        brand_id=brand_id,
        auth_token=auth_token,
        start_date=read_instant(start_date, "sources.intilery.start_date"),
        lookback=read_span(lookback, "sources.intilery.lookback"),
        requests_per_second=requests_per_second,
        burst=burst,
        max_in_flight=max_in_flight,
        request_timeout=request_timeout,
        rows_per_load=rows_per_load,
        max_rejected_share=max_rejected_share,
        profile_refresh=profile_refresh,
        full_scroll_every=read_span(full_scroll_every, "sources.intilery.full_scroll_every"),
        profile_detail=profile_detail,
        max_delete_share=max_delete_share,
        on_delete=on_delete,
        volatile_traits=tuple(volatile_traits),
        max_columns=max_columns,
        pii=read_rules(pii),
        pii_key=None if pii_key is None else str(pii_key),
    )
    report = report or RunReport()
    report.max_rejected_share, report.lookback = settings.max_rejected_share, settings.lookback
    report.on_delete = settings.on_delete
    bounds = read_instant(since, "since"), read_instant(until, "until")
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        raise ConfigurationError("since must be earlier than until: since is inclusive, until exclusive.")
    client = IntileryClient(settings, report.statistics)
    protection = Protection(settings.pii, settings.pii_key or "") if settings.pii else None
    return Extraction(
        settings, client, report, *bounds, identifiers, protection=protection, profiles_per_load=profiles_per_load
    )


def _resources(extraction_of: Callable[_P, Extraction]) -> Callable[_P, Iterable[DltResource]]:
    """The same function, with what can be read of the account in place of what to read it with."""

    @wraps(extraction_of)
    def resources(*args: _P.args, **kwargs: _P.kwargs) -> Iterable[DltResource]:
        extraction = extraction_of(*args, **kwargs)
        return [
            *profile_resources(extraction),
            events(extraction),
            profile_events(extraction, extraction.identifiers),
            extract_runs(extraction),
        ]

    resources.__name__ = NAME  # dlt looks settings up by it
    return resources


def _schema() -> Schema:
    """The source's schema: no value is typed by its looks, or as another type that would not give it back."""
    schema = Schema(NAME, {"json": {"module": lossless.__name__}})
    schema.remove_type_detection("iso_timestamp")
    return schema


intilery = dlt.source(_resources(_extraction), section=NAME, schema=_schema())

configured = with_config(_extraction, sections=("sources", NAME))
"""What `intilery` reads with, for what asks the API outside a pipeline; the same settings, taken the same way."""


def planned(extraction: Extraction, pipeline: Pipeline | None) -> tuple[Millis | None, Millis | None]:
    """The bounds of the event time that a run would read; None is "from the first event on" and "to the last one".

    `pipeline` knows what has been loaded; None says that nothing has.
    """
    settings = extraction.settings
    current = watermark.begin(
        {} if pipeline is None else _state(pipeline, EVENTS.name),
        since=extraction.since,
        until=extraction.until,
        lookback=settings.lookback,
        now=extraction.client.now,
        start_date=settings.start_date,
    )
    return current.position, current.end


def watermark_of(pipeline: Pipeline) -> str | None:
    """The instant before which every event has been read, None before the first run."""
    found = _state(pipeline, EVENTS.name).get("watermark")
    return None if found is None else str(found)


def events_remaining(pipeline: Pipeline) -> bool:
    """Whether the last run left events unread that were there to read."""
    return watermark.remaining(_state(pipeline, EVENTS.name))


def profiles_remaining(pipeline: Pipeline) -> bool:
    """Whether the last run ended after `profiles_per_load` profiles, with more to come."""
    return remaining(_state(pipeline, PROFILES.name))


def pass_interrupted(pipeline: Pipeline) -> bool:
    """Whether an earlier run ended in the middle of its pass over the events.

    The next run goes on with that pass, and does not see what became known meanwhile behind its position: a pass
    after it does.
    """
    return watermark.interrupted(_state(pipeline, EVENTS.name))


def _state(pipeline: Pipeline, resource: str) -> dict[str, Any]:
    resources = pipeline.state.get("sources", {}).get(NAME, {}).get("resources", {})
    return dict(resources.get(resource, {}))
