"""The people: profiles that change, merge, vanish and come back in the course of a month of daily loads."""

import json

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import Json, Millis, World
from cdp_sandbox.worlds import people_bodies, people_traits
from cdp_sandbox.worlds.identifiers import draw_identifiers, identifier_text
from cdp_sandbox.worlds.order_ledger import OrderLedger
from cdp_sandbox.worlds.people_calendar import ENDS_AT, OPENS_AT
from cdp_sandbox.worlds.people_changes import KINDS, draw_changes
from cdp_sandbox.worlds.people_feed import IDENTIFY, ORDER, SIGN_UP, draw_feed
from cdp_sandbox.worlds.people_lives import draw_lives
from cdp_sandbox.worlds.provenance import board, provenance
from cdp_sandbox.worlds.shop_catalogue import CATEGORIES


class People(World):
    """A `World` of `people` persons, 180 days of history and 30 days to come.

    A person who comes back is another profile, later in time, with the same `id`: a new life, of which the routes and
    the metadata show only what happened in it. The account's events keep those of all lives.

    `lives` and `changes` have what was drawn: who is deleted, comes back or is merged, and the profile and instant of
    each change by kind (`people_changes.KINDS`); `late` are the positions of late events.
    """

    def __init__(self, seed: int, people: int = 200) -> None:
        self.name = f"people:{people}"
        self.client_id = people_bodies.CLIENT_ID
        self.account_id, self.brand_id = people_bodies.ACCOUNT_ID, people_bodies.BRAND_ID
        self.opens_at: Millis = OPENS_AT
        self.ends_at: Millis = ENDS_AT
        self.lives = draw_lives(seed, people)
        self.profiles = self.lives.keys
        changes = draw_changes(seed, self.lives)
        feed = draw_feed(seed, self.lives, changes)
        self.event_time: npt.NDArray[np.int64] = feed.event_time
        self.received_time: npt.NDArray[np.int64] = feed.received_time
        self.action: npt.NDArray[np.int16] = feed.kind
        self.actions = people_bodies.ACTIONS
        self.profile: npt.NDArray[np.int32] = feed.profile
        self.late = feed.late
        self._reference = feed.reference
        rng = np.random.default_rng([seed, 34])
        self._ids = draw_identifiers(rng, len(feed.kind))
        self._values: list[int] = rng.integers(0, 2**40, size=len(self.profiles)).tolist()
        self._change_rows = list(zip(changes.kind.tolist(), changes.value.tolist(), changes.time.tolist(), strict=True))
        self._first_change: list[int] = np.searchsorted(changes.profile, np.arange(len(self.profiles) + 1)).tolist()
        self.changes = {
            name: list(zip(changes.profile[at].tolist(), changes.time[at].tolist(), strict=True))
            for name, at in ((name, np.flatnonzero(changes.kind == number)) for number, name in enumerate(KINDS))
        }
        self._ledger = self._order_ledger()

    def _order_ledger(self) -> OrderLedger:
        at = np.flatnonzero(self.action == ORDER)
        baskets = [people_bodies.ordered(reference) for reference in self._reference[at].tolist()]
        return OrderLedger(
            self.profiles,
            CATEGORIES,
            profile=self.profile[at],
            event_time=self.event_time[at],
            received_time=self.received_time[at],
            cents=np.array([product.cents * quantity for product, quantity in baskets], dtype=np.int64),
            category=np.array([CATEGORIES.index(product.category) for product, _ in baskets], dtype=np.int64),
        )

    def event_id(self, index: int) -> str:
        return identifier_text(self._ids, index)

    def event_body(self, index: int) -> bytes:
        kind, profile, reference = int(self.action[index]), int(self.profile[index]), int(self._reference[index])
        found = people_bodies.body(
            self.event_id(index),
            kind,
            (int(self.event_time[index]), int(self.received_time[index])),
            self.profiles[profile] if profile >= 0 else None,
            reference,
            self._identified(profile, reference) if kind == IDENTIFY else None,
        )
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()

    def traits(self, profile: int, clock: Millis) -> Json:
        return self._replay(profile, clock)[0]

    def computed(self, profile: int, clock: Millis) -> Json:
        return self._ledger.computed(profile, clock)

    def provenance(self, profile: int) -> Json:
        told = bool(self.lives.signs_up[profile])
        return provenance(self, profile, board(profile), type="event" if told else "audience-csv")

    def _replay(self, profile: int, clock: Millis) -> tuple[Json, Json]:
        """The traits at a clock, and what the latest change had set."""
        found = people_traits.initial_traits(self._values[profile], collides=profile % 20 == 11)
        set_last: Json = {}
        for kind, value, time in self._change_rows[self._first_change[profile] : self._first_change[profile + 1]]:
            if time > clock:
                break
            set_last = people_traits.change(found, kind, value, time)
        return found, set_last

    def _identified(self, profile: int, reference: int) -> Json:
        """What an `identify` sets: all that a life begins with, or what a trait change brings."""
        if reference != SIGN_UP:
            return self._replay(profile, self._change_rows[reference][2])[1]
        key = self.profiles[profile]
        return self.traits(profile, key.created) | ({} if key.email is None else {"email": key.email})
