"""What a newcomer sees: the demo, and the sandbox as a command."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from accounts import Account
from journey import Journey

from cdp_sandbox.process import Running


def _intilery(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_the_demo_loads_twice_and_shows_queries(complete_journey: Journey) -> None:
    _shows_two_loads_and_queries(complete_journey.printed)


def test_the_demo_of_another_world(tmp_path: Path) -> None:
    done = _intilery(tmp_path, "demo", "--world", "shop:60")
    assert done.returncode == 0, done.stderr
    _shows_two_loads_and_queries(done.stdout)
    assert (tmp_path / "demo.duckdb").exists()


def _shows_two_loads_and_queries(printed: str) -> None:
    assert "The tables hold exactly these." in printed
    numbers = re.findall(r"The world had ([\d,]+) (\w+) at first, and revealed ([\d,]+) more", printed)
    assert [name for _, name, _ in numbers] == ["events", "profiles"]
    for first, _, more in numbers:
        assert f" {first} " in printed
        assert f"+{more} " in printed
    assert printed.count("SELECT") >= 3
    assert "Error" not in printed


def test_the_demo_replaces_no_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "demo.duckdb").write_text("my notes" * 1000)
    done = _intilery(tmp_path, "demo", "--world", "shop:20")
    assert done.returncode == 2
    assert "DuckDB file" in done.stderr
    assert (tmp_path / "demo.duckdb").read_text().startswith("my notes")


def test_the_demo_of_an_unknown_world_says_what_is_allowed(tmp_path: Path) -> None:
    done = _intilery(tmp_path, "demo", "--world", "nowhere")
    assert done.returncode == 2
    assert "complete_journey" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sandbox_says_how_to_load_from_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "sandbox", "--world", "shop:20"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
        exported = dict(re.findall(r"export SOURCES__INTILERY__(\w+)=(\S+)", "".join(lines)))
        server = Running(*(exported[key] for key in ("BASE_URL", "CLIENT_ID", "ACCOUNT_ID", "BRAND_ID", "AUTH_TOKEN")))
        account = Account(server, tmp_path / "customers.duckdb")
        account.load(only=("events",))
        assert account.event_ids() == account.true_event_ids()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        process.stdout.close()
