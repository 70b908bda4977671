"""Reading profiles: all of them, by a scroll over the list, or those alone that changed; each looked up once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain

import msgspec

from intilery_source import instants, profile_rows
from intilery_source.departures import FuseError, Holders, check_fuse, depart
from intilery_source.extraction import Extraction
from intilery_source.history import History
from intilery_source.instants import Millis
from intilery_source.lookups import Lookups
from intilery_source.profile_pages import ProfilePage, history_table
from intilery_source.profile_rows import Object
from intilery_source.profile_screen import ProfileScreen
from intilery_source.rejects import Rejects
from intilery_source.scroll import Scroll
from intilery_source.standing import Standing, Version
from intilery_source.tables import (
    PENDING_LOOKUPS,
    PROFILE_DELETIONS,
    PROFILE_MERGES,
    PROFILE_META,
    PROFILE_TRAITS,
    PROFILES,
    REJECTED_RECORDS,
)
from intilery_source.types import ProfileAnswer

_PORTION = 100
"""Profiles that are looked up together where no page of the list says which."""
_AHEAD = 3
"""Pages that are being looked up while the first of them is waited for."""


def pending_rows(changed: Iterable[str]) -> list[Object]:
    """Rows of `pending_lookups` for profiles that an event has changed."""
    return [{"profile_id": key, "reason": "an event changed it", "done": False} for key in sorted(changed)]


class Refresh:
    """One reading of profiles.

    `traits` and `meta` are the look-ups that are wanted; `settles` says that no more are needed than these, so that a
    profile that was due is not due any longer. `listing_holds_traits` is what the last list showed.
    """

    def __init__(
        self,
        extraction: Extraction,
        standing: Standing,
        screen: ProfileScreen,
        *,
        traits: bool,
        meta: bool,
        settles: bool,
        listing_holds_traits: bool = False,
    ) -> None:
        self._extraction = extraction
        self._standing = standing
        self._screen = screen
        self._stack = ExitStack()
        self._lookups: dict[str, Lookups] = {}
        client, settings = extraction.client, extraction.settings
        for name, ask, is_wanted in (("traits", client.traits, traits), ("meta", client.meta, meta)):
            if is_wanted:
                lookups = Lookups(screen.asking(f"profile_{name}", ask), max(1, settings.max_in_flight // 2))
                self._stack.callback(lookups.close)
                self._lookups[name] = lookups
        self._rejects = Rejects(extraction.report, PROFILES.name)
        self._scroll = Scroll(client.list_profiles)
        self._history = History(settings.volatile_traits)
        self._holders = Holders(
            standing,
            screen.asking("profile_traits", client.traits_of_user),
            screen.asking("profile_traits", client.traits),
        )
        self._versions: dict[str, Version] = {}
        self._seen: set[str] = set()
        self._now: Millis | None = None
        self.began: Millis | None = None
        """The platform's clock at the first look-up."""
        self._settles = settles
        self._pending = standing.pending()
        self._queue = list(dict.fromkeys([*self._pending, *sorted(extraction.changed)]))
        self.due = frozenset(extraction.changed)
        """The profiles that this load's own events changed."""
        self.complete = False
        """Whether all profiles were listed, and those that are gone dealt with."""
        self.listing_holds_traits = listing_holds_traits
        """Whether the list shows more of a profile than its identifier."""

    def close(self) -> None:
        """Wait for nothing that has not begun."""
        self._stack.close()

    def everything(self) -> Iterator[ProfilePage]:
        """All profiles, and those due that the list lacks; then what became of those known that it lacks."""
        report = self._extraction.report
        self._versions = self._standing.versions(None)
        self.listing_holds_traits = False
        yield from self._looked_up(self._listed_pages())
        missing: list[str] = []
        if not self._scroll.complete:
            report.scroll_incomplete = self._scroll.reason
        elif self._lookups:
            known = self._standing.profiles()
            missing = sorted(known - self._seen)
            self.complete = self._may_go(len(missing), len(known))
            missing = missing if self.complete else []
        rest = [key for key in self._queue if key not in self._seen and key not in set(missing)]
        yield from self._looked_up(self._portions([*missing, *rest]))
        yield from self._end(missing, rest if self.complete else [], all_read=self.complete)

    def changed(self) -> Iterator[ProfilePage]:
        """The profiles that are due alone."""
        self._versions = self._standing.versions(self._queue)
        yield from self._looked_up(self._portions(self._queue))
        may_go = True
        if gone := self._gone():
            known = self._standing.profiles()
            may_go = self._may_go(len(gone & known), len(known))
        yield from self._end([], self._queue if may_go else [], all_read=False)

    def _may_go(self, missing: int, known: int) -> bool:
        try:
            check_fuse(missing, known, self._extraction.settings.max_delete_share)
        except FuseError as error:
            self._extraction.report.failures.append(str(error))
            return False
        return True

    def _gone(self) -> set[str]:
        """The profiles of which every look-up has said that there is none."""
        found = [lookups.gone for lookups in self._lookups.values()]
        return set.intersection(*found) - self._screen.left_out if found else set()

    def _listed_pages(self) -> Iterator[tuple[list[Object], list[str]]]:
        for raw_page in self._scroll.pages():
            listed = []
            for raw in raw_page:
                profile = self._read_listed(raw)
                if profile is not None and profile["id"] not in self._seen:
                    self._seen.add(profile["id"])
                    listed.append(profile)
            if listed:
                yield listed, [profile["id"] for profile in listed]

    def _read_listed(self, raw: msgspec.Raw) -> Object | None:
        try:
            profile = profile_rows.read_listed(raw, self._screen.listed)
        except ValueError as error:
            self._rejects.add(raw, str(error))
            return None
        self._extraction.report.count_readable(PROFILES.name, 1)
        if profile is not None:
            self.listing_holds_traits = self.listing_holds_traits or len(profile) > 1
        return profile

    def _portions(self, ids: Sequence[str]) -> Iterator[tuple[list[Object], list[str]]]:
        for begin in range(0, len(ids), _PORTION):
            yield [], list(ids[begin : begin + _PORTION])

    def _looked_up(self, pages: Iterator[tuple[list[Object], list[str]]]) -> Iterator[ProfilePage]:
        """The pages with their look-ups, while the next page is being read and the next few are being looked up."""
        with ThreadPoolExecutor(1, "list") as reading:
            following: Future[tuple[list[Object], list[str]] | None] = reading.submit(next, pages, None)
            waiting: deque[tuple[list[Object], dict[str, Iterator[tuple[str, ProfileAnswer]]]]] = deque()
            while (page := following.result()) is not None:
                following = reading.submit(next, pages, None)
                listed, ids = page
                waiting.append((listed, {name: found.answers(ids) for name, found in self._lookups.items()}))
                if len(waiting) > _AHEAD:
                    yield self._page(*waiting.popleft())
            while waiting:
                yield self._page(*waiting.popleft())

    def _page(self, listed: list[Object], answers: dict[str, Iterator[tuple[str, ProfileAnswer]]]) -> ProfilePage:
        found = {name: list(of_one) for name, of_one in answers.items()}
        left_out = self._screen.left_out
        page = ProfilePage([profile for profile in listed if profile["id"] not in left_out])
        page.traits = [answer for answer in found.get("traits", []) if answer[0] not in left_out]
        page.meta = [answer for answer in found.get("meta", []) if answer[0] not in left_out]
        for _, answer in chain(page.traits, page.meta):
            self._now = max(self._now or answer.at, answer.at)
            self.began = min(self.began or answer.at, answer.at)
        if not listed:
            page.listed = self._as_listed(page)
        versions = [self._version(*answered) for answered in page.traits]
        if rows := [row for row in versions if row is not None]:
            page.aside.append(history_table(rows))
        return page

    def _as_listed(self, page: ProfilePage) -> list[Object]:
        """The rows of profiles that were looked up without having been listed, as the list would show them."""
        if self.listing_holds_traits:
            return [profile_rows.traits_row(key, traits.value) for key, traits in page.traits]
        return [{"id": key} for key in dict.fromkeys(key for key, _ in chain(page.traits, page.meta))]

    def _version(self, profile_id: str, answer: ProfileAnswer) -> Object | None:
        external_id = answer.value.get("externalId")
        self._holders.add(profile_id, external_id if isinstance(external_id, str) else None)
        return self._history.version(profile_id, answer, self._versions.get(profile_id))

    def _end(self, missing: Sequence[str], due: Sequence[str], *, all_read: bool) -> Iterator[ProfilePage]:
        """What is known when everything has been looked up: departures, merges, and what is to be tried again.

        `missing` lacked in a complete list; `due` are other profiles that were looked up without having been listed.
        First comes what is recorded of them, and then, if loads are kept small in a load after that, the removal of
        their rows: whoever is stopped in between finds them missing again.
        """
        records, removal = ProfilePage(ends_load=True), ProfilePage()
        gone = self._gone()
        failed = {key: why for found in self._lookups.values() for key, why in found.failed.items()}
        if self._now is None and gone:
            self._now = self._extraction.client.now()
        at = instants.to_datetime(self._now or 0)
        departed: list[str] = []
        for ids, listed in ((missing, True), (due, False)):
            went = [key for key in ids if key in gone]
            found = depart(went, self._versions, self._standing, self._holders, at, listed=listed)
            departed += found.gone
            records.aside += [(PROFILE_DELETIONS, found.deletions), (PROFILE_MERGES, found.merges)]
            if found.ended:
                records.aside.append(history_table(found.ended))
            failed |= found.undecided
        merges, undecided = self._holders.merges(departed, at, all_read=all_read)
        records.aside.append((PROFILE_MERGES, merges))
        records.aside = [(table, rows) for table, rows in records.aside if len(rows)]
        if records.aside:
            yield records
        for table in (PROFILES, PROFILE_TRAITS, PROFILE_META):
            removal.gone[table.name] = self._standing.holding(table, departed)
        removal.bounds_gone = self._standing.event_keys(departed)
        asides = ((PENDING_LOOKUPS, self._pending_rows(failed | undecided)), (REJECTED_RECORDS, self._rejects.take()))
        removal.aside = [(table, rows) for table, rows in asides if rows]
        yield removal

    def _pending_rows(self, failed: dict[str, str]) -> list[Object]:
        """Rows of `pending_lookups`: what failed is due again, what was due and did not fail is done."""
        now = datetime.now(UTC)
        rows = [{"profile_id": key, "reason": why, "failed_at": now, "done": False} for key, why in failed.items()]
        waiting = set(failed)
        if self._settles:
            rows += [{"profile_id": key, "done": True} for key in self._pending if key not in failed]
        else:
            rows += pending_rows(self.due - failed.keys())
            waiting |= {key for key, has_failed in self._pending.items() if has_failed}
        self._extraction.report.pending_lookups = len(waiting)
        return rows
