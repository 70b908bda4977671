"""The shop's customers: their identifiers, when they signed up, how lively they are, and when they leave for good."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import ProfileKey
from cdp_sandbox.worlds.durations import DAY
from cdp_sandbox.worlds.identifiers import draw_identifiers, identifier_text
from cdp_sandbox.worlds.shop_calendar import ENDS_AT, HISTORY_STARTS, OPENS_AT

NEVER = int(np.iinfo(np.int64).max)
"""The churn time of a customer who does not leave."""
SIGN_UP_DELAY = 400
"""Milliseconds until a sign-up is received: the customer's profile begins then."""

FIRST_NAMES = ["Anna", "Zoë", "José", "Åse", 'Robert "Bob"', "Siobhán", "李", "Мария", "Fred", "D'Arcy"]
LAST_NAMES = ["Bloggs", "O'Neill", "Müller-Lüdenscheidt", "García Márquez", "王", "Smith", "Ó Briain", 'van "der" Berg']

_BLOCK = 20
"""The odd identifiers come back in every block of twenty customers, so that a small shop has each of them."""
_BEFORE_HISTORY, _BEFORE_OPENING = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Customers:
    """One element a customer; instants in milliseconds."""

    keys: list[ProfileKey]
    first_names: list[str]
    last_names: list[str]
    signed_up: npt.NDArray[np.int64]
    """When the sign-up `identify` happened; `created` is when it was received."""
    imported: npt.NDArray[np.bool_]
    """Came from a file before the history starts: no sign-up event."""
    visits_a_day: npt.NDArray[np.float64]
    opens_mail: npt.NDArray[np.float64]
    """The probability that a newsletter is opened."""
    hidden_churn_time: npt.NDArray[np.int64]
    """From then on the customer buys nothing: no `Product Added`, `Checkout Started` or `Order Completed`."""


def _external_id(position: int, number: int) -> str:
    odd = {
        0: f"ABC/{123 + number}",
        1: f"a+b{number or ''}@example.com",
        2: f"50% off?#{1 + number}",
        3: str(100_000 + number),
        4: f"till:7 & customer {number}",
        5: f"клиент-{number}",
    }
    return odd.get(position % _BLOCK, f"cust-{position:05d}")


def _email(position: int) -> str | None:
    slot = position % _BLOCK
    if slot == 7:
        return None
    if slot == 9:
        return f"customer.{position - 1}@example.com"
    if slot == 1:
        return f"a+b{position // _BLOCK or ''}@example.com"
    if slot == 10:
        return f"ünï.côdé{position}@example.org"
    return f"customer.{position}@example.com"


def _sign_ups(rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    share = rng.permutation(count) / count
    old = rng.integers(HISTORY_STARTS - 700 * DAY, HISTORY_STARTS - DAY, size=count)
    recent = rng.integers(HISTORY_STARTS, OPENS_AT - DAY, size=count)
    new = rng.integers(OPENS_AT, ENDS_AT - 4 * DAY, size=count)
    times = np.where(share < _BEFORE_HISTORY, old, np.where(share < _BEFORE_OPENING, recent, new))
    return times.astype(np.int64)


def draw_customers(seed: int, count: int) -> Customers:
    """Draw `count` customers.

    Half were imported before the history starts, four in ten signed up during it, one in ten signs up in the month
    after the opening. A customer leaves at a constant rate, faster the fewer visits they make, from the later of
    sign-up and the start of the history.
    """
    rng = np.random.default_rng([seed, 1])
    signed_up = _sign_ups(rng, count)
    ids = draw_identifiers(rng, count)
    visits_a_day = rng.gamma(2.0, 0.06, size=count) + 0.02
    days_to_churn = rng.exponential(60 + 900 * visits_a_day)
    churn = np.maximum(signed_up, HISTORY_STARTS) + (days_to_churn * DAY).astype(np.int64)
    return Customers(
        keys=[
            ProfileKey(
                id=identifier_text(ids, position),
                external_id=_external_id(position, position // _BLOCK),
                email=_email(position),
                created=int(signed_up[position]) + SIGN_UP_DELAY,
            )
            for position in range(count)
        ],
        first_names=[FIRST_NAMES[pick] for pick in rng.integers(len(FIRST_NAMES), size=count)],
        last_names=[LAST_NAMES[pick] for pick in rng.integers(len(LAST_NAMES), size=count)],
        signed_up=signed_up,
        imported=signed_up < HISTORY_STARTS,
        visits_a_day=visits_a_day,
        opens_mail=rng.beta(2.0, 4.0, size=count),
        hidden_churn_time=np.where(churn < ENDS_AT, churn, NEVER),
    )
