"""The Complete Journey: a year of 2,469 real households at a grocer, served as the platform would have collected it.

A basket is an `Order Completed`, a campaign to a household an `Email Sent` at the start of the campaign's first day,
a redeemed coupon a `Coupon Redeemed`. Real are households, baskets, products, money, campaigns, redemptions and their
days; made up, from the seed, are identifiers, the milliseconds of a basket, and when an event was received.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdp_sandbox.instants import format_millis, parse_millis
from cdp_sandbox.world import Json, Millis, ProfileKey, World
from cdp_sandbox.worlds.durations import DAY, HOUR, MINUTE, SECOND
from cdp_sandbox.worlds.identifiers import Identifiers, draw_identifiers, identifier_text
from cdp_sandbox.worlds.journey_baskets import Baskets, json_text
from cdp_sandbox.worlds.journey_tables import Ints, Tables, read_tables, whole_millis
from cdp_sandbox.worlds.order_ledger import OrderLedger
from cdp_sandbox.worlds.provenance import provenance

EVENT_NAMES = ["Order Completed", "Email Sent", "Coupon Redeemed"]
ORDER, SENT, REDEEMED = range(len(EVENT_NAMES))

SHARE_LATE = 0.005
LATEST = 3 * DAY
"""No event is received this long after it happened, or longer."""

_TRAITS = {
    "age": "age",
    "income": "income",
    "home_ownership": "homeOwnership",
    "marital_status": "maritalStatus",
    "household_size": "householdSize",
    "household_comp": "householdComposition",
    "kids_count": "kidsCount",
}


def _delays(rng: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    """Milliseconds until each event is received, and which events are late: by one hour to just under three days."""
    delay = np.minimum(rng.lognormal(6.5, 0.7, size=count) + 30, 30 * SECOND).astype(np.int64)
    late = np.sort(rng.choice(count, size=round(SHARE_LATE * count), replace=False))
    delay[late] = (HOUR * ((LATEST - MINUTE) / HOUR) ** rng.random(len(late))).astype(np.int64)
    return delay, late


def _redeemed_at(household: Ints, day: Ints, baskets: Baskets, basket_time: Ints) -> Ints:
    """A coupon is redeemed with the household's first basket of that day; without one, at noon."""
    days = 10**6
    keys = baskets.household * days + basket_time // DAY
    order = np.lexsort((basket_time, keys))
    found, first = np.unique(keys[order], return_index=True)
    wanted = household * days + day // DAY
    place = np.minimum(np.searchsorted(found, wanted), len(found) - 1)
    return np.where(found[place] == wanted, basket_time[order][first[place]], day + 12 * HOUR)


