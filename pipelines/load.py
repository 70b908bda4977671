"""The job `intilery load`: many small loads, until nothing is left to read."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.extract import DltSource
from dlt.pipeline.pipeline import Pipeline

from intilery_source import RunReport, events_remaining, intilery, pass_interrupted, profiles_remaining
from intilery_source.source import watermark_of
from pipelines.deletions import check_can_honour, clean_up, honour_deletions
from pipelines.destination import Opened, Target, opened
from pipelines.exit_codes import ExitCode
from pipelines.lock import exclusive
from pipelines.memory import FOR_ERASURE, FOR_PROFILES, give_back, share_allocators
from pipelines.schema_changes import changes, columns_of
from pipelines.views import make_views

EVENTS = "events"
TABLES = ("profiles", "profile_traits", "profile_meta", "profile_event_bounds", EVENTS)
"""What `--only` may name."""
PROFILES_PER_LOAD = 1_000
"""dlt and the destination hold a load's profiles in memory for a while: this many take some 60 MB."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to load, and where to. `settings` are given to the source as they are, over dlt's configuration."""

    where: Target
    only: Sequence[str] = TABLES
    since: datetime | None = None
    until: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How it ended: `tables` has each table's number of rows now, `added` how many more that is than before."""

    exit_code: ExitCode
    reasons: list[str]
    tables: dict[str, int]
    added: dict[str, int]
    loads: int
    watermark: str | None


def load(request: LoadRequest, report: RunReport) -> LoadResult:
    """Load everything that is there to load.

    The destination is the only memory: dlt's working folder is emptied first, and with it whatever a killed run left
    in it, and the state comes from the destination. So a file that was restored from an older copy, or removed, is
    simply read on from where it stands.
    """
    share_allocators()
    where = request.where
    if where.database is not None:
        dlt.config["load.workers"] = 1  # one writer: more of them wait for each other, each with a file in its memory
    source = _source(request, report)  # a wrong setting must show before a file is created
    check_can_honour(where, report.on_delete)
    with exclusive(where.working_folder / "lock", str(where)):
        with opened(where) as place:
            pipeline = place.pipeline(where)
            try:
                pipeline.sync_destination()
                before = row_counts(pipeline)
                loads = _run(request, report, source, pipeline, place)
                place.bound(FOR_ERASURE)
                key = request.settings.get("pii_key") or dlt.secrets.get("sources.intilery.pii_key", str)
                honour_deletions(pipeline, where, report.on_delete, key)
                after = row_counts(pipeline)
            except BaseException:
                pipeline.drop()
                raise
            reached = watermark_of(pipeline)
        clean_up(where)
    code, reasons = _verdict(report)
    added = {table: number - before.get(table, 0) for table, number in after.items()}
    return LoadResult(code, reasons, after, added, loads, reached)


def _run(request: LoadRequest, report: RunReport, source: DltSource, pipeline: Pipeline, place: Opened) -> int:
    """Read what there is to read, in so many loads as the answer says: the events, then the profiles they changed."""
    columns = columns_of(pipeline)
    # a pass that an earlier run began does not see what became known since, so another one follows it
    passes = 2 if request.since is None and pass_interrupted(pipeline) else 1
    others = [table for table in request.only if table != EVENTS]
    loads, told = 0, report.schema_changes
    while EVENTS in request.only and passes:
        report.ends_with_events = not others and passes == 1
        pipeline.run(source.with_resources(EVENTS))
        place.settle()
        loads, told = loads + 1, report.schema_changes
        report.schema_changes = changes(columns, columns_of(pipeline))
        passes -= not events_remaining(pipeline)
    more = bool(others)
    if more:
        place.bound(FOR_PROFILES)
    while more:
        pipeline.run(source.with_resources(*others))
        place.settle()
        give_back()
        loads += 1
        more = profiles_remaining(pipeline)
    report.schema_changes = changes(columns, columns_of(pipeline))
    if others or told != report.schema_changes:  # the row that went with the events knows nothing of it
        pipeline.run(source.with_resources("extract_runs"))
        make_views(pipeline)
        place.settle()
    return loads


def row_counts(pipeline: Pipeline) -> dict[str, int]:
    """The number of rows of each table of the dataset, without dlt's own and without child tables."""
    if not pipeline.schema_names:
        return {}
    schema = pipeline.default_schema
    tables = [
        str(table["name"])
        for table in schema.data_tables(seen_data_only=True)
        if not table.get("parent") and "_dlt_load_id" in table["columns"]
    ]
    dataset = pipeline.dataset()
    with suppress(DatabaseUndefinedRelation):
        return dict(dataset.row_counts(table_names=tables).fetchall()) if tables else {}
    # of Delta tables, a killed load leaves some in the schema that it has not made
    counts: dict[str, int] = {}
    for table in tables:
        with suppress(DatabaseUndefinedRelation):
            counts |= dict(dataset.row_counts(table_names=[table]).fetchall())
    return counts


def _source(request: LoadRequest, report: RunReport) -> DltSource:
    bounds: dict[str, Any] = {"since": request.since, "until": request.until, "profiles_per_load": PROFILES_PER_LOAD}
    source = intilery(report=report, **{**bounds, **request.settings})
    return source.with_resources(*request.only)


def _verdict(report: RunReport) -> tuple[ExitCode, list[str]]:
    """The exit code of a run that came to its end, and why it is not 0."""
    if report.failures:
        return ExitCode.FAILED, list(report.failures)
    reasons = []
    if report.rejected_share() > report.max_rejected_share:
        reasons.append(
            f"{report.rejected:,} records were rejected, {report.rejected_share():.1%} of those read "
            f"(max_rejected_share is {report.max_rejected_share:.1%}): table rejected_records says why."
        )
    if report.pending_lookups:
        reasons.append(
            f"{report.pending_lookups:,} profiles could not be looked up: table pending_lookups says why, "
            "and the next run tries them again."
        )
    if report.scroll_incomplete:
        reasons.append(f"No complete list of profiles could be read: {report.scroll_incomplete}. Run it again.")
    return (ExitCode.LOADED_IN_PART if reasons else ExitCode.LOADED), reasons
