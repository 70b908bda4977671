"""Profiles that are no longer there: deleted, or merged into another.

Nothing is deleted on the word of one source alone: a complete list must lack the profile, and its look-ups must
answer that there is none (DESIGN.md, "How profiles are read").
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cdp_client import ExtractorError, GaveUpError
from intilery_source import history
from intilery_source.lookups import PUT_ASIDE
from intilery_source.profile_rows import Object
from intilery_source.standing import Standing, Version
from intilery_source.types import ProfileAnswer

Ask = Callable[[str], ProfileAnswer | None]


class FuseError(ExtractorError):
    """More profiles are gone than may be deleted in one run."""


@dataclass(slots=True)
class Departed:
    """Rows for `profile_deletions`, `profile_merges` and `profile_trait_history`; `gone` lose their own rows."""

    gone: list[str] = field(default_factory=list)
    deletions: list[Object] = field(default_factory=list)
    merges: list[Object] = field(default_factory=list)
    ended: list[Object] = field(default_factory=list)
    undecided: dict[str, str] = field(default_factory=dict)
    """Profiles of which could not be found out where they went, with the reason."""


def check_fuse(missing: int, known: int, max_delete_share: float) -> None:
    """Refuse to take so many profiles for gone.

    Raises:
        FuseError: they are more than that share of those known.
    """
    if missing > max_delete_share * known:
        raise FuseError(
            f"The platform lacks {missing:,} of {known:,} profiles, more than max_delete_share "
            f"({max_delete_share:.0%}) allows to delete in one run: none was deleted. If they are really gone, run "
            f"once with max_delete_share = {missing / known + 0.005:.2f}."
        )


def depart(
    ids: Collection[str],
    versions: Mapping[str, Version],
    standing: Standing,
    holders: "Holders",
    at: datetime,
    *,
    listed: bool,
) -> Departed:
    """Find out where profiles went whose look-ups say that there are none.

    A profile whose `externalId` another one has was merged into it. Any other was deleted if `listed` says that a
    complete list lacked it too, and may be back later if not. What an earlier run recorded is not recorded again,
    though it was stopped midway.
    """
    found = Departed()
    merged, deleted = standing.merges(list(ids)), standing.deletions(list(ids))
    for profile_id in ids:
        last = versions.get(profile_id)
        try:
            target = holders.target(profile_id, last.external_id if last else None)
        except PUT_ASIDE as error:
            found.undecided[profile_id] = str(error)
            continue
        if target is None and not listed:
            continue
        when = at if last is None or last.trait_hash is None else history.observed_at(at, last)
        if target is not None:
            if merged.get(profile_id) != target:
                found.merges.append(merge_row(profile_id, target, last.external_id if last else None, when))
        elif profile_id not in deleted or (last is not None and deleted[profile_id] < last.observed_at):
            found.deletions.append({"profile_id": profile_id, "detected_at": when})
        found.gone.append(profile_id)
        row = None if last is None else history.ended(profile_id, when, last)
        if row is not None:
            found.ended.append(row)
    return found


def merge_row(profile_id: str, target: str, external_id: str | None, at: datetime) -> Object:
    return {"profile_id": profile_id, "detected_at": at, "merged_into": target, "external_id": external_id}


class Holders:
    """Which profiles have which `externalId` now: those of this reading, and for the rest the API is asked."""

    def __init__(self, standing: Standing, ask_user: Ask, ask: Ask) -> None:
        self._standing = standing
        self._ask_user = ask_user
        self._ask = ask
        self._now: dict[str, str | None] = {}
        self._of: dict[str, set[str]] = {}

    def add(self, profile_id: str, external_id: str | None) -> None:
        """Note what a profile's look-up has shown."""
        self._now[profile_id] = external_id
        if external_id is not None:
            self._of.setdefault(external_id, set()).add(profile_id)

    def target(self, profile_id: str, external_id: str | None) -> str | None:
        """The other profile that has the external identifier of one that is gone; None where there is none.

        Raises one of `lookups.PUT_ASIDE` where that cannot be told.
        """
        if external_id is None:
            return None
        seen = self._of.get(external_id, set()) - {profile_id}
        if len(seen) == 1:
            return next(iter(seen))
        answer = self._ask_user(external_id)
        if answer is None:
            return None
        if answer.value["id"] == profile_id:
            raise GaveUpError("The profile answers by its externalId, though not by its id.")
        return str(answer.value["id"])

    def merges(self, gone: Iterable[str], at: datetime, *, all_read: bool) -> tuple[list[Object], dict[str, str]]:
        """Rows of `profile_merges` for profiles side by side with one `externalId`, of merges not known yet.

        The second answer is what could not be found out, with the reason. With `all_read`, this reading has shown every
        profile; otherwise the destination says which others had the same identifier, and they are looked up.
        """
        sharing = {external_id: set(ids) for external_id, ids in self._of.items()}
        if not all_read:
            for version in self._standing.sharing(list(sharing)):
                if version.trait_hash is not None and version.external_id in sharing:
                    sharing[version.external_id].add(version.profile_id)
        rows: list[Object] = []
        undecided: dict[str, str] = {}
        for external_id, ids in sharing.items():
            candidates = ids - set(gone)
            try:
                pair = {key for key in candidates if self._has(key, external_id, among=candidates)}
                if len(pair) < 2 or self._known(pair):
                    continue
                answer = self._ask_user(external_id)
            except PUT_ASIDE as error:
                undecided |= dict.fromkeys(candidates, str(error))
                continue
            if answer is None or answer.value["id"] not in pair:
                continue
            target = str(answer.value["id"])
            known = self._standing.merges(sorted(pair))
            rows += [
                merge_row(profile_id, target, external_id, at)
                for profile_id in sorted(pair - {target})
                if known.get(profile_id) != target
            ]
        return rows, undecided

    def _has(self, profile_id: str, external_id: str, *, among: Collection[str]) -> bool:
        """Whether a profile has an external identifier now; one that this reading has not shown is looked up."""
        if len(among) < 2:
            return True
        if profile_id not in self._now:
            answer = self._ask(profile_id)
            self._now[profile_id] = None if answer is None else answer.value.get("externalId")
        return self._now[profile_id] == external_id

    def _known(self, pair: Collection[str]) -> bool:
        """Whether all but one of them are known to have been merged into that one."""
        known = self._standing.merges(sorted(pair))
        targets = {known.get(profile_id) for profile_id in pair if known.get(profile_id) in pair}
        return len(targets) == 1 and all(known.get(key) in targets for key in pair if key not in targets)
