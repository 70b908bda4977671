"""The history of traits, replayed at the instant of any load, is what the world showed then."""

from itertools import pairwise
from typing import Any

import pytest
from accounts import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("fast_retries")

_DAY = 86_400
_TABLES = ("profiles", "profile_traits")
_VOLATILE = "lastSeenTime"
"""A trait whose change alone is no new version, so that an old one may have any value of it."""


def lasting(profiles: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {name: value for name, value in traits.items() if name != _VOLATILE} for key, traits in profiles.items()
    }


def check(account: Account, seed: int, days: list[int]) -> None:
    """Load at the opening and again after so many days each, and replay all of it."""
    account.server.reset(world="people:60", seed=seed, limits={"rate": None})
    account.database.unlink(missing_ok=True)
    account.settings |= {"full_scroll_every": "1 day", "max_delete_share": 0.5}
    shown = {}
    for step in [0, *days]:
        account.advance(step * _DAY)
        assert account.load(only=_TABLES).exit_code == ExitCode.LOADED
        shown[account.now()] = lasting(account.true_traits())
        for table in _TABLES:
            rows = account.query(f"SELECT id, _deleted FROM intilery.{table}")
            assert sorted(rows) == [(key, None) for key in sorted(shown[account.now()])], table
    for instant, traits in shown.items():
        assert lasting(account.traits_at(instant)) == traits, instant
    # and a version is there for real changes only
    versions: dict[str, list[Any]] = {}
    for key, traits in account.query(
        "SELECT profile_id, traits FROM intilery.profile_trait_history ORDER BY profile_id, observed_at"
    ):
        versions.setdefault(key, []).append(traits)
    for key, found in versions.items():
        assert all(one != other for one, other in pairwise(found)), key


def test_a_month_of_daily_loads(account: Account) -> None:
    check(account, 1, [1] * 30)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 10_000), st.lists(st.integers(1, 9), min_size=4, max_size=6))
def test_any_schedule_of_any_world(account: Account, seed: int, days: list[int]) -> None:
    check(account, seed, days)
