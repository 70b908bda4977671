"""A month of loads under heavy faults: at every step the tables hold exactly what the world shows."""

from typing import Any

import pytest
from accounts import Account

from pipelines.exit_codes import ExitCode
from pipelines.load import TABLES

pytestmark = pytest.mark.usefixtures("fast_retries")

_DAY = 86_400.0

AS_DOCUMENTED: dict[str, str] = {}
THE_OTHER_WAY = {
    "scroll_parameter": "scrollid",
    "scroll_end": "not_found",
    "scroll_ids": "rotate_strict",
    "listing": "traits",
    "from_means": "page",
    "tie_order": "shuffled",
    "start_bound": "exclusive",
    "end_bound": "inclusive",
    "over_cap": "repeat",
    "meta_route": "metadata",
}


@pytest.mark.parametrize(("seed", "switches"), [(1, AS_DOCUMENTED), (2, THE_OTHER_WAY)], ids=["documented", "other"])
def test_every_step_of_a_month_is_exact(account: Account, seed: int, switches: dict[str, Any]) -> None:
    # given a world with late, doubled, future-dated and anonymous events, behind heavy faults
    account.server.reset(
        world="shop:20",
        seed=seed,
        switches=switches,
        faults={"preset": "heavy", "seed": seed, "slow_seconds": 0.02},
        limits={"rate": None, "list_page": 7},
    )
    late = 0

    # when it is loaded twice, and then once a day for a month
    for step in range(32):
        if step >= 2:
            account.advance(31 * _DAY / 30)
        before = account.event_ids() if step else account.true_event_ids()
        _load_wholly(account, TABLES if step in (0, 1, 31) else ("events", "profiles"))

        # then events and profiles are there exactly once each, late ones included
        truth = account.true_event_ids()
        assert account.event_ids() == truth
        assert account.profile_ids() == account.true_profile_ids()
        late += sum((truth - before).values())
    assert late > 300, "the month must have revealed events"
    ((farthest,),) = account.query("SELECT max(epoch(received_time) - epoch(event_time)) FROM intilery.events")
    assert 2 * _DAY < farthest < 3 * _DAY, "the world must have had events nearly three days late"


def _load_wholly(account: Account, tables: tuple[str, ...]) -> None:
    """Load, and once more where a scroll was incomplete, as the exit code asks for."""
    for _ in range(6):
        result = account.load(tables)
        if result.exit_code == ExitCode.LOADED:
            return
        assert result.exit_code == ExitCode.LOADED_IN_PART, result.reasons
    pytest.fail(f"never complete: {result.reasons}")
