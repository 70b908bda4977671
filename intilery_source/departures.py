"""Profiles that are no longer there: deleted, or merged into another.

Nothing is deleted on the word of one source alone: a complete list must lack the profile, and its look-ups must
answer that there is none (DESIGN.md, "How profiles are read").
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cdp_client import ExtractorError
from intilery_source import history
from intilery_source.lookups import PUT_ASIDE
from intilery_source.profile_rows import Object
from intilery_source.standing import Standing, Version
from intilery_source.types import ProfileAnswer

AskUser = Callable[[str], ProfileAnswer | None]


class FuseError(ExtractorError):
    """More profiles are missing from the list than may be deleted in one run."""


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
    """Refuse to take so many profiles for deleted.

    Raises:
        FuseError: they are more than that share of those known.
    """
    if missing > max_delete_share * known:
        raise FuseError(
            f"The list of profiles lacks {missing:,} of {known:,} profiles, more than max_delete_share "
            f"({max_delete_share:.0%}) allows to delete in one run: none was deleted. If they are really gone, run "
            f"once with max_delete_share = {missing / known + 0.005:.2f}."
        )


def depart(
    ids: Iterable[str],
    versions: Mapping[str, Version],
    standing: Standing,
    ask_user: AskUser,
    at: datetime,
    *,
    listed: bool,
) -> Departed:
    """Find out where profiles went whose look-ups say that there are none.

    A profile whose `externalId` another one answers for was merged into it. Any other was deleted if `listed` says that
    a complete list lacked it too, and may be back later if not.
    """
    found = Departed()
    merged_before = standing.merges(list(ids))
    for profile_id in ids:
        last = versions.get(profile_id)
        try:
            target = _target(profile_id, last, ask_user)
        except PUT_ASIDE as error:
            found.undecided[profile_id] = str(error)
            continue
        if target is not None:
            if merged_before.get(profile_id) != target:
                found.merges.append(merge_row(profile_id, target, last.external_id if last else None, at))
        elif not listed:
            continue
        elif last is None or last.trait_hash is not None:  # else it was found before, by a load of some tables only
            found.deletions.append({"profile_id": profile_id, "detected_at": at})
        found.gone.append(profile_id)
        row = None if last is None else history.ended(profile_id, at, last)
        if row is not None:
            found.ended.append(row)
    return found


def _target(profile_id: str, last: Version | None, ask_user: AskUser) -> str | None:
    """The profile that has the external identifier of one that is gone."""
    if last is None or last.external_id is None:
        return None
    answer = ask_user(last.external_id)
    return None if answer is None or answer.value.get("id") == profile_id else str(answer.value["id"])


def merge_row(profile_id: str, target: str, external_id: str | None, at: datetime) -> Object:
    return {"profile_id": profile_id, "detected_at": at, "merged_into": target, "external_id": external_id}


class SharedIdentifiers:
    """Finds profiles that exist side by side with one `externalId`: the one that answers for it is what they became."""

    def __init__(self, standing: Standing, ask_user: AskUser) -> None:
        self._standing = standing
        self._ask_user = ask_user
        self._new: dict[str, list[str]] = {}

    def add(self, profile_id: str, external_id: str) -> None:
        """Note a profile that has this external identifier now, and had another one or none when last seen."""
        self._new.setdefault(external_id, []).append(profile_id)

    def merges(self, gone: Iterable[str], at: datetime) -> tuple[list[Object], dict[str, str]]:
        """Rows of `profile_merges`, of merges not known yet; and what could not be found out, with the reason."""
        sharing = {external_id: set(ids) for external_id, ids in self._new.items()}
        for version in self._standing.sharing(list(sharing)):
            if version.trait_hash is not None and version.external_id in sharing:
                sharing[version.external_id].add(version.profile_id)
        shared = {external_id: ids - set(gone) for external_id, ids in sharing.items()}
        rows: list[Object] = []
        undecided: dict[str, str] = {}
        for external_id, ids in shared.items():
            if len(ids) < 2:
                continue
            try:
                answer = self._ask_user(external_id)
            except PUT_ASIDE as error:
                undecided |= dict.fromkeys(ids, str(error))
                continue
            target = None if answer is None else str(answer.value["id"])
            known = self._standing.merges(sorted(ids))
            rows += [
                merge_row(profile_id, target, external_id, at)
                for profile_id in sorted(ids - {target})
                if target is not None and known.get(profile_id) != target
            ]
        return rows, undecided
