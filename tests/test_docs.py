"""The documents say what is so: links lead somewhere, settings are those of the code, pages stay short."""

import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import customer_features
import intilery_source
from benchmarks.feature_world import write
from intilery_source.pii_rules import read_rules
from pipelines.dlt_settings import SETTINGS

_ROOT = Path(__file__).parents[1]
_PAGES = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), _ROOT / "cdp_sandbox" / "COVERAGE.md"])
_WORDS_ON_TWO_PAGES = 1000


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize(
    "name",
    [
        "quick_start",
        "data_dictionary",
        "profile_dictionary",
        "run_dictionary",
        "how_it_works",
        "profiles",
        "destinations",
        "personal_data",
        "customer_tables",
        "customer_resolution",
        "features",
        "scaling",
    ],
)
def test_a_page_for_readers_is_under_two_pages(name: str) -> None:
    assert len((_ROOT / "docs" / f"{name}.md").read_text().split()) < _WORDS_ON_TWO_PAGES


def test_the_rules_that_are_shown_are_rules() -> None:
    text = (_ROOT / "docs" / "personal_data.md").read_text()
    shown = [
        tomllib.loads(block)["sources"]["intilery"]["pii"] for block in re.findall(r"```toml\n(.*?)```", text, re.S)
    ]
    shown += re.findall(r"SOURCES__INTILERY__PII='(.*?)'", text)
    assert len(shown) == 3
    for rules in shown:
        assert read_rules(rules).default


def test_the_features_that_are_shown_can_be_built(tmp_path: Path) -> None:
    text = (_ROOT / "docs" / "features.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    write(tmp_path / "customers.duckdb", 20_000, 150)
    code = (
        code.replace("2026-06", "2026-01").replace("2026-03", "2025-11").replace("5f0c…", "customer-" + "1".zfill(24))
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(_ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    families = set(re.findall(r"`(\w+)\(", text)) | {"unique_list", "unique_count", "most_frequent"}
    assert families <= {*customer_features.__all__, "prove"}
    others = {"build", "monthly", "weekly", "current", "first_value", "last_value"}
    assert {name for name in customer_features.__all__ if name.islower()} <= families | others


def test_decisions_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in (_ROOT / "docs" / "decisions").glob("*.md"))
    assert names
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]


def test_the_configuration_file_lists_every_setting_with_its_default() -> None:
    text = (_ROOT / ".dlt" / "config.toml").read_text()
    section = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    documented = tomllib.loads(section)["sources"]["intilery"]
    parameters = inspect.signature(intilery_source.intilery).parameters
    settings = {name: p.default for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert documented.keys() == settings.keys() - {"auth_token", "pii_key"}
    for name, default in settings.items():
        if isinstance(default, int | float | str) and "dlt" not in str(default) and name not in ("auth_token",):
            assert documented.get(name) == default or default is None, name
    for line in text.splitlines():
        if re.match(r"(# )?\w+ = ", line):
            assert re.search(r"\s# .{8,}", line.removeprefix("# ")), f"no meaning: {line}"


def test_the_configuration_file_sets_what_the_command_sets_for_dlt() -> None:
    parsed = tomllib.loads((_ROOT / ".dlt" / "config.toml").read_text())
    for name, value in SETTINGS.items():
        found = parsed
        for key in name.lower().split("__"):
            found = found[key]
        assert str(found).lower() == value.lower(), name


def test_secrets_are_ignored_by_git_and_their_example_is_not() -> None:
    ignored = subprocess.run(["git", "check-ignore", ".dlt/secrets.toml"], cwd=_ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0
    assert (_ROOT / ".dlt" / "secrets.toml.example").exists()


def test_make_help_names_every_target() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=_ROOT, capture_output=True, text=True, check=True
    ).stdout
    targets = set(re.findall(r"^(\w+):", (_ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert targets == {line.split()[0] for line in shown.splitlines()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["load", "--help"],
        ["verify", "--help"],
        ["export", "--help"],
        ["tables", "--help"],
        ["tables", "build", "--help"],
        ["tables", "check", "--help"],
        ["sandbox", "--help"],
        ["demo", "--help"],
    ],
)
def test_every_command_explains_itself(arguments: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pipelines", *arguments], capture_output=True, text=True, check=True, cwd=_ROOT
    ).stdout
    assert "Usage" in shown


def test_the_help_shows_the_defaults() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pipelines", "load", "--help"], capture_output=True, text=True, check=True, cwd=_ROOT
    ).stdout
    assert "(default: customers.duckdb)" in " ".join(shown.replace("│", " ").split())
    assert "(default: all)" in " ".join(shown.replace("│", " ").split())


def test_no_version_is_left_open_and_no_address_is_written() -> None:
    lines = (_ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", line) for line in lines if line and not line.startswith("#"))
