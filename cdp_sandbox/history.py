"""The account's history: the world's, and what was written since the reset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdp_sandbox.catalogue import NEVER, Catalogue
from cdp_sandbox.timeline import Positions, Search, Timeline
from cdp_sandbox.world import Json, Millis, ProfileKey

IDENTIFIERS = ("id", "externalId", "email")


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """An event that came through `identify`, `track` or `page`; `profile` is -1 when nobody is known."""

    event_id: str
    event_time: Millis
    received_time: Millis
    action: str
    profile: int
    body: bytes


class History:
    """Events and profiles by position: the world's first, then the written ones in the order of writing."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.world = catalogue.world
        self.actions: list[str] = list(self.world.actions)
        self._written: list[WrittenEvent] = []
        self._written_by_profile: dict[int, list[int]] = {}
        self._written_timelines: dict[str, Timeline] = {}
        self._created: list[ProfileKey] = []
        self._patches: dict[int, list[tuple[Millis, Json]]] = {}
        self._written_identifiers: dict[tuple[str, str], list[int]] = {}
        self._existing: tuple[Millis, int, Sequence[int]] = (0, -1, ())

    # Events

    @property
    def event_count(self) -> int:
        """How many events there are, received or not, copies included."""
        return len(self.world.event_time) + len(self._written)

    def add_event(self, event: WrittenEvent) -> None:
        """Append an event."""
        if event.action not in self.actions:
            self.actions.append(event.action)
        position = self.event_count
        self._written.append(event)
        self._written_by_profile.setdefault(event.profile, []).append(position)
        self._written_timelines.clear()

    def event_id(self, position: int) -> str:
        """The `eventId` at a position."""
        offset = position - len(self.world.event_time)
        return self.world.event_id(position) if offset < 0 else self._written[offset].event_id

    def event_body(self, position: int) -> bytes:
        """The event at a position as `/v1/events` shows it."""
        offset = position - len(self.world.event_time)
        return self.world.event_body(position) if offset < 0 else self._written[offset].body

    def event_times(self, position: int) -> tuple[Millis, Millis]:
        """`eventTime` and `receivedTime` at a position."""
        offset = position - len(self.world.event_time)
        if offset < 0:
            return int(self.world.event_time[position]), int(self.world.received_time[position])
        return self._written[offset].event_time, self._written[offset].received_time

    def action_of(self, position: int) -> str:
        """The `eventAction` at a position."""
        offset = position - len(self.world.event_time)
        return self.actions[self.world.action[position]] if offset < 0 else self._written[offset].action

    def search(self, search: Search, key: str) -> tuple[Positions, Positions]:
        """Find events of the account by `eventTime` or `receivedTime`: positions and keys, in the asked direction.

        There may be more than were needed.
        """
        whole = self.catalogue.by_event_time if key == "eventTime" else self.catalogue.by_received_time
        positions, keys = whole.search(search)
        if not self._written:
            return positions, keys
        more, more_keys = self._written_timeline(key).search(search)
        if not len(more):
            return positions, keys
        positions = np.concatenate((positions, more + len(self.world.event_time)))
        keys = np.concatenate((keys, more_keys))
        order = np.argsort(-keys if search.descending else keys, kind="stable")
        return positions[order], keys[order]

    def events_of(self, profile: int) -> list[int]:
        """Positions of a profile's events, received or not, in no promised order; those of an earlier life are not its.

        An earlier life is another profile with the same `id`: it took its events with it, but for the account's list.
        """
        of_world = self.catalogue.events_of(profile).tolist() if profile < len(self.world.profiles) else []
        return [*of_world, *self._written_by_profile.get(profile, [])]

    def _written_timeline(self, key: str) -> Timeline:
        timeline = self._written_timelines.get(key)
        if timeline is None:
            received = np.array([event.received_time for event in self._written], dtype=np.int64)
            happened = np.array([event.event_time for event in self._written], dtype=np.int64)
            numbers = {name: number for number, name in enumerate(self.actions)}
            action = np.array([numbers[event.action] for event in self._written], dtype=np.int16)
            keys = happened if key == "eventTime" else received
            order = np.argsort(keys, kind="stable").astype(np.int64, copy=False)
            timeline = Timeline(keys[order], received[order], action[order], order)
            self._written_timelines[key] = timeline
        return timeline

    # Profiles

    @property
    def profile_count(self) -> int:
        """How many profiles there are, existing at the clock or not."""
        return len(self.world.profiles) + len(self._created)

    def add_profile(self, key: ProfileKey) -> int:
        """Append a profile and return its position."""
        self._created.append(key)
        profile = self.profile_count - 1
        for id_type, value in (("id", key.id), ("userId", key.external_id)):
            self._written_identifiers.setdefault((id_type, value), []).append(profile)
        return profile

    def add_traits(self, profile: int, clock: Millis, traits: Json) -> None:
        """Set traits of a profile from `clock` on; they win over the world's."""
        self._patches.setdefault(profile, []).append((clock, traits))
        if "email" in traits:
            self._written_identifiers.setdefault(("email", str(traits["email"])), []).append(profile)

    def key_of(self, profile: int) -> ProfileKey:
        """The identifiers of a profile as they were at its creation."""
        offset = profile - len(self.world.profiles)
        return self.world.profiles[profile] if offset < 0 else self._created[offset]

    def exists(self, profile: int, clock: Millis) -> bool:
        """Whether a profile exists at the clock: `created <= clock < vanished`."""
        return self.key_of(profile).created <= clock < self._vanishes(profile)

    def existing(self, clock: Millis) -> Sequence[int]:
        """Positions of all profiles that exist at the clock."""
        if self._existing[:2] != (clock, self.profile_count):
            there = (self.catalogue.created <= clock) & (clock < self.catalogue.vanished)
            written = range(len(self.world.profiles), self.profile_count)
            found = [*np.flatnonzero(there).tolist(), *(number for number in written if self.exists(number, clock))]
            self._existing = (clock, self.profile_count, found)
        return self._existing[2]

    def identifiers(self, profile: int, clock: Millis) -> dict[str, str]:
        """`id`, `externalId` and, when there is one, `email` at the clock."""
        key = self.key_of(profile)
        found = {"id": key.id, "externalId": key.external_id}
        email = self._patched(profile, clock).get("email", key.email)
        return found if email is None else {**found, "email": str(email)}

    def traits(self, profile: int, clock: Millis) -> Json:
        """The traits set by `clock`, identifiers left out."""
        base = self.world.traits(profile, clock) if profile < len(self.world.profiles) else {}
        merged = {**base, **self._patched(profile, clock)}
        return {name: value for name, value in merged.items() if name not in IDENTIFIERS}

    def computed(self, profile: int, clock: Millis) -> Json:
        """The computed traits at the clock; a written profile has none."""
        return self.world.computed(profile, clock) if profile < len(self.world.profiles) else {}

    def provenance(self, profile: int) -> Json:
        """What only metadata shows."""
        if profile < len(self.world.profiles):
            return self.world.provenance(profile)
        return {"createdBy": {"type": "api"}, "audiencesStatic": []}

    def lookup(self, id_type: str, value: str, clock: Millis) -> list[int]:
        """Profiles that exist at the clock with this `userId`, `email` or `id`, compared letter by letter.

        Of several with one `userId` the one that exists longest is first: it survives a merge.
        """
        index = {
            "id": self.catalogue.profiles_by_id,
            "userId": self.catalogue.profiles_by_external_id,
            "email": self.catalogue.profiles_by_email,
        }[id_type]
        found = {*index.get(value, ()), *self._written_identifiers.get((id_type, value), ())}
        if id_type == "email":
            found = {number for number in found if self.identifiers(number, clock).get("email") == value}
        there = sorted(number for number in found if self.exists(number, clock))
        return sorted(there, key=self._vanishes, reverse=True) if id_type == "userId" else there

    def _vanishes(self, profile: int) -> Millis:
        vanished = self.key_of(profile).vanished
        return NEVER if vanished is None else vanished

    def _patched(self, profile: int, clock: Millis) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for since, traits in self._patches.get(profile, ()):
            if since <= clock:
                merged.update(traits)
        return merged