class CompleteJourney(World):
    """A `World` of the package's year: 155,848 orders, 6,589 campaign mails and 2,102 redemptions.

    Takes about a second and 500 MB to build. The package gives times to the second and without a zone: they are taken
    as UTC, and a basket's milliseconds are drawn. `mess["late"]` are the positions of the events received hours late.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 11])
        tables = read_tables()
        self.name = "complete_journey"
        self.client_id, self.account_id, self.brand_id = "standin", "grocer", "GROCER"
        self.opens_at: Millis = parse_millis("2017-12-01T00:00:00Z")
        self.ends_at: Millis = parse_millis("2018-01-05T00:00:00Z")
        self._baskets = Baskets(tables)
        self._campaigns = _campaign_properties(tables)
        self._sent = tables.campaigns["campaign_id"].tolist()
        self._redeemed = tables.coupon_redemptions[["coupon_upc", "campaign_id"]].to_numpy().tolist()
        basket_time = self._baskets.time + rng.integers(0, SECOND, size=len(self._baskets))
        household, time, kind, reference = _events(tables, self._baskets, basket_time)
        delay, late = _delays(rng, len(time))
        received = time + delay
        order = np.lexsort((received, time))
        self.event_time: npt.NDArray[np.int64] = time[order]
        self.received_time: npt.NDArray[np.int64] = received[order]
        self.actions = [name.lower().replace(" ", "_") for name in EVENT_NAMES]
        self.action: npt.NDArray[np.int16] = kind[order].astype(np.int16)
        self._reference = reference[order]
        households, profile = np.unique(household[order], return_inverse=True)
        self.profile: npt.NDArray[np.int32] = profile.astype(np.int32)
        self.mess = {"late": np.flatnonzero(np.isin(order, late))}
        self.profiles = _profiles(draw_identifiers(rng, len(households)), households, self.profile, self.event_time)
        self._ids = draw_identifiers(rng, len(order))
        self._traits = _demographics(tables, households)
        is_order = self.action == ORDER
        self._ledger = OrderLedger(
            self.profiles,
            self._baskets.departments,
            profile=self.profile[is_order],
            event_time=self.event_time[is_order],
            received_time=self.received_time[is_order],
            cents=self._baskets.cents[self._reference[is_order]],
            category=self._baskets.department[self._reference[is_order]],
        )

    def event_id(self, index: int) -> str:
        return identifier_text(self._ids, index)

    def _properties_text(self, kind: int, reference: int) -> str:
        if kind == ORDER:
            return self._baskets.properties_text(reference)
        if kind == SENT:
            campaign = self._sent[reference]
            mail = {"email_id": f"campaign-{campaign}", "email_subject": f"Coupons for you (campaign {campaign})"}
            return json_text(mail | self._campaigns[campaign])
        coupon, campaign = self._redeemed[reference]
        return json_text({"coupon_id": str(coupon)} | self._campaigns[campaign])

    def event_body(self, index: int) -> bytes:
        kind, key = int(self.action[index]), self.profiles[self.profile[index]]
        time = format_millis(int(self.event_time[index]))
        properties = self._properties_text(kind, int(self._reference[index]))
        send_type = ',"sendType":"email"' if kind == SENT else ""
        return (
            f'{{"eventId":"{self.event_id(index)}","eventTime":"{time}",'
            f'"receivedTime":"{format_millis(int(self.received_time[index]))}","eventAction":"{self.actions[kind]}",'
            f'"clientId":"{self.client_id}","accountId":"{self.account_id}","brandId":"{self.brand_id}",'
            f'"customerId":"{key.id}","userId":"{key.external_id}",'
            f'"source":"{"INTILERY" if kind == SENT else "SEGMENT_API"}",'
            f'"rawData":{{"userId":"{key.external_id}","action":"track","event":"{EVENT_NAMES[kind]}",'
            f'"context":{{"traits":{{"email":"{key.email}"}}}},"properties":{properties},'
            f'"timestamp":"{time}"{send_type}}}}}'
        ).encode()

    def traits(self, profile: int, clock: Millis) -> Json:
        return dict(self._traits[profile])

    def computed(self, profile: int, clock: Millis) -> Json:
        return self._ledger.computed(profile, clock)

    def provenance(self, profile: int) -> Json:
        return provenance(self, profile, [], type="event")


def _events(tables: Tables, baskets: Baskets, basket_time: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Household, time, kind and row in its table of every event: orders, then campaign mails, then redemptions."""
    descriptions = tables.campaign_descriptions.set_index("campaign_id")
    sent_on = whole_millis(descriptions["start_date"].loc[tables.campaigns["campaign_id"]])
    redeemer = tables.coupon_redemptions["household_id"].to_numpy().astype(np.int64)
    redeemed_on = whole_millis(tables.coupon_redemptions["redemption_date"])
    times = [basket_time, sent_on, _redeemed_at(redeemer, redeemed_on, baskets, basket_time)]
    counts = [len(part) for part in times]
    households = [baskets.household, tables.campaigns["household_id"].to_numpy().astype(np.int64), redeemer]
    kind = np.repeat(np.array([ORDER, SENT, REDEEMED], dtype=np.int64), counts)
    reference = np.concatenate([np.arange(count, dtype=np.int64) for count in counts])
    return np.concatenate(households), np.concatenate(times), kind, reference


def _campaign_properties(tables: Tables) -> dict[int, Json]:
    columns = tables.campaign_descriptions[["campaign_id", "campaign_type", "start_date", "end_date"]]
    return {
        int(number): {
            "campaign_id": str(number),
            "campaign_type": kind,
            "campaign_starts": starts.date().isoformat(),
            "campaign_ends": ends.date().isoformat(),
        }
        for number, kind, starts, ends in columns.itertuples(index=False)
    }


def _profiles(ids: Identifiers, households: Ints, profile: npt.NDArray[np.int32], event_time: Ints) -> list[ProfileKey]:
    """One profile a household, created a minute before its first event; `event_time` is sorted."""
    _, first = np.unique(profile, return_index=True)
    created = (event_time[first] - MINUTE).tolist()
    return [
        ProfileKey(
            id=identifier_text(ids, position),
            external_id=f"household-{household}",
            email=f"household-{household}@example.com",
            created=created[position],
        )
        for position, household in enumerate(households.tolist())
    ]


def _demographics(tables: Tables, households: Ints) -> list[Json]:
    """What is known of each household; what is missing in the package is absent."""
    described: dict[int, Json] = {}
    for row in tables.demographics.to_dict(orient="records"):
        described[int(row["household_id"])] = {
            trait: row[column] for column, trait in _TRAITS.items() if not pd.isna(row[column])
        }
    return [{"householdId": household} | described.get(household, {}) for household in households.tolist()]
