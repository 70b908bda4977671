"""Versions of a profile's traits: a row of `profile_trait_history` for every real change."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from intilery_source import instants
from intilery_source.profile_rows import Object, storable
from intilery_source.standing import Version
from intilery_source.types import ProfileAnswer

_NEXT = timedelta(microseconds=1)


class History:
    """Tells real changes from a changed order of keys and from volatile traits.

    `volatile` are globs of traits, whose path is the keys joined by dots (`lastSeenTime`, `computed.*`).
    """

    def __init__(self, volatile: Sequence[str]) -> None:
        self._volatile = tuple(volatile)

    def version(self, profile_id: str, answer: ProfileAnswer, last: Version | None) -> Object | None:
        """The row of a new version, None where nothing has really changed since the last one."""
        traits = storable(answer.value)
        trait_hash = self.hash_of(traits)
        if last is not None and last.trait_hash == trait_hash:
            return None
        external_id = traits.get("externalId")
        return {
            "profile_id": profile_id,
            "observed_at": observed_at(instants.to_datetime(answer.at), last),
            "external_id": external_id if isinstance(external_id, str) else None,
            "trait_hash": trait_hash,
            "traits": canonical(traits),
        }

    def hash_of(self, traits: Object) -> str:
        """What is equal for equal traits, whatever the order of their keys and the values of volatile ones."""
        stable = _without(traits, self._volatile, "") if self._volatile else traits
        return hashlib.sha256(canonical(stable).encode()).hexdigest()[:32]


def ended(profile_id: str, at: datetime, last: Version) -> Object | None:
    """The row that says that a profile is gone, None where the last version says so."""
    if last.trait_hash is None:
        return None
    row = {"profile_id": profile_id, "observed_at": observed_at(at, last), "external_id": last.external_id}
    return row | {"trait_hash": None, "traits": None}


def observed_at(at: datetime, last: Version | None) -> datetime:
    """When a version was observed: after the one before it, though the platform's clock shows whole seconds."""
    return at if last is None else max(at, last.observed_at + _NEXT)


def canonical(value: Any) -> str:
    """One JSON text for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _without(value: Any, volatile: tuple[str, ...], path: str) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, inner in value.items():
        place = f"{path}{key}"
        if not any(fnmatchcase(place, pattern) for pattern in volatile):
            kept[key] = _without(inner, volatile, f"{place}.")
    return kept
