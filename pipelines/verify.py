"""The job `intilery verify`: windows of the ledger read again from the API, and held against the table."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cdp_client import ConfigurationError
from intilery_source import RunReport, instants
from intilery_source.coverage import Span
from intilery_source.extraction import Extraction
from intilery_source.forgotten import Forgotten, forgotten_people
from intilery_source.instants import FIRST, LAST
from intilery_source.recount import Part, read_again, standing, was_known, written
from intilery_source.source import NAME, configured, watermark_of
from pipelines.destination import Target
from pipelines.exit_codes import ExitCode
from pipelines.loaded import LoadedEvents, attached

DEFAULT_WINDOWS = 10
_MOST_SHOWN = 100
"""Identifiers that are printed of each kind."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What to verify: `windows` at random, of those between `since` and `until`; None is all of these, or ten."""

    where: Target
    windows: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Checked:
    """One window: events that the API shows, rows of the table, and rows that the ledger says were read, if all."""

    span: Span
    shown: int
    in_table: int
    in_ledger: int | None
    missing: int
    """Events that are missing from the table, though the platform had them when the window was read."""

    @property
    def short(self) -> bool:
        """Whether rows are gone that were read, besides those that are missing."""
        return self.in_ledger is not None and self.in_table + self.missing < self.in_ledger


@dataclass(slots=True)
class VerifyResult:
    """What was found; identifiers are those of events."""

    seed: int
    windows: list[Checked] = field(default_factory=list)
    of_windows: int = 0
    gaps: list[Span] = field(default_factory=list)
    incomplete: list[Span] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Not in the table, though the platform had them when their window was read."""
    arrived_since: list[str] = field(default_factory=list)
    """Not in the table, and received after that."""
    not_shown: list[str] = field(default_factory=list)
    """In the table, and no longer shown by the API at that time."""
    unread: list[str] = field(default_factory=list)
    """Sentences on what the API could not show now."""

    @property
    def exit_code(self) -> ExitCode:
        """Whether the API, the table and the ledger agree."""
        return ExitCode.FAILED if self.reasons() else ExitCode.LOADED

    def reasons(self) -> list[str]:
        """Sentences on what does not agree, and what to do."""
        found = list(self.unread)
        found += [
            f"{checked.missing:,} events of {written(checked.span)} are missing from the table, though the platform "
            f"had them when that was read. {_again(checked.span)}"
            for checked in self.windows
            if checked.missing
        ]
        found += [
            f"Never read, though the watermark is behind it: {written(span)}. {_again(span)}" for span in self.gaps
        ]
        found += [f"Not read completely: {written(span)}. {_again(span)}" for span in self.incomplete]
        found += [
            f"The table has {checked.in_table:,} events of {written(checked.span)}, and the ledger says that "
            f"{checked.in_ledger:,} were read: rows are gone. {_again(checked.span)}"
            for checked in self.windows
            if checked.short
        ]
        return found

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values; spans are half-open."""
        return {
            "exit_code": int(self.exit_code),
            "reasons": self.reasons(),
            "seed": self.seed,
            "windows": [
                {
                    "window": _plain(checked.span),
                    "shown": checked.shown,
                    "in_table": checked.in_table,
                    "in_ledger": checked.in_ledger,
                    "missing": checked.missing,
                }
                for checked in self.windows
            ],
            "ledger_windows": self.of_windows,
            "gaps": [_plain(span) for span in self.gaps],
            "incomplete": [_plain(span) for span in self.incomplete],
            "missing": self.missing,
            "arrived_since": self.arrived_since,
            "not_shown": self.not_shown,
        }

    def lines(self, requests: int) -> list[str]:
        """What the user reads beside the reasons: how much was verified, and which events differ."""
        shown = sum(checked.shown for checked in self.windows)
        found = [
            f"Verified {len(self.windows):,} of the ledger's {self.of_windows:,} windows: {shown:,} events, "
            f"{requests:,} requests; --seed {self.seed} chooses the same again."
        ]
        for title, ids in (
            ("Missing from the table", self.missing),
            ("Arrived since, which the next load brings if they are within its lookback", self.arrived_since),
            ("In the table, and no longer shown by the API at that time: erased, or merged", self.not_shown),
        ):
            if ids:
                found += [f"{title}: {len(ids):,} events.", *(f"  {event_id}" for event_id in ids[:_MOST_SHOWN])]
            if len(ids) > _MOST_SHOWN:
                found.append(f"  and {len(ids) - _MOST_SHOWN:,} more: --json lists them all.")
        return found if self.reasons() else [*found, "The API, the table and the ledger agree."]


def verify(request: VerifyRequest, report: RunReport) -> VerifyResult:
    """Hold windows of the ledger against the API and the table; nothing is changed.

    Raises:
        ConfigurationError: nothing has been loaded, or not between `since` and `until`.
        FileHeldError: a load is writing to the DuckDB file.
        ExtractorError: the API does not answer.
    """
    extraction = configured(report=report, **request.settings)
    seed = random.SystemRandom().randrange(2**32) if request.seed is None else request.seed
    result = VerifyResult(seed)
    with attached(request.where) as pipeline:
        events = LoadedEvents(pipeline, request.where)
        reached = watermark_of(pipeline)
        found = standing(events.ledger(), None if reached is None else instants.parse(reached) // 1000)
        result.gaps, result.incomplete = found.gaps, found.incomplete
        result.of_windows = len(found.parts)
        forgotten = forgotten_people(NAME, extraction.settings.pii_key, pipeline)
        for part in _chosen(found.parts, request, seed):
            _check(part, extraction, events, forgotten, result)
    result.unread += report.failures
    return result


def _chosen(parts: Sequence[Part], request: VerifyRequest, seed: int) -> list[Part]:
    since = FIRST if request.since is None else instants.of_datetime(request.since)
    until = LAST if request.until is None else instants.of_datetime(request.until)
    within = [
        Part(max(part.start, since), min(part.end, until), part.window)
        for part in parts
        if part.start < until and part.end > since
    ]
    if not within:
        raise ConfigurationError("The ledger has no window in this range: nothing of it was read, so load it first.")
    number = request.windows
    if number is None:
        number = DEFAULT_WINDOWS if request.since is None and request.until is None else len(within)
    chosen = random.Random(seed).sample(range(len(within)), min(number, len(within)))  # noqa: S311 - no secret
    return [within[index] for index in sorted(chosen)]


def _check(
    part: Part, extraction: Extraction, events: LoadedEvents, forgotten: Forgotten, result: VerifyResult
) -> None:
    in_table = events.ids_between(part.start, part.end)
    shown: set[str] = set()
    elsewhere = 0
    missed = len(result.missing)
    for some in read_again(extraction, part.start, part.end, forgotten):
        shown.update(event.event_id for event in some)
        absent = [event for event in some if event.event_id not in in_table]
        at_another_time = events.ids_among([event.event_id for event in absent])
        elsewhere += len(at_another_time)
        for event in absent:
            if event.event_id not in at_another_time:
                known = was_known(event, part.window.known_at)
                (result.missing if known else result.arrived_since).append(event.event_id)
    result.not_shown += sorted(in_table - shown)
    rows = part.window.rows if part.whole else None
    missed = len(result.missing) - missed
    result.windows.append(Checked((part.start, part.end), len(shown), len(in_table) + elsewhere, rows, missed))


def _plain(span: Span) -> list[str]:
    return [instants.write(instant) for instant in span]


def _again(span: Span) -> str:
    start, end = _plain(span)
    return f"intilery load --only events --since {start} --until {end} reads it again."
