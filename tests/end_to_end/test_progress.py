"""The progress is measured in events, as many as are expected to be there, however uneven they lie in time."""

import pytest
from accounts import Account

from intilery_source import RunReport
from pipelines import progress
from pipelines.progress import Pace
from pipelines.summary import span_of


def test_the_expected_number_is_about_right_from_the_first_rows_on(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a world with a few crowded days
    account.server.reset(world="flat:100000", seed=1, limits={"rate": None})
    account.settings["rows_per_load"] = 50_000
    seen: list[tuple[int, float]] = []
    expect = RunReport.expect_rows

    def noted(self: RunReport, table: str, number: float) -> None:
        expect(self, table, number)
        seen.append((self.rows[table], self.expected_rows or 0.0))

    monkeypatch.setattr(RunReport, "expect_rows", noted)
    # when
    account.load(("events",))
    # then what was read and what is still expected come to about the same
    total = account.report.rows["events"]
    assert total == 100_000
    assert len(seen) >= 8
    assert all(total / 2.5 < done + left < 2.5 * total for done, left in seen)
    assert all(done + left == pytest.approx(total, rel=0.35) for done, left in seen if done > total / 2)
    assert account.report.expected_rows == pytest.approx(0, abs=1)
    assert Pace(account.report).fraction() == 1.0


def test_the_time_left_follows_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    report, now = RunReport(), [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    pace = Pace(report)
    assert pace.fraction() is None
    assert "events read in about" not in pace.sentence()
    # given that the profiles took a minute, and then a quarter of the events half a minute
    now[0] = 160.0
    report.count_rows("events", 1)
    report.expected_rows = 999.0
    pace.sentence()
    now[0] = 190.0
    report.count_rows("events", 249)
    report.expected_rows = 750.0
    # then the rest takes a minute and a half
    assert pace.fraction() == 0.25
    assert "events read in about 1 min" in pace.sentence()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 second"),
        (1, "1 second"),
        (61, "61 seconds"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (19 * 3600 - 5, "19 hours"),
        (86_400, "1 day"),
        (3 * 86_400, "3 days"),
        (252_982, "3 days"),
    ],
)
def test_spans_are_said_as_people_do(seconds: float, text: str) -> None:
    assert span_of(seconds) == text
