"""What a world is: customers and their history, as the platform would know them at a given clock.

A world is immutable and seeded: the same name and seed give the same bytes. Instants are whole milliseconds since
1970 in UTC, as in the API's own timestamps. The server decides what is visible: an event once it is received, a
profile from its creation until it vanishes.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Millis = int
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProfileKey:
    """The identifiers of one profile and the span of time in which it exists: `[created, vanished)`.

    A profile that comes back after it vanished is another one, later in time, with the same `id`; no two of one `id`
    exist at once. Two may share an `external_id`, as long as they are not merged.
    """

    id: str
    external_id: str
    email: str | None
    created: Millis
    vanished: Millis | None = None


class World(Protocol):
    """A history to be served.

    The arrays have one element an event and are sorted by `event_time`; position in them is an event's index.
    An event that the feed delivered twice stands there twice: the same identifier and body but for a later
    `receivedTime`.
    """

    name: str
    client_id: str
    account_id: str
    brand_id: str
    opens_at: Millis
    """The clock at which the sandbox starts."""
    ends_at: Millis
    """The clock from which everything has been revealed."""

    event_time: npt.NDArray[np.int64]
    received_time: npt.NDArray[np.int64]
    action: npt.NDArray[np.int16]
    """Index into `actions`."""
    actions: list[str]
    profile: npt.NDArray[np.int32]
    """Index into `profiles`; -1 for an event of nobody known."""
    profiles: list[ProfileKey]

    def event_id(self, index: int) -> str: ...

    def event_body(self, index: int) -> bytes:
        """The event as `/v1/events` shows it: a JSON object, without the keys that only a profile's route adds."""
        ...

    def traits(self, profile: int, clock: Millis) -> Json:
        """The traits set by `clock`, without `id`, `externalId`, `email` and computed traits."""
        ...

    def computed(self, profile: int, clock: Millis) -> Json:
        """The computed traits at `clock`; they change without an event."""
        ...

    def provenance(self, profile: int) -> Json:
        """What only metadata shows: `createdBy`, `audiencesStatic`, `_subscriptionId`."""
        ...
