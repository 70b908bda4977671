"""Reading profiles: the list, and what is looked up for each of its pages."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from intilery_source import profile_rows
from intilery_source.extraction import Extraction
from intilery_source.lookups import Lookups
from intilery_source.profile_rows import Object
from intilery_source.rejects import Rejects
from intilery_source.scroll import Scroll
from intilery_source.tables import PENDING_LOOKUPS, PROFILES, REJECTED_RECORDS, Table


@dataclass(slots=True)
class ProfilePage:
    """Profiles that were listed together, with the answers to their look-ups (`id`, answer)."""

    listed: list[Object] = field(default_factory=list)
    traits: list[tuple[str, Object]] = field(default_factory=list)
    meta: list[tuple[str, Object]] = field(default_factory=list)
    aside: list[tuple[Table, list[Object]]] = field(default_factory=list)
    """Rows of other tables that came with the page; who writes them empties it."""


def read(extraction: Extraction, *, traits: bool, meta: bool, pending: list[str]) -> Iterator[ProfilePage]:
    """All profiles, each on one page, with the look-ups that are wanted.

    `pending` are profiles whose look-up failed in an earlier run: they are looked up again even where an incomplete
    list lacks them. What fails now is put aside for `pending_lookups`, what no longer fails leaves it.
    """
    client, report = extraction.client, extraction.report
    rejects = Rejects(report, PROFILES.name)
    scroll = Scroll(client.list_profiles)
    seen: set[str] = set()
    with ExitStack() as stack:
        wanted: dict[str, Lookups] = {}
        for name, ask, is_wanted in (("traits", client.traits, traits), ("meta", client.meta, meta)):
            if is_wanted:
                lookups = Lookups(ask, min(100, extraction.settings.max_in_flight))
                stack.callback(lookups.close)
                wanted[name] = lookups

        def page_of(listed: list[Object], ids: list[str]) -> ProfilePage:
            answers = {name: list(lookups.answers(ids)) for name, lookups in wanted.items()}
            return ProfilePage(listed, answers.get("traits", []), answers.get("meta", []))

        for raw_page in scroll.pages():
            listed = []
            for raw in raw_page:
                try:
                    profile = profile_rows.read_listed(raw)
                except ValueError as error:
                    rejects.add(raw, str(error))
                    continue
                if profile["id"] not in seen:
                    seen.add(profile["id"])
                    listed.append(profile)
            report.count_readable(PROFILES.name, len(listed))
            if listed:
                yield page_of(listed, [profile["id"] for profile in listed])
        if not scroll.complete:
            report.scroll_incomplete = scroll.reason
        last = page_of([], [profile_id for profile_id in pending if profile_id not in seen])
        last.aside = _aside(extraction, rejects, wanted, pending)
        yield last


def _aside(
    extraction: Extraction, rejects: Rejects, wanted: dict[str, Lookups], pending: list[str]
) -> list[tuple[Table, list[Object]]]:
    """The rows of `pending_lookups` and `rejected_records` of this run."""
    failed = {profile_id: reason for lookups in wanted.values() for profile_id, reason in lookups.failed.items()}
    now = datetime.now(UTC)
    rows = [{"profile_id": key, "reason": reason, "failed_at": now, "done": False} for key, reason in failed.items()]
    waiting = failed.keys() | set(pending)
    if {"traits", "meta"} <= wanted.keys():  # a run of one kind of look-up cannot settle what the other kind failed
        rows += [{"profile_id": key, "done": True} for key in pending if key not in failed]
        waiting = set(failed)
    extraction.report.pending_lookups = len(waiting)
    aside = [(PENDING_LOOKUPS, rows), (REJECTED_RECORDS, rejects.take())]
    return [(table, found) for table, found in aside if found]


def rows_of(table: str, page: ProfilePage) -> list[dict[str, Any]]:
    """The rows of a profile table that a page holds."""
    if table == "profile_traits":
        return [profile_rows.traits_row(key, traits) for key, traits in page.traits]
    if table == "profile_meta":
        return [profile_rows.meta_row(key, meta) for key, meta in page.meta]
    if table == "profile_event_bounds":
        return [row for key, meta in page.meta for row in profile_rows.bound_rows(key, meta)]
    return page.listed
