"""Who of the people exists when: sign-ups, deletions, returns and merges.

Each life is a `ProfileKey`; one who is deleted and comes back has two, with one `id`. Each person has at most one fate,
and the vanishings lie evenly over the month, so that no day has more than a few percent of them.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cdp_sandbox.world import Millis, ProfileKey
from cdp_sandbox.worlds.durations import DAY, HOUR
from cdp_sandbox.worlds.identifiers import draw_identifiers, identifier_text
from cdp_sandbox.worlds.people_calendar import ENDS_AT, HISTORY_STARTS, OPENS_AT

FATES = ("deleted", "recreated", "merged_beside", "merged_over")
_SHARE_OF_EACH_FATE = 0.04
_ENOUGH_FOR_FATES = 20
_BEFORE_HISTORY, _BEFORE_OPENING = 0.6, 0.93
_SHARE_WITHOUT_SIGN_UP = 0.3
"""Of those who begin in the month: they come from a file, so that no event tells of them."""
_FIRST_DAY, _LAST_DAY = 5, 24
"""The days of the month on which profiles vanish, so that there is time to appear before or to return after."""


@dataclass(frozen=True, slots=True)
class Lives:
    """All lives, and what becomes of them: positions in `keys`.

    `recreated` are pairs of the life that ended and the next one of the same `id`; `merged_beside` of the loser and the
    survivor, two ids that had one `externalId` for some days; `merged_over` of the id that vanished and the one that
    has its `externalId` from that very instant. `deleted` do not come back.
    """

    keys: list[ProfileKey]
    signs_up: npt.NDArray[np.bool_]
    """Whether an `identify` event, received at `created`, begins the life."""
    deleted: list[int]
    recreated: list[tuple[int, int]]
    merged_beside: list[tuple[int, int]]
    merged_over: list[tuple[int, int]]


def _external_id(number: int) -> str:
    odd = {3: "ABC/{}", 8: "p+{}@example.com", 13: "50% off?#{}", 18: "человек-{}"}
    return odd.get(number % 20, "person-{:05d}").format(number)


def _email(number: int) -> str | None:
    if number % 20 == 7:
        return None
    return f"person.{number - (number % 20 == 9)}@example.com"


def draw_lives(seed: int, people: int) -> Lives:
    """Draw the lives of `people` persons; from twenty on each fate has at least one of them."""
    rng = np.random.default_rng([seed, 31])
    share = rng.permutation(people) / people
    old = rng.integers(HISTORY_STARTS - 700 * DAY, HISTORY_STARTS - DAY, size=people)
    recent = rng.integers(HISTORY_STARTS, OPENS_AT - DAY, size=people)
    new = rng.integers(OPENS_AT + HOUR, ENDS_AT - 4 * DAY, size=people)
    created = np.where(share < _BEFORE_HISTORY, old, np.where(share < _BEFORE_OPENING, recent, new))
    ids = draw_identifiers(rng, people)
    keys = [
        ProfileKey(identifier_text(ids, number), _external_id(number), _email(number), begins)
        for number, begins in enumerate(created.tolist())
    ]

    each = max(1, round(_SHARE_OF_EACH_FATE * people)) if people >= _ENOUGH_FOR_FATES else 0
    who = rng.choice(np.flatnonzero(share < _BEFORE_OPENING), size=len(FATES) * each, replace=False).tolist()
    days = _FIRST_DAY + np.arange(len(who)) * (_LAST_DAY - _FIRST_DAY) // max(1, len(who))
    instants: list[int] = (OPENS_AT + days * DAY + rng.integers(HOUR, 23 * HOUR, size=len(who))).tolist()
    apart: list[int] = rng.integers(2 * DAY, (_FIRST_DAY - 1) * DAY, size=len(who)).tolist()
    other_ids = draw_identifiers(rng, len(who))
    found: dict[str, list[tuple[int, int]]] = {fate: [] for fate in FATES}
    for place, (number, vanished) in enumerate(zip(who, instants, strict=True)):
        fate = FATES[place % len(FATES)]
        other = identifier_text(other_ids, place)
        newer_goes = place // len(FATES) % 2 == 0
        found[fate].append(_befall(keys, fate, number, vanished, apart[place], other, newer_goes=newer_goes))

    begins_in_month = np.array([key.created for key in keys], dtype=np.int64) >= OPENS_AT
    signs_up = np.array([key.created >= HISTORY_STARTS for key in keys], dtype=np.bool_)
    signs_up &= ~begins_in_month | (rng.random(len(keys)) >= _SHARE_WITHOUT_SIGN_UP)
    deleted = [number for number, _ in found.pop("deleted")]
    return Lives(keys, signs_up, deleted, **found)


def _befall(
    keys: list[ProfileKey], fate: str, number: int, vanished: Millis, apart: Millis, other: str, *, newer_goes: bool
) -> tuple[int, int]:
    """End or double a life, in place; the answer is a pair of `Lives`."""
    key, next_life = keys[number], len(keys)
    if fate == "merged_beside":
        second = replace(key, id=other, created=vanished - apart)
        if newer_goes:
            keys.append(replace(second, vanished=vanished))
            return next_life, number
        keys.append(second)
    keys[number] = replace(key, vanished=vanished)
    if fate == "recreated":
        keys.append(replace(key, created=vanished + apart))
    if fate == "merged_over":
        keys.append(replace(key, id=other, created=vanished))
    return number, next_life
