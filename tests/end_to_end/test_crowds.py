"""More events than one question gives: in an hour, in a second, in a millisecond; over HTTP, with the real cap."""

from pathlib import Path

import pytest
from accounts import Account
from crowded_worlds import Crowded, serving_world

from intilery_source import instants
from pipelines.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("fast_retries")

NOON = instants.parse("2024-03-01T12:00:00Z") // 1000
HOUR = 3_600_000
SECOND = 1_000
ONE_ACTION = 2


def spread(start: int, length: int, number: int) -> list[int]:
    """Events at about the same distance."""
    return [start + length * place // number for place in range(number)]


def test_more_than_the_cap_is_read_however_near_it_lies_together(tmp_path: Path) -> None:
    # given 12,500 events of an hour, 10,050 of a second, and 1,250 and 10,001 of one millisecond
    world = Crowded(
        [
            *spread(NOON, HOUR, 12_500),
            *spread(NOON + 2 * HOUR, SECOND, 10_050),
            *[NOON + 3 * HOUR] * 1_250,
            *[NOON + 4 * HOUR] * 10_001,
            *spread(NOON + 4 * HOUR + 1, SECOND, 100),
        ]
    )
    with serving_world(world) as server:
        account = Account(server, tmp_path / "customers.duckdb")
        # when they are loaded
        result = account.load(only=("events",))
        # then all are there once, and the watermark is now
        assert result.exit_code == ExitCode.LOADED
        assert account.event_ids() == account.true_event_ids()
        assert account.event_ids().total() == 33_901
        assert result.watermark == instants.write(world.opens_at)
        # and the ledger says that one instant was read action by action
        divided = account.query(
            "SELECT window_start, sum(\"rows\") FROM intilery.extract_windows WHERE event_action <> '' GROUP BY 1"
        )
        assert [(instants.of_datetime(start), rows) for start, rows in divided] == [(NOON + 4 * HOUR, 10_001)]


def test_one_action_over_the_cap_is_named_and_what_comes_after_is_loaded(tmp_path: Path) -> None:
    # given 10,001 events of one action in one millisecond, between others
    at = NOON + HOUR
    world = Crowded([*spread(NOON, HOUR, 500), *[at] * 10_001, *spread(at + 1, 24 * HOUR, 500)], action=ONE_ACTION)
    with serving_world(world) as server:
        account = Account(server, tmp_path / "customers.duckdb")
        # when they are loaded in several loads
        account.settings = {"rows_per_load": 300}
        result = account.load(only=("events",))
        # then the run says which instant is not complete, and everything else is there
        assert result.exit_code == ExitCode.FAILED
        assert len(result.reasons) == 1
        assert instants.write(at) in result.reasons[0]
        assert world.actions[ONE_ACTION] in result.reasons[0]
        found = set(account.event_ids())
        assert found >= world.ids_at(0, at) | world.ids_at(at + 1, world.opens_at)
        assert max(account.event_ids().values()) == 1
        # and the watermark stays before the instant, to which the next run goes back
        assert result.watermark == instants.write(at)
        again = account.load(only=("events",))
        assert (again.exit_code, again.watermark) == (ExitCode.FAILED, instants.write(at))
        # and the ledger has the instant as the only window that is not complete
        incomplete = account.query("SELECT DISTINCT window_start FROM intilery.extract_windows WHERE NOT complete")
        assert [instants.of_datetime(start) for (start,) in incomplete] == [at]


def test_a_range_that_is_gone_on_with_still_names_what_it_could_not_read(tmp_path: Path) -> None:
    # given a range that was interrupted behind 10,001 events of one action in one millisecond
    at = NOON + HOUR
    world = Crowded([*spread(NOON, HOUR, 200), *[at] * 10_001, *spread(at + 1, 24 * HOUR, 900)], action=ONE_ACTION)
    with serving_world(world) as server:
        account = Account(server, tmp_path / "customers.duckdb", {"rows_per_load": 300})
        since = instants.to_datetime(NOON)
        account.begin(loads=2, since=since)
        assert 300 < account.event_ids().total() < 11_000
        # when the same command goes on, then it ends as the first one would have
        result = account.load(only=("events",), since=since)
        assert result.exit_code == ExitCode.FAILED
        assert instants.write(at) in result.reasons[0]
