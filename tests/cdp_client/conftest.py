"""A server with scripted answers, and a clock that only moves when somebody sleeps."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import settings

from cdp_client import Statistics, TokenBucket, Transport

settings.register_profile("no deadline", deadline=None)  # a busy machine is no finding
settings.load_profile("no deadline")

ROUTE = "/v1/profiles/{idType}:{id}/traits"
AUTH = "tok3n-that-nobody-may-see"
EMAIL = "alice@example.com"
PATH = "/v1/profiles/email:alice%40example.com/traits"
FIELDS = {"start": "2020-01-01T00:00:00.000Z", "include": "secret_action"}
GIVEN_AWAY = (AUTH, EMAIL, "alice", "%40", "example.com", "2020-01-01", "secret_action", "include", "start=", "?")


@dataclass
class Reply:
    """One scripted answer; `how` is what happens to it on the way: sent, cut, reset, late."""

    status: int = 200
    body: bytes = b'{"data": []}'
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "sent"


class Scripted(ThreadingHTTPServer):
    """Answers with its script in order, with the last of it for ever; keeps what was asked."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Reply] = [Reply()]
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/track"

    def next_reply(self, path: str, headers: dict[str, str]) -> Reply:
        with self.lock:
            self.asked.append((path, headers))
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_GET(self) -> None:
        reply = self.server.next_reply(self.path, {key.lower(): value for key, value in self.headers.items()})
        if reply.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if reply.how == "late":
            self.server.closing.wait(2)
            self.close_connection = True
            return
        headers = {"Date": "Thu, 01 Feb 2024 12:00:00 GMT", "x-amzn-RequestId": "req-42"} | reply.headers
        length = len(reply.body) + (1000 if reply.how == "cut" else 0)
        head = [f"HTTP/1.1 {reply.status} Reason", f"Content-Length: {length}"]
        head += [f"{key}: {value}" for key, value in headers.items() if value]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + reply.body)
        if reply.how == "cut":
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class FakeTime:
    """A clock that moves by what is slept on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


@dataclass
class Client:
    """A transport with what it is made of."""

    transport: Transport
    statistics: Statistics
    bucket: TokenBucket
    time: FakeTime
    server: Scripted

    def get(self) -> Any:
        return self.transport.get(ROUTE, PATH, FIELDS)

    def script(self, *replies: Reply) -> None:
        self.server.script = list(replies)


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its proxy nor the authorities that it trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_client(scripted: Scripted, fake_time: FakeTime) -> Iterator[Callable[..., Client]]:
    made: list[Transport] = []

    def make(base_url: str | None = None, *, rate: float = 100.0, burst: int = 500, timeout: float = 5.0) -> Client:
        bucket = TokenBucket(rate, burst, clock=fake_time, sleep=fake_time.sleep)
        statistics = Statistics()
        transport = Transport(
            base_url or scripted.url,
            {"auth-token": AUTH, "content-type": "application/json"},
            bucket=bucket,
            statistics=statistics,
            timeout=timeout,
            max_in_flight=40,
            sleep=fake_time.sleep,
        )
        made.append(transport)
        return Client(transport, statistics, bucket, fake_time, scripted)

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def gives_nothing_away() -> Callable[[BaseException], str]:
    """Asserts that an error, and all it was raised from, holds nothing of the request; gives its text."""

    def check(error: BaseException) -> str:
        shown = f"{error} {error!r} {error.args!r}"
        for secret in GIVEN_AWAY:
            assert secret not in shown, f"{secret!r} in {shown}"
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__
        assert str(error).endswith(".")
        return str(error)

    return check
