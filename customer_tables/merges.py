"""Which profile became which: chains of merges followed to their end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """A profile was found merged into another."""

    profile_id: str
    merged_into: str
    detected_at: datetime


def settled(merges: Iterable[Merge]) -> Iterator[Merge]:
    """Each merged profile with the one that it is now, and when the last merge on the way there was found.

    A profile that is merged twice goes with the later one. Where two were merged in a circle, the later merge holds:
    what others are merged into is there again.
    """
    step: dict[str, tuple[str, datetime]] = {}
    for merge in sorted(merges, key=lambda found: (found.detected_at, found.profile_id, found.merged_into)):
        before = step.get(merge.profile_id)
        if merge.profile_id == merge.merged_into or (before is not None and before[0] == merge.merged_into):
            continue
        if merge.profile_id in _path(step, merge.merged_into):
            del step[merge.merged_into]
        step[merge.profile_id] = merge.merged_into, merge.detected_at
    for profile_id in step:
        path = list(_path(step, profile_id))
        yield Merge(profile_id, path[-1], max(step[passed][1] for passed in (profile_id, *path[:-1])))


def _path(step: Mapping[str, tuple[str, datetime]], profile_id: str) -> Iterator[str]:
    """Where a profile's merges lead, one after the other."""
    while profile_id in step:
        profile_id = step[profile_id][0]
        yield profile_id
