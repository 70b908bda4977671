"""What the shop's customers do, before the feed disturbs it: visits, orders, refunds, mails and trait changes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.worlds.durations import DAY, HOUR, MINUTE, SECOND
from cdp_sandbox.worlds.shop_calendar import ENDS_AT, HISTORY_STARTS, NEWSLETTERS
from cdp_sandbox.worlds.shop_catalogue import CATALOGUE
from cdp_sandbox.worlds.shop_customers import Customers
from cdp_sandbox.worlds.shop_traits import CONSENT, TraitChanges

Ints = npt.NDArray[np.int64]

EVENT_NAMES = [
    "page",
    "Product Viewed",
    "Product Added",
    "Checkout Started",
    "Order Completed",
    "Order Refunded",
    "Email Sent",
    "Email Delivered",
    "Email Opened",
    "Email Link Clicked",
    "Email Bounced",
    "Unsubscribed",
    "identify",
]
"""A kind of event is an index into these."""
(PAGE, VIEWED, ADDED, CHECKOUT, ORDER, REFUND, SENT, DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED, IDENTIFY) = (
    range(len(EVENT_NAMES))
)

SIGN_UP = -1
"""The `reference` of an `identify` that creates its customer."""
WELCOME = -1
"""The `reference` of a mail that is no newsletter."""

_STEP = 25 * SECOND
_SHARE_OF_VISITS_ONCE_GONE = 0.2
_SHARE_REFUNDED = 0.07
_SHARE_BOUNCED = 0.02
_SHARE_CLICKED = 0.22


@dataclass(frozen=True, slots=True)
class Happenings:
    """One element an event, in no order of time.

    `reference` is a page's or product's number, the visit of a checkout, order or refund, the newsletter of a mail
    or the trait change of an `identify`, by kind.
    """

    kind: npt.NDArray[np.int8]
    time: Ints
    profile: npt.NDArray[np.int32]
    reference: Ints
    quantity: npt.NDArray[np.int8]
    """Pieces of the product of a `Product Added`; 0 elsewhere."""
    basket_start: Ints
    """One element a visit and one more: a visit's `Product Added` are rows `basket_start[v]:basket_start[v + 1]`."""

    def basket_cents(self) -> Ints:
        """What each visit put into its basket, in whole cents."""
        prices = np.array([product.cents for product in CATALOGUE], dtype=np.int64)
        first, end = self.basket_start[0], self.basket_start[-1]
        spent = prices[self.reference[first:end]] * self.quantity[first:end]
        until = np.concatenate([[0], np.cumsum(spent)])
        baskets: Ints = np.diff(until[self.basket_start - first])
        return baskets


