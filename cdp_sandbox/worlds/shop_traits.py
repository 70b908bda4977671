"""The shop's traits: what a customer starts with, and the changes that `identify` events bring, drifting types and all.

Changes of one customer are at least three days apart, and none is received more than three days late: the order of
happening and the order of receiving are the same, so that either way of replaying them gives the same traits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import Json, Millis
from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.shop_calendar import (
    ENDS_AT,
    FAX_REMOVED_AT,
    HISTORY_STARTS,
    PLAN_BECOMES_OBJECT,
    POINTS_BECOME_NULL,
    POINTS_BECOME_TEXT,
    SURVEY_STARTS,
)
from cdp_sandbox.worlds.shop_catalogue import CATEGORIES
from cdp_sandbox.worlds.shop_customers import Customers

POINTS, PLAN, ADDRESS, CONSENT = range(4)
_KIND_SHARES = [0.45, 0.2, 0.2, 0.15]
_SPACING = 4 * DAY
_CHANCE_OF_CHANGE = 0.16

_TITLES = ["Ms", "Mr", "Mx", "Dr"]
_PLANS = ["bronze", "silver", "gold"]
_TOWNS = ["Chester", "Łódź", "Saint-Étienne", "São Paulo", "King's Lynn", "東京"]
_CHANNELS = ["email", "sms", "whatsapp", "facebook", "push"]
_LONG_BIOGRAPHY = "Collects teapots — “all of them”. " * 250
_BEYOND_DOUBLE = 2**53 + 1


@dataclass(frozen=True, slots=True)
class TraitChanges:
    """One element a change, sorted by customer and time; `value` seeds what is set."""

    profile: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.int64]
    mail_consent: npt.NDArray[np.bool_]
    """Whether the customer takes e-mail after the change."""
    mail_consent_at_start: npt.NDArray[np.bool_]
    """One element a customer."""

    def takes_mail(self, instant: Millis) -> npt.NDArray[np.bool_]:
        """Who takes e-mail at an instant: one element a customer."""
        withdrawn_or_given = self.profile[(self.kind == CONSENT) & (self.time <= instant)]
        turns = np.bincount(withdrawn_or_given, minlength=len(self.mail_consent_at_start))
        taking: npt.NDArray[np.bool_] = self.mail_consent_at_start ^ (turns % 2 == 1)
        return taking


def draw_trait_changes(seed: int, customers: Customers) -> TraitChanges:
    """Draw when and what each customer's traits change to, about every 25 days, from four days after sign-up."""
    rng = np.random.default_rng([seed, 2])
    count = len(customers.keys)
    slots = int((ENDS_AT - HISTORY_STARTS) // _SPACING)
    times = (
        HISTORY_STARTS
        + _SPACING * np.arange(slots, dtype=np.int64)
        + rng.integers(0, _SPACING, size=(count, 1))
        + rng.integers(0, _SPACING - 3 * DAY, size=(count, slots))
    )
    chosen = rng.random((count, slots)) < _CHANCE_OF_CHANGE
    chosen &= (times > customers.signed_up[:, None] + _SPACING) & (times < ENDS_AT)
    kinds = rng.choice(len(_KIND_SHARES), p=_KIND_SHARES, size=(count, slots)).astype(np.int8)
    values = rng.integers(0, 2**40, size=(count, slots))
    at_start = rng.random(count) < 0.8
    at_start &= np.array([key.email is not None for key in customers.keys], dtype=np.bool_)
    turns = np.cumsum(chosen & (kinds == CONSENT), axis=1) % 2 == 1
    consent = at_start[:, None] ^ turns
    profile, slot = np.nonzero(chosen)
    return TraitChanges(
        profile=profile.astype(np.int32),
        time=times[profile, slot],
        kind=kinds[profile, slot],
        value=values[profile, slot],
        mail_consent=consent[profile, slot],
        mail_consent_at_start=at_start,
    )


def _preferences(mail: bool, value: int) -> Json:
    subscribed = [mail, *(bool(value >> bit & 1) for bit in range(4))]
    return {
        "channels": [
            {"channel": channel, "subscribed": state} for channel, state in zip(_CHANNELS, subscribed, strict=True)
        ]
    }


def _address(value: int) -> Json:
    return {
        "houseNumberOrName": str(1 + value % 200),
        "addressLine1": "A Road",
        "addressLine2": _TOWNS[value % len(_TOWNS)],
        "addressLine3": None,
        "postalCode": f"CH{value % 9 + 1}ABC",
        "geo": {"lat": round(50 + value % 9000 / 1000, 3), "lon": -2.0},
    }


def initial_traits(customers: Customers, changes: TraitChanges, profile: int, value: int) -> Json:
    """What the customer is created with; `value` seeds what nothing else decides."""
    key = customers.keys[profile]
    traits: Json = {
        "clientReference": key.external_id,
        "title": _TITLES[value % len(_TITLES)],
        "firstName": customers.first_names[profile],
        "lastName": customers.last_names[profile],
        "phone": f"+44113496{value % 10000:04d}",
        "address": _address(value),
        "marketingPreferences": _preferences(bool(changes.mail_consent_at_start[profile]), value),
        "loyaltyPoints": value % 5000,
        "plan": _PLANS[value % len(_PLANS)],
        "favourite colour": ["red", "bleu foncé", "Grün"][value % 3],
        "interests": [CATEGORIES[value % 8], CATEGORIES[value // 8 % 8]] if value % 5 else [],
        "settings": {"theme": "dark", "alerts": {}} if value % 3 else {},
        "householdSize": float(1 + value % 5),
        "creditLimit": 1e16 if value % 10 == 0 else 1e3,
        "legacyNumber": _BEYOND_DOUBLE + value,
        "referredBy": None if value % 4 else f"cust-{value % 97:05d}",
    }
    if key.created < FAX_REMOVED_AT:
        traits["faxNumber"] = f"+44113497{value % 10000:04d}"
    if profile % 20 == 6:
        traits["biography"] = _LONG_BIOGRAPHY
    return traits


def changed_traits(changes: TraitChanges, change: int) -> Json:
    """What a change sets, as its `identify` event carries it."""
    time, value = int(changes.time[change]), int(changes.value[change])
    kind = int(changes.kind[change])
    set_now: Json
    if kind == CONSENT:
        set_now = {"marketingPreferences": _preferences(bool(changes.mail_consent[change]), value)}
    elif kind == ADDRESS:
        set_now = {"address": _address(value)}
    elif kind == PLAN:
        name, tier = _PLANS[value % len(_PLANS)], value % len(_PLANS)
        set_now = {"plan": name if time < PLAN_BECOMES_OBJECT else {"name": name, "tier": tier}}
    elif time >= POINTS_BECOME_NULL:
        set_now = {"loyaltyPoints": None}
    else:
        points = value % 9000 + 1000
        set_now = {"loyaltyPoints": points if time < POINTS_BECOME_TEXT else f"{points:,}"}
    if time >= SURVEY_STARTS:
        set_now |= {"npsScore": value % 11, "survey answer": "Très bien, “merci” 👍"}
    return set_now
