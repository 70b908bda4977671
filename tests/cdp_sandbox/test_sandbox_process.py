"""`python -m cdp_sandbox` and `running`: how it begins and how it ends."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from cdp_sandbox.process import running

COMMAND = [sys.executable, "-m", "cdp_sandbox", "--world", "flat:10"]


@pytest.fixture
def start():
    started = []

    def begin(*options):
        process = subprocess.Popen([*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_ready_line_and_announcement(start, tmp_path):
    announced = tmp_path / "ready.json"
    _, ready = start("--announce", str(announced), "--token", "a-token")
    assert ready.keys() == {"url", "client_id", "account_id", "brand_id", "token"}
    assert ready["url"].startswith("http://127.0.0.1:")
    assert ready["url"].endswith("/track")
    assert ready["token"] == "a-token"  # noqa: S105
    assert json.loads(announced.read_text()) == ready
    health = ready["url"].replace("/track", "/_sandbox/health")
    with urllib.request.urlopen(health, timeout=5) as answer:  # noqa: S310
        assert json.load(answer) == {"ok": True, "world": "flat:10"}


def test_ends_when_its_stdin_closes(start):
    process, _ = start("--until-stdin-closes")
    process.stdin.close()
    assert process.wait(timeout=5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_on_a_signal(start, number):
    process, _ = start()
    os.kill(process.pid, number)
    process.wait(timeout=5)


def test_ends_with_its_parent():
    code = (
        "from cdp_sandbox.process import running\nimport os\n"
        "with running('flat:10') as sandbox:\n    print(sandbox.url, flush=True)\n    os._exit(1)"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    health = parent.stdout.strip().replace("/track", "/_sandbox/health")
    for _ in range(50):
        try:
            urllib.request.urlopen(health, timeout=1).close()  # noqa: S310
        except OSError:
            break
    else:
        pytest.fail("the sandbox outlived its parent")


def test_running_says_when_it_cannot_start():
    with pytest.raises(RuntimeError, match="code 2"), running("moon"):
        pass


def test_running_has_a_time_limit():
    with pytest.raises(TimeoutError), running("flat:10", seconds=0.01):
        pass