class _Rows:
    """Events gathered kind by kind."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
        self.count = 0

    def add(self, kind: int, time: Ints, profile: Ints, reference: Ints | int, quantity: Ints | int = 0) -> None:
        whole = np.zeros(len(time), dtype=np.int64)
        self._parts.append((whole + kind, time, profile, whole + reference, whole + quantity))
        self.count += len(time)

    def gathered(self, basket_start: Ints) -> Happenings:
        kind, time, profile, reference, quantity = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        return Happenings(
            kind=kind.astype(np.int8),
            time=time,
            profile=profile.astype(np.int32),
            reference=reference,
            quantity=quantity.astype(np.int8),
            basket_start=basket_start,
        )


def _exponential(rng: np.random.Generator, mean: float, count: int) -> Ints:
    return rng.exponential(mean, size=count).astype(np.int64)


def _shop(rng: np.random.Generator, customers: Customers, rows: _Rows) -> Ints:
    """Visits: pages, views, what is put into the basket, a checkout and an order, one after the other."""
    begins = np.maximum(customers.signed_up + 5 * SECOND, HISTORY_STARTS)
    visits_of = rng.poisson(customers.visits_a_day * (ENDS_AT - begins) / DAY)
    profile = np.repeat(np.arange(len(begins)), visits_of)
    start = begins[profile] + (rng.random(len(profile)) * (ENDS_AT - begins[profile])).astype(np.int64)
    gone = start >= customers.hidden_churn_time[profile] - HOUR
    kept = ~gone | (rng.random(len(profile)) < _SHARE_OF_VISITS_ONCE_GONE)
    profile, start, gone = profile[kept], start[kept], gone[kept]
    visits = len(profile)

    pages = rng.geometric(0.6, size=visits)
    views = rng.poisson(1.6, size=visits)
    adds = np.where(gone, 0, rng.binomial(views, 0.45))
    checkouts = ((adds > 0) & (rng.random(visits) < 0.7)).astype(np.int64)
    orders = checkouts * (rng.random(visits) < 0.75)

    def steps(counts: Ints, before: Ints | int) -> tuple[Ints, Ints]:
        visit = np.repeat(np.arange(visits), counts)
        place = np.arange(len(visit)) + np.repeat(before - np.cumsum(counts) + counts, counts)
        return visit, start[visit] + ((place + rng.random(len(visit))) * _STEP).astype(np.int64)

    visit, time = steps(pages, 0)
    rows.add(PAGE, time, profile[visit], rng.integers(12, size=len(visit)))
    visit, time = steps(views, pages)
    rows.add(VIEWED, time, profile[visit], rng.integers(len(CATALOGUE), size=len(visit)))
    visit, time = steps(adds, pages + views)
    basket_start = rows.count + np.concatenate([[0], np.cumsum(adds)])
    picked = rng.integers(len(CATALOGUE), size=len(visit))
    rows.add(ADDED, time, profile[visit], picked, rng.integers(1, 4, size=len(visit)))
    visit, time = steps(checkouts, pages + views + adds)
    rows.add(CHECKOUT, time, profile[visit], visit)
    visit, time = steps(orders, pages + views + adds + 1)
    rows.add(ORDER, time, profile[visit], visit)
    back = rng.random(len(visit)) < _SHARE_REFUNDED
    refunded_at = time + DAY + _exponential(rng, 6 * DAY, len(visit))
    rows.add(REFUND, refunded_at[back], profile[visit[back]], visit[back])
    return basket_start


def _mail(rng: np.random.Generator, customers: Customers, changes: TraitChanges, rows: _Rows) -> None:
    """Welcome mails and newsletters: sent, then delivered or bounced, some opened, some of these clicked."""
    newly = np.flatnonzero(~customers.imported & changes.mail_consent_at_start)
    profile, reference = [newly], [np.full(len(newly), WELCOME)]
    sent = [customers.signed_up[newly] + 10 * MINUTE]
    for number, instant in enumerate(NEWSLETTERS.tolist()):
        subscribed = np.flatnonzero(changes.takes_mail(instant) & (customers.signed_up + SECOND < instant))
        profile.append(subscribed)
        reference.append(np.full(len(subscribed), number))
        sent.append(np.full(len(subscribed), instant))
    who, which, at = np.concatenate(profile), np.concatenate(reference), np.concatenate(sent)
    rows.add(SENT, at, who, which)
    arrived = at + SECOND + _exponential(rng, 20 * SECOND, len(at))
    bounced = rng.random(len(at)) < _SHARE_BOUNCED
    rows.add(BOUNCED, arrived[bounced], who[bounced], which[bounced])
    rows.add(DELIVERED, arrived[~bounced], who[~bounced], which[~bounced])
    opened_at = arrived + SECOND + _exponential(rng, 5 * HOUR, len(at))
    interest = customers.opens_mail[who] * np.where(at >= customers.hidden_churn_time[who], 0.3, 1.0)
    opened = ~bounced & (rng.random(len(at)) < interest)
    rows.add(OPENED, opened_at[opened], who[opened], which[opened])
    clicked = opened & (rng.random(len(at)) < _SHARE_CLICKED)
    clicked_at = opened_at + SECOND + _exponential(rng, 40 * SECOND, len(at))
    rows.add(CLICKED, clicked_at[clicked], who[clicked], which[clicked])


def _identify(customers: Customers, changes: TraitChanges, rows: _Rows) -> None:
    """Sign-ups and trait changes; who takes mail back says `Unsubscribed` two seconds before."""
    newly = np.flatnonzero(~customers.imported)
    rows.add(IDENTIFY, customers.signed_up[newly], newly, SIGN_UP)
    everybody = changes.profile.astype(np.int64)
    rows.add(IDENTIFY, changes.time, everybody, np.arange(len(everybody)))
    withdrawn = (changes.kind == CONSENT) & ~changes.mail_consent
    rows.add(UNSUBSCRIBED, changes.time[withdrawn] - 2 * SECOND, everybody[withdrawn], np.flatnonzero(withdrawn))


def happenings(seed: int, customers: Customers, changes: TraitChanges) -> Happenings:
    """Everything the customers do from the start of the history; some of it after its end, for others to leave out."""
    rng = np.random.default_rng([seed, 3])
    rows = _Rows()
    basket_start = _shop(rng, customers, rows)
    _mail(rng, customers, changes, rows)
    _identify(customers, changes, rows)
    return rows.gathered(basket_start)
