"""Tables and verdicts on the terminal, and `RESULTS.md`, which keeps the last run of each benchmark."""

import os
import platform
import shlex
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import Run
from benchmarks.targets import Target, number

RESULTS = Path(__file__).with_name("RESULTS.md")
_PACKAGES = ("dlt", "duckdb", "pyarrow", "msgspec", "urllib3")
_HEADING = "## "
_WIDTH = 120
_BUSY = os.getloadavg()[0]
"""What else ran on this machine, as its load average of a minute before anything was measured."""
_TOP = """# Benchmarks

The last run of each. `make bench` runs `compare` and `latency`, `python -m benchmarks --help` lists the others. What
each one does is said in its module in `benchmarks/`.
"""


@dataclass(slots=True)
class Section:
    """What a benchmark found: the lines of a table, a note on it, verdicts, and why it failed, if it did."""

    title: str
    lines: list[str]
    note: str = ""
    targets: list[Target] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    smaller: bool = False
    """Whether it ran on fewer events than its targets are about."""

    def body(self) -> str:
        """The section without its heading."""
        parts = ["\n".join(self.lines)]
        if self.note:
            parts.append(textwrap.fill(self.note, _WIDTH))
        if self.targets:
            doubt = " (on fewer events than they are about, so no more than a hint)" if self.smaller else ""
            parts.append(f"Targets{doubt}:\n\n" + "\n".join(map(str, self.targets)))
        if self.failures:
            parts.append("Failed:\n\n" + "\n".join(f"- {failure}" for failure in self.failures))
        return "\n\n".join(parts)


TITLES = {
    "compare": "Side by side",
    "latency": "The limit at each latency",
    "ceiling 100": "The ceiling at 100 requests a second",
    "ceiling 20": "The ceiling at 20 requests a second",
    "scale": "Growth",
    "start": "A scheduled load",
    "profiles": "Profiles",
    "features": "Features",
    "spark": "Two engines",
    "tables": "Canonical tables",
}
"""The title of each benchmark's section, in the order of the file."""


def publish(section: Section, file: Path, arguments: Sequence[str]) -> None:
    """Print a section, and put it into the file in place of the one of the same title, with the command's arguments."""
    print(f"\n{_HEADING}{section.title}\n\n{section.body()}\n", flush=True)
    kept = _sections(file.read_text()) if file.exists() else {}
    kept[section.title] = f"{_measured(arguments)}\n\n{section.body()}"
    texts = [f"{_HEADING}{title}\n\n{kept[title]}\n" for title in TITLES.values() if title in kept]
    file.write_text("\n".join([_TOP, *texts]))


def figures(run: Run) -> tuple[str, ...]:
    """A row of what a run took: its name, events, seconds, CPU seconds and peak megabytes."""
    taken = run.taken
    return (
        run.name,
        f"{run.events:,}",
        number(taken.seconds),
        number(taken.cpu_seconds),
        number(run.peak_megabytes),
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown; the first column is text, the others are figures."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        shown = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(shown)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [line(headings), line(rule), *map(line, rows)]


def say(sentence: str) -> None:
    """Tell whoever waits what is being done."""
    print(sentence, file=sys.stderr, flush=True)


def _sections(text: str) -> dict[str, str]:
    """What is below each heading of the second level."""
    found: dict[str, str] = {}
    for part in text.split(f"\n{_HEADING}")[1:]:
        title, _, below = part.partition("\n")
        found[title.strip()] = below.strip()
    return found


def _measured(arguments: Sequence[str]) -> str:
    """Where, when, how and with what."""
    command = shlex.join(["python", "-m", "benchmarks", *arguments])
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    measured = f"`{command}`, {when}; {_machine()}; Python {platform.python_version()}, {packages}."
    return textwrap.fill(measured, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{cores()} of {os.cpu_count()} cores of {_processor()}, {memory:.0f} GB, {platform.system()}, "
        f"load average before {_BUSY:.1f}"
    )


def cores() -> int:
    """How many cores this process and what it starts may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
