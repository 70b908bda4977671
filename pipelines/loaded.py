"""What has been loaded into a destination: read, and never changed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source import instants
from intilery_source.instants import Millis
from intilery_source.recount import LedgerRow
from intilery_source.tables import EVENTS, EXTRACT_RUNS, EXTRACT_WINDOWS
from pipelines.delta_folder import is_local
from pipelines.destination import PIPELINE_NAME, Target, opened

_IDS_AT_ONCE = 500
_ROWS_AT_ONCE = 10_000


@contextmanager
def attached(where: Target) -> Iterator[Pipeline]:
    """A pipeline that knows the state and schema of what was loaded, in a working folder of its own.

    Raises:
        FileHeldError: another program is writing to the DuckDB file.
        ConfigurationError: there is nothing to read.
    """
    if where.database is not None and not where.database.exists():
        raise ConfigurationError(f"--database {where.database}: there is no such file; intilery load makes it.")
    if where.folder is not None and is_local(where.folder) and not Path(where.folder).exists():
        raise ConfigurationError(f"--path {where.folder}: there is no such folder; intilery load makes it.")
    with TemporaryDirectory(prefix="intilery-") as folder, opened(where, read_only=True) as place:
        pipeline = dlt.pipeline(
            PIPELINE_NAME, destination=place.destination, dataset_name=where.dataset, pipelines_dir=folder
        )
        try:
            pipeline.sync_destination()
            yield pipeline
        finally:
            pipeline.deactivate()


class LoadedEvents:
    """The events and the ledger of a dataset.

    Raises:
        ConfigurationError: there are none.
    """

    def __init__(self, pipeline: Pipeline, where: Target) -> None:
        tables = {EVENTS.name, EXTRACT_WINDOWS.name, EXTRACT_RUNS.name}
        if not pipeline.schema_names or not tables <= set(pipeline.default_schema.data_table_names()):
            raise ConfigurationError(f"No events have been loaded into {where}: run intilery load first.")
        self._pipeline = pipeline

    def ledger(self) -> list[LedgerRow]:
        """All windows, without what divides an instant by action."""
        found = self._rows(
            "SELECT w.window_start, w.window_end, w.{rows}, w.complete, w.known_at, w.read_at, r.since "
            "FROM {extract_windows} w LEFT JOIN {extract_runs} r ON r.run_id = w.run_id WHERE w.event_action = %s",
            "",
        )
        return [
            LedgerRow(
                start=_millis(start),
                end=_millis(end),
                rows=int(rows),
                complete=bool(complete),
                known_at=_millis(known_at),
                read_at=_millis(read_at),
                of_range=since is not None,
            )
            for start, end, rows, complete, known_at, read_at, since in found
        ]

    def ids_between(self, start: Millis, end: Millis) -> set[str]:
        """The identifiers of the events that happened in `[start, end)`."""
        bounds = instants.to_datetime(start), instants.to_datetime(end)
        query = "SELECT event_id FROM {events} WHERE event_time >= %s AND event_time < %s"
        return {str(event_id) for (event_id,) in self._rows(query, *bounds)}

    def ids_among(self, ids: Sequence[str]) -> set[str]:
        """Those of some identifiers that are there, whenever the event happened."""
        found: set[str] = set()
        for begin in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[begin : begin + _IDS_AT_ONCE]
            places = ", ".join(["%s"] * len(some))
            query = f"SELECT event_id FROM {{events}} WHERE event_id IN ({places})"  # noqa: S608 - places alone
            found.update(str(event_id) for (event_id,) in self._rows(query, *some))
        return found

    def _rows(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        with self._pipeline.sql_client() as client:
            names = {
                table.name: client.make_qualified_table_name(table.name)
                for table in (EVENTS, EXTRACT_WINDOWS, EXTRACT_RUNS)
            }
            text = query.format(**names, rows=client.escape_column_name("rows"))
            with client.execute_query(text, *parameters) as cursor:
                yield from (row for rows in cursor.iter_fetch(_ROWS_AT_ONCE) for row in rows)


def _millis(moment: datetime) -> Millis:
    return instants.of_datetime(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
