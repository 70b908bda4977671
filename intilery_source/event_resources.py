"""The resources `events` and `profile_events`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.extract import DltResource

from cdp_client import ConfigurationError, NotFoundError
from intilery_source import instants, watermark
from intilery_source.client import ID_TYPES, NOT_FOUND, IdType
from intilery_source.event_loads import EventLoad, Key, bind
from intilery_source.extraction import Extraction
from intilery_source.settings import read_instant
from intilery_source.tables import EVENTS, PROFILE_EVENTS, REJECTED_RECORDS, UPSERT, Writer


def events(extraction: Extraction) -> DltResource:
    """The account's events: at most `rows_per_load` of the oldest that are not read yet, one row an event."""

    def read() -> Iterator[Any]:
        settings, report = extraction.settings, extraction.report
        writer = Writer()
        load = EventLoad(extraction.client.events, report, EVENTS.name)
        state = dlt.current.resource_state(EVENTS.name)
        state["remaining"] = False
        since, until = _hinted_range() or (extraction.since, extraction.until)
        now = load.now()
        yield writer.rows(EVENTS, load.empty())
        if now is None:
            return
        current = watermark.begin(
            state, since=since, until=until, lookback=settings.lookback, now=now, start_date=settings.start_date
        )
        if current is None:
            earliest = load.earliest()
            if earliest is None:
                return
            current = watermark.begin_at(earliest, until=until, now=now)
        report.span = (current.start, min(now, current.end or now))
        for rows in load.read(current, settings.rows_per_load):
            yield writer.rows(EVENTS, rows)
        if rejected := load.rejects.take():
            yield writer.rows(REJECTED_RECORDS, rejected)
        watermark.store(state, current, finished=load.finished)

    return dlt.resource(read, name=EVENTS.name, write_disposition=UPSERT, file_format="parquet")()


def _hinted_range() -> tuple[datetime, datetime] | None:
    """The range that a user of dlt asks for by its own hint, `dlt.sources.incremental` with both ends.

    dlt's own cursor cannot carry the watermark: an event dated in the future would move it, and its lag counts from
    the newest event rather than from the platform's clock (docs/decisions/0002).

    Raises:
        ConfigurationError: the hint leaves the range open, or would drop rows of other tables.
    """
    hint = dlt.current.resource().incremental
    if not isinstance(hint, dlt.sources.incremental):
        return None
    since = read_instant(hint.initial_value, "initial_value")
    until = read_instant(hint.end_value, "end_value")
    if since is None or until is None or hint.on_cursor_value_missing != "include":
        raise ConfigurationError(
            "events takes an incremental hint for a range only: dlt.sources.incremental('event_time', "
            "initial_value=..., end_value=..., on_cursor_value_missing='include'); without a hint it reads on from "
            "its own watermark."
        )
    return since, until


def profile_events(extraction: Extraction, identifiers: Sequence[str]) -> DltResource:
    """The events of given profiles, read through the profiles' own route: all of them, at every run.

    Raises:
        ConfigurationError: an identifier does not begin with `userId:`, `email:` or `id:`.
    """
    named = [_split(identifier) for identifier in identifiers]

    def read() -> Iterator[Any]:
        writer = Writer()
        since, until = extraction.since, extraction.until
        released: set[Key] = set()  # two identifiers may name one profile
        for id_type, value in named:
            ask = bind(extraction.client.profile_events, id_type, value)
            load = EventLoad(ask, extraction.report, PROFILE_EVENTS.name, of_profiles=True, released=released)
            yield writer.rows(PROFILE_EVENTS, load.empty())
            try:
                now = load.now()
                earliest = load.earliest() if now is not None else None
            except NotFoundError as error:
                if error.code != NOT_FOUND:
                    raise  # an unknown route is not a profile that does not exist
                continue
            if now is None or earliest is None:
                continue
            start = instants.of_datetime(since) if since is not None else earliest
            current = watermark.begin_at(start, until=until, now=now)
            while not load.finished:
                for rows in load.read(current, extraction.settings.rows_per_load):
                    yield writer.rows(PROFILE_EVENTS, rows)
            if rejected := load.rejects.take():
                yield writer.rows(REJECTED_RECORDS, rejected)

    return dlt.resource(
        read, name=PROFILE_EVENTS.name, write_disposition=UPSERT, file_format="parquet", selected=bool(named)
    )()


def _split(identifier: str) -> tuple[IdType, str]:
    id_type, colon, value = identifier.partition(":")
    for known in ID_TYPES:
        if id_type == known and colon and value:
            return known, value
    raise ConfigurationError(
        f"An identifier must begin with one of {', '.join(f'{known}:' for known in ID_TYPES)}, "
        "as in userId:ABC/123; one that was given does not."
    )
