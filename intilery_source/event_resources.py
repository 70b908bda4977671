"""The resources `events` and `profile_events`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.extract import DltResource

from cdp_client import ConfigurationError, NotFoundError
from intilery_source import instants, watermark
from intilery_source.client import ID_TYPES, NOT_FOUND, IdType
from intilery_source.event_loads import EventLoads, bind, empty_table
from intilery_source.extraction import Extraction
from intilery_source.forgotten import forgotten_people
from intilery_source.newcomers import Newcomers
from intilery_source.profile_resources import are_read_now, current_load, listed_at, standing_of
from intilery_source.refresh import pending_rows
from intilery_source.runs import run_row
from intilery_source.settings import read_instant
from intilery_source.tables import (
    EVENTS,
    EXTRACT_RUNS,
    EXTRACT_WINDOWS,
    PENDING_LOOKUPS,
    PROFILE_EVENTS,
    REJECTED_RECORDS,
    UPSERT,
    Writer,
)
from intilery_source.types import Key

_ALL = 2**62


def events(extraction: Extraction) -> DltResource:
    """The account's events: at most `rows_per_load` of the oldest that are not read yet, one row an event.

    A further run of the same source goes on with what has been read ahead meanwhile.
    """
    ahead: list[EventLoads] = []

    def read() -> Iterator[Any]:
        settings, report = extraction.settings, extraction.report
        writer = Writer()
        state = dlt.current.resource_state(EVENTS.name)
        state["remaining"] = False
        since_listed = listed_at()
        newcomers = None if since_listed is None else Newcomers(standing_of(dlt.current.source()), since_listed)
        protect = extraction.protection_of_events(of_profiles=False)
        yield writer.rows(EVENTS, empty_table(of_profiles=False))
        loads = ahead.pop() if ahead else None
        if loads is not None and not watermark.stands_at(state, loads.current):
            loads.close()
            loads = None
        if loads is None:
            since, until = _hinted_range() or (extraction.since, extraction.until)
            current = watermark.begin(
                state,
                since=since,
                until=until,
                lookback=settings.lookback,
                now=extraction.client.now,
                start_date=settings.start_date,
            )
            if current.blocked is not None:
                report.failures.append(
                    f"The instant {instants.write(current.blocked)} could not be read completely when this pass began: "
                    "its events may be missing, and the watermark stays before it."
                )
            loads = EventLoads(
                current,
                extraction.client.events,
                extraction.client.permit,
                report,
                EVENTS.name,
                max_in_flight=settings.max_in_flight,
                forgotten=forgotten_people(dlt.current.source().schema.name, settings.pii_key),
            )
        try:
            loads.open()
            if loads.current.start is None or loads.current.now is None:  # there is no event, or no span to read
                yield writer.rows(EXTRACT_RUNS, [run_row(extraction, finished=report.ends_with_events)])
                return
            current = loads.current
            extraction.now = current.now
            for rows in loads.read(settings.rows_per_load):
                if newcomers is not None:
                    newcomers.add(rows)
                yield writer.rows(EVENTS, protect(rows))
            if newcomers is not None and newcomers.profiles:
                if are_read_now(extraction):
                    extraction.changed |= newcomers.profiles
                else:
                    yield writer.rows(PENDING_LOOKUPS, pending_rows(newcomers.profiles))
            if rejected := loads.rejects.take():
                yield writer.rows(REJECTED_RECORDS, rejected)
            if windows := loads.ledger.take():
                yield writer.rows(EXTRACT_WINDOWS, windows)
            finished = loads.finished and report.ends_with_events
            yield writer.rows(EXTRACT_RUNS, [run_row(extraction, finished=finished)])
            watermark.store(state, current, finished=loads.finished)
            if not loads.finished:
                ahead.append(loads)
        finally:
            extraction.events_read_by = current_load()
            if not ahead:
                loads.close()

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
        yield writer.rows(PROFILE_EVENTS, empty_table(of_profiles=True))
        forgotten = forgotten_people(dlt.current.source().schema.name, extraction.settings.pii_key)
        protect = extraction.protection_of_events(of_profiles=True)
        released: set[Key] = set()  # two identifiers may name one profile
        for id_type, value in named:
            start = None if since is None else instants.of_datetime(since)
            end = None if until is None else instants.of_datetime(until)
            current = watermark.Pass(start, end, None, start, None, None, backfill=False)
            loads = EventLoads(
                current,
                bind(extraction.client.profile_events, id_type, value),
                extraction.client.permit,
                extraction.report,
                PROFILE_EVENTS.name,
                max_in_flight=extraction.settings.max_in_flight,
                of_profiles=True,
                released=released,
                forgotten=forgotten,
            )
            try:
                for rows in loads.read(_ALL):
                    yield writer.rows(PROFILE_EVENTS, protect(rows))
            except NotFoundError as error:
                if error.code != NOT_FOUND:
                    raise  # an unknown route is not a profile that does not exist
            finally:
                loads.close()
            if rejected := loads.rejects.take():
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
