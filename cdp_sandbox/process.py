"""A sandbox as a process of its own, for tests and demos."""

import http.client
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


class ControlError(Exception):
    """A control route refused; the message is the sandbox's own."""


@dataclass(slots=True)
class Running:
    """A sandbox that answers; `url` ends in `/track`. A reset to another world changes the account's identifiers."""

    url: str
    client_id: str
    account_id: str
    brand_id: str
    token: str

    def control(self, method: str, path: str, body: Any = None, *, timeout: float = 120.0) -> Any:
        """Call a control route, such as `("PUT", "/_sandbox/clock", {"advance_seconds": 60})`.

        Returns the decoded JSON, a list for one that answers in lines. Raises ControlError for any other status.
        """
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlError(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        if answer.headers.get_content_type() == "application/x-ndjson":
            return [json.loads(line) for line in content.splitlines()]
        decoded = json.loads(content)
        if path == "/_sandbox/reset":
            self.client_id, self.account_id = decoded["client_id"], decoded["account_id"]
            self.brand_id = decoded["brand_id"]
        return decoded

    def reset(self, **settings: Any) -> Any:
        """Begin anew, with what a reset takes: world, seed, clock, switches, faults, latency, limits."""
        return self.control("PUT", "/_sandbox/reset", settings)

    def change(self, **settings: Any) -> Any:
        """Change switches, faults, latency or limits."""
        return self.control("PATCH", "/_sandbox/settings", settings)


@contextmanager
def running(
    world: str = "shop",
    seed: int = 1,
    *,
    port: int = 0,
    token: str = "sandbox-token",  # noqa: S107 - it guards nothing
    seconds: float = 60.0,
) -> Iterator[Running]:
    """Run a sandbox for as long as the context lasts.

    It ends with this process, however this one ends. Raises TimeoutError when it is not ready within `seconds`, and
    RuntimeError when it ends before it is.
    """
    command = [sys.executable, "-m", "cdp_sandbox", "--world", world, "--seed", str(seed)]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--port", str(port), "--token", token, "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Running(**json.loads(_ready_line(process, seconds)))
    finally:
        _stop(process)


def _ready_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    stdout = process.stdout
    if stdout is None:
        raise RuntimeError("the sandbox has no stdout")
    deadline = time.monotonic() + seconds
    while select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with code {process.wait()} before it was ready")
        return line
    raise TimeoutError(f"the sandbox was not ready within {seconds} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
