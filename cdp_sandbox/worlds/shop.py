"""The shop: a small, seeded, synthetic retailer with all that goes wrong in a real feed, each to a known share."""

import json

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import Json, Millis, World
from cdp_sandbox.worlds import shop_oddities
from cdp_sandbox.worlds.identifiers import draw_identifiers, identifier_text
from cdp_sandbox.worlds.order_ledger import OrderLedger
from cdp_sandbox.worlds.provenance import board, provenance
from cdp_sandbox.worlds.shop_behaviour import IDENTIFY, ORDER, SIGN_UP, happenings
from cdp_sandbox.worlds.shop_bodies import ACCOUNT_ID, ACTIONS, BRAND_ID, CLIENT_ID, ShopBodies
from cdp_sandbox.worlds.shop_calendar import ENDS_AT, FAX_REMOVED_AT, OPENS_AT
from cdp_sandbox.worlds.shop_catalogue import CATALOGUE, CATEGORIES
from cdp_sandbox.worlds.shop_customers import draw_customers
from cdp_sandbox.worlds.shop_mess import Feed, disturb
from cdp_sandbox.worlds.shop_traits import changed_traits, draw_trait_changes


class Shop(World):
    """A `World` of `customers` customers, 120 days of history and a month to come.

    `hidden_churn_time` has one instant a profile, `NEVER` for those who stay: from then on the customer puts nothing
    into a basket and orders nothing, though visits and opened mails go on at a lower rate. It is in no event and no
    trait: what a churn model is to find out.

    `mess` has the positions of the events of every kind of mess, by the names in `shop_mess.SHARES` and
    `shop_oddities.SHARES`; a double is listed under `doubled` only.
    """

    def __init__(self, seed: int, customers: int = 400) -> None:
        self.name = "shop"
        self.client_id, self.account_id, self.brand_id = CLIENT_ID, ACCOUNT_ID, BRAND_ID
        self.opens_at: Millis = OPENS_AT
        self.ends_at: Millis = ENDS_AT
        self._customers = draw_customers(seed, customers)
        self._changes = draw_trait_changes(seed, self._customers)
        self._happenings = happenings(seed, self._customers, self._changes)
        feed = disturb(seed, self._customers, self._happenings)
        rng = np.random.default_rng([seed, 5])
        self._ids = draw_identifiers(rng, len(self._happenings.kind))
        seeds: list[int] = rng.integers(0, 2**40, size=customers).tolist()
        self._bodies = ShopBodies(self._customers, self._changes, self._happenings, self._ids, seeds)
        self._row = feed.row
        self.profiles = self._customers.keys
        self.hidden_churn_time: npt.NDArray[np.int64] = self._customers.hidden_churn_time
        self.event_time: npt.NDArray[np.int64] = feed.event_time
        self.received_time: npt.NDArray[np.int64] = feed.received_time
        self.profile: npt.NDArray[np.int32] = feed.profile
        self.actions = ACTIONS
        self.action: npt.NDArray[np.int16] = self._happenings.kind[feed.row].astype(np.int16)
        self.mess = feed.marks | self._choose_oddities(rng, feed)
        self._identifies = self._received_identifies()
        self._ledger = self._order_ledger(feed)

    def _choose_oddities(self, rng: np.random.Generator, feed: Feed) -> dict[str, npt.NDArray[np.int64]]:
        """Choose which happenings have an odd body; the answer names positions, doubles left out."""
        once = feed.first_deliveries()
        with_digits = np.array([key.external_id.isdecimal() for key in self.profiles], dtype=np.bool_)
        numbered = once[(feed.profile[once] >= 0) & with_digits[feed.profile[once]]]
        chosen = shop_oddities.choose(rng, once, numbered)
        self._oddity = {int(feed.row[at]): name for name, positions in chosen.items() for at in positions.tolist()}
        self._without_millis = frozenset(feed.row[feed.marks["whole_second"]].tolist())
        return chosen

    def _received_identifies(self) -> list[list[tuple[Millis, int]]]:
        """For each profile when which trait change was first received, in order."""
        found: list[list[tuple[Millis, int]]] = [[] for _ in self.profiles]
        at = np.flatnonzero(self.action == IDENTIFY)
        reference = self._happenings.reference[self._row[at]]
        changes = reference != SIGN_UP
        at, reference = at[changes], reference[changes]
        columns = (self.profile[at], self.received_time[at], reference)
        for profile, received, change in zip(*(column.tolist() for column in columns), strict=True):
            found[profile].append((received, change))
        for of_one in found:
            of_one.sort()
        return found

    def _order_ledger(self, feed: Feed) -> OrderLedger:
        """The orders as first received; an order counts for the category of its first product."""
        once = feed.first_deliveries()
        at = once[self.action[once] == ORDER]
        visit = self._happenings.reference[feed.row[at]]
        first_product = self._happenings.reference[self._happenings.basket_start[visit]]
        category_of = np.array([CATEGORIES.index(product.category) for product in CATALOGUE], dtype=np.int64)
        return OrderLedger(
            self.profiles,
            CATEGORIES,
            profile=self.profile[at],
            event_time=self.event_time[at],
            received_time=self.received_time[at],
            cents=self._happenings.basket_cents()[visit],
            category=category_of[first_product],
        )

    def event_id(self, index: int) -> str:
        return identifier_text(self._ids, int(self._row[index]))

    def event_body(self, index: int) -> bytes:
        row = int(self._row[index])
        body = self._bodies.build(
            row, int(self.event_time[index]), int(self.received_time[index]), int(self.profile[index])
        )
        if row in self._without_millis:
            body["eventTime"] = body["eventTime"].replace(".000Z", "Z")
        oddity = self._oddity.get(row)
        if oddity is not None:
            shop_oddities.apply(oddity, body)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return (shop_oddities.spell_floats(text) if oddity == "float_spellings" else text).encode()

    def traits(self, profile: int, clock: Millis) -> Json:
        found = self._bodies.starting_traits(profile)
        for received, change in self._identifies[profile]:
            if received > clock:
                break
            found |= changed_traits(self._changes, change)
        if clock >= FAX_REMOVED_AT:
            found.pop("faxNumber", None)
        return found

    def computed(self, profile: int, clock: Millis) -> Json:
        return self._ledger.computed(profile, clock)

    def provenance(self, profile: int) -> Json:
        if not self._customers.imported[profile]:
            return provenance(self, profile, board(profile), type="event")
        return provenance(self, profile, board(profile), type="audience-csv", filename="customers – aug.csv")
