"""Tables, ratios and verdicts from given figures, and the file that keeps them."""

from pathlib import Path

import pytest

from benchmarks import compare, pace, results, scale, start, tables
from benchmarks.account import Traffic, cuts
from benchmarks.measuring import Run, Taken
from benchmarks.targets import Target, number


def run(name: str, events: int, seconds: float, cpu: float, peak: int = 300, failure: str | None = None) -> Run:
    return Run(name, events, Taken(0, seconds, cpu, peak * 1_000_000, "", ""), failure)


def verdicts(section: results.Section) -> dict[str, bool]:
    return {target.what: target.reached for target in section.targets}


def contenders(loader: Run) -> list[Run]:
    return [
        run(compare.REST, 200_000, 200, 150),
        run(compare.REST_TUNED, 200_000, 50, 40),
        loader,
        run(compare.FLOOR, 1_000_000, 25, 25),
    ]


def test_bounds_are_kept_or_not() -> None:
    assert Target("", 5, at_least=5).reached
    assert not Target("", 4.99, at_least=5).reached
    assert Target("", 5, at_most=5).reached
    assert not Target("", 700, below=700).reached
    assert not Target("", None, at_most=5).reached


def test_a_missed_target_says_so() -> None:
    assert str(Target("rows", 4.0, at_least=5)) == "- **missed**: rows: 4 (at least 5)"
    assert str(Target("rows", None, at_least=5)) == "- **missed**: rows: none (at least 5)"


def test_numbers_show_the_digits_that_count() -> None:
    shown = [number(figure) for figure in (16_204.3, 45.25, 1.0, 0.0123, 0.0, None)]
    assert shown == ["16,204", "45.2", "1", "0.0123", "0", "none"]


def test_the_loader_is_compared_in_events_a_second() -> None:
    section = compare.compared(contenders(run(compare.LOADER, 1_000_000, 40, 60)), smaller=False)
    assert list(verdicts(section).values()) == [True, True, True, True, True]
    assert not section.failures
    cells = [[cell.strip() for cell in line.split("|")] for line in section.lines[2:6]]
    assert [row[-3] for row in cells] == ["1", "25", "6.25", "0.625"]
    assert [row[-2] for row in cells] == ["1", "12.5", "3.33", "0.417"]


def test_a_slower_loader_misses_its_targets() -> None:
    section = compare.compared(contenders(run(compare.LOADER, 1_000_000, 80, 61, 700)), smaller=False)
    assert not any(verdicts(section).values())


def test_a_loader_that_loses_rows_fails_and_reaches_nothing() -> None:
    lost = run(compare.LOADER, 1_000_000, 4, 4, failure="999,999 rows")
    section = compare.compared(contenders(lost), smaller=False)
    assert section.failures == [f"{compare.LOADER}: 999,999 rows"]
    assert not any(verdicts(section).values())


def test_the_ideal_spends_the_burst_and_then_the_rate() -> None:
    served = Traffic(requests=5_100, refused=20, seconds=50.0)
    found = pace.Pace(run("", 500_000, 60, 30), served, 100, 500, pace.VENDOR)
    assert found.ideal_seconds == pytest.approx(46 + 1.75)
    assert found.share == pytest.approx(0.955)
    assert found.per_second == 102
    assert verdicts(pace.judged(found, smaller=False)) == {
        "share of the ideal": True,
        "requests": True,
        "share of answers 429": True,
    }


def test_too_slow_too_many_and_too_often_refused() -> None:
    served = Traffic(requests=5_251, refused=27, seconds=60.0)
    found = pace.Pace(run("", 500_000, 60, 30), served, 100, 500, pace.VENDOR)
    assert not any(verdicts(pace.judged(found, smaller=False)).values())


def test_growth_is_judged_on_cost_an_event() -> None:
    sizes = [run("", factor * 1_000_000, 60, factor * cost) for factor, cost in ((1, 40), (2, 44), (4, 46))]
    large = run("", 5_000_000, 300, 200, 360)
    section = scale.grown(sizes, large, run("", 10_000, 5, 5), run("", 10_000, 3, 2.5), smaller=False)
    assert all(verdicts(section).values())
    sizes[2] = run("", 4_000_000, 60, 4 * 46.1)
    section = scale.grown(sizes, run("", 5_000_000, 300, 200, 361), sizes[0], sizes[0], smaller=False)
    assert list(verdicts(section).values()) == [False, True, False, True]


def test_a_failed_size_leaves_no_verdict_on_growth() -> None:
    sizes = [run("", 1_000_000, 60, 40), run("", 2_000_000, 60, 80, failure="lost")]
    section = scale.grown(sizes, sizes[0], sizes[0], sizes[0], smaller=False)
    assert section.failures == [": lost"]
    assert not next(iter(verdicts(section).values()))


def test_a_scheduled_load_is_judged_on_the_median() -> None:
    nothing = start.Started(_case("nothing", 0), [run("", 1, seconds, 1) for seconds in (9, 3, 4)], requests=6)
    some = start.Started(_case("some", 2_000), [run("", 1, seconds, 1) for seconds in (9, 10, 11)], requests=40)
    assert all(verdicts(start.judged(nothing, some, smaller=False)).values())
    late = start.Started(_case("some", 2_000), [run("", 1, 10.1, 1)], requests=40)
    assert list(verdicts(start.judged(nothing, late, smaller=False)).values()) == [True, True, False]


def test_a_cut_keeps_events_of_one_instant_together() -> None:
    found = cuts(5_000, *range(5_000))
    assert all(cut.before <= position for position, cut in enumerate(found))
    assert any(cut.before < position for position, cut in enumerate(found))
    assert str(found[0]).startswith("2024-01-01T")
    assert str(found[0]).endswith("+00:00")


def test_the_file_keeps_other_sections_and_replaces_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "RESULTS.md"
    results.publish(results.Section("A scheduled load", ["an old run"]), file, ["start"])
    results.publish(results.Section("Side by side", ["another benchmark"]), file, ["compare"])
    section = results.Section("A scheduled load", ["a new run"], "", [Target("rows", 1, at_least=1)], ["lost"])
    results.publish(section, file, ["start"])
    text = file.read_text()
    assert "an old run" not in text
    assert (
        text.index("another benchmark") < text.index("a new run") < text.index("reached: rows") < text.index("- lost")
    )
    assert text.index("`python -m benchmarks compare`") < text.index("`python -m benchmarks start`")
    assert text.count("Python 3") == text.count("\n## ") == 2
    assert "a new run" in capsys.readouterr().out


def _case(name: str, new: int) -> start.Case:
    return start.Case(name, new, 190, 60, None, 0.0)


def test_the_canonical_tables_are_built_in_time_or_not() -> None:
    nothing = run("nothing new", 0, 1, 1)
    quick = tables.judged(run("all", 5_000_000, 29, 50, 999), run("new", 10_000, 2.9, 4), nothing, smaller=False)
    assert list(verdicts(quick).values()) == [True, True, True]
    slow = tables.judged(run("all", 5_000_000, 30, 50, 1000), run("new", 10_000, 3, 4), nothing, smaller=False)
    assert not any(verdicts(slow).values())
    failed = tables.judged(run("all", 5_000_000, 1, 1, 1, "no rows"), run("new", 1, 1, 1), nothing, smaller=False)
    assert failed.failures == ["all: no rows"]
    assert list(verdicts(failed).values()) == [False, False, True]
