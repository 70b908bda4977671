"""Whatever the API turns out to do where its documents leave it open, a load is exact, or says why it cannot be."""

import json
import os

import pytest
from accounts import Account

from cdp_sandbox.process import Running
from pipelines.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("fast_retries")

_REFUSED = {
    # "Held: they compare eventTime, and sorting does too; an event outside the asked window stops the run"
    ("window_time", "receivedTime"): "outside the asked window|not in the order asked for",
}


def _values() -> list[tuple[str, str]]:
    """Every value of every switch, as the sandbox lists them (read once for all workers, so that they agree)."""
    listed = os.environ.get("SANDBOX_SWITCHES")
    if listed is None:
        from cdp_sandbox.process import running

        with running("flat:10", 1) as server:
            switches = server.control("GET", "/_sandbox/switches")
        listed = json.dumps({name: switch["values"] for name, switch in switches.items()})
        os.environ["SANDBOX_SWITCHES"] = listed
    return [(name, value) for name, values in json.loads(listed).items() for value in values]


@pytest.mark.parametrize(("switch", "value"), _values())
def test_a_load_is_exact_with_every_value_of_every_switch(
    account: Account, sandbox: Running, switch: str, value: str
) -> None:
    # given a server that does one thing in one of its possible ways; small limits make it matter
    sandbox.reset(
        world="shop:20",
        seed=4,
        switches={switch: value},
        limits={"rate": None, "list_page": 7, "response_bytes": 60_000},
    )

    # when everything is loaded
    expected = _REFUSED.get((switch, value))
    if expected is not None:
        with pytest.raises(Exception, match=expected):
            account.load()
        return
    result = account.load()

    # then everything is there once
    assert result.exit_code == ExitCode.LOADED, result.reasons
    assert account.event_ids() == account.true_event_ids()
    assert account.profile_ids() == account.true_profile_ids()
    traits = {row["id"] for row in account.records("SELECT id FROM intilery.profile_traits")}
    assert traits == set(account.true_profile_ids())


def test_all_switches_the_other_way_round_at_once(account: Account, sandbox: Running) -> None:
    others = {
        name: next(value for value in switch["values"] if value != switch["default"])
        for name, switch in sandbox.control("GET", "/_sandbox/switches").items()
        if name != "window_time"
    }
    sandbox.reset(world="shop:20", seed=5, switches=others, limits={"rate": None, "list_page": 7})
    assert account.load().exit_code == ExitCode.LOADED
    assert account.event_ids() == account.true_event_ids()
    assert account.profile_ids() == account.true_profile_ids()
