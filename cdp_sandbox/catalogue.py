"""What the server must look up in a world, computed once a world and kept."""

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from cdp_sandbox.timeline import Positions, Timeline
from cdp_sandbox.world import World
from cdp_sandbox.worlds import load_world

NEVER = np.iinfo(np.int64).max


class Catalogue:
    """A world and its indexes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.created = np.array([key.created for key in world.profiles], dtype=np.int64)
        self.vanished = np.array(
            [NEVER if key.vanished is None else key.vanished for key in world.profiles], dtype=np.int64
        )

    @cached_property
    def by_event_time(self) -> Timeline:
        """All events by `eventTime`."""
        return Timeline(self.world.event_time, self.world.received_time, self.world.action)

    @cached_property
    def by_received_time(self) -> Timeline:
        """All events by `receivedTime`."""
        order = np.argsort(self.world.received_time, kind="stable").astype(np.int64, copy=False)
        received = self.world.received_time[order]
        return Timeline(received, received, self.world.action[order], order)

    @cached_property
    def profiles_by_id(self) -> dict[str, list[int]]:
        """Profiles by the platform's identifier."""
        return self._grouped([key.id for key in self.world.profiles])

    @cached_property
    def profiles_by_external_id(self) -> dict[str, list[int]]:
        """Profiles by `userId`, which the platform stores as external id."""
        return self._grouped([key.external_id for key in self.world.profiles])

    @cached_property
    def profiles_by_email(self) -> dict[str, list[int]]:
        """Profiles by e-mail, which several may share."""
        return self._grouped([key.email for key in self.world.profiles])

    def events_of(self, profile: int) -> Positions:
        """Positions of one profile's events, by `eventTime`."""
        order, offsets = self._by_profile
        return order[offsets[profile] : offsets[profile + 1]]

    @cached_property
    def _by_profile(self) -> tuple[Positions, npt.NDArray[np.int64]]:
        order = np.argsort(self.world.profile, kind="stable").astype(np.int64, copy=False)
        numbers = np.arange(len(self.world.profiles) + 1)
        return order, np.searchsorted(self.world.profile[order], numbers).astype(np.int64, copy=False)

    @staticmethod
    def _grouped(values: list[str] | list[str | None]) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            if value is not None:
                groups.setdefault(value, []).append(index)
        return groups


@lru_cache(maxsize=8)
def load_catalogue(spec: str, seed: int) -> Catalogue:
    """Load a world once for all resets; raises ValueError for an unknown spec."""
    return Catalogue(load_world(spec, seed))
