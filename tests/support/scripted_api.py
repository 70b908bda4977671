"""An API of a few lines whose answers a test writes by hand: for what the sandbox is too well-behaved to do."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from intilery_source import instants

REQUEST_ID = "0000-request-0000"


@dataclass
class ScriptedApi:
    """Serves `events` and `profiles` as they are; `fault` may answer a route in their place.

    `fault` gets the route (`events`, `profiles`, `traits`, `meta`) and the profile's id, and returns a status and a
    body, or None for the usual answer. `asked` counts requests by route.
    """

    events: list[Any] = field(default_factory=list)
    profiles: list[Any] = field(default_factory=list)
    fault: Callable[[str, str], tuple[int, bytes] | None] = lambda route, profile: None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        parts = path.split("/v1/", 1)[1].split("/")
        profile = unquote(parts[1]).partition(":")[2] if len(parts) > 1 else ""
        route = parts[2] if len(parts) > 2 else parts[0]
        self.asked.append(route)
        wrong = self.fault(route, profile)
        if wrong is not None:
            return wrong
        if route == "events":
            return 200, json.dumps({"data": self._page(query)}).encode()
        if route == "profiles":
            listed = [] if "scrollId" in query else self.profiles
            return 200, json.dumps({"data": listed, "scrollId": "1"}).encode()
        return 200, json.dumps({"id": profile, "firstName": "Ada", "firstEvent": {}, "lastEvent": {}}).encode()

    def _page(self, query: dict[str, str]) -> list[Any]:
        def time(event: Any) -> int:
            return instants.parse(event["eventTime"]) if isinstance(event, dict) and "eventTime" in event else 0

        start, end = (instants.parse(query[key]) if key in query else None for key in ("start", "end"))
        found = [
            event
            for event in sorted(self.events, key=time, reverse=query["sort"] == "desc")
            if (start is None or time(event) >= start) and (end is None or time(event) < end)
        ]
        skip = int(query["from"])
        return found[skip : skip + int(query["size"])]


@contextmanager
def serving(api: ScriptedApi) -> Iterator[ScriptedApi]:
    """Serve on a free port of the loopback while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            status, body = api.answer(address.path, query)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", REQUEST_ID)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}/track"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def event(number: int, **changes: Any) -> dict[str, Any]:
    """An event a minute."""
    moment = f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00.000Z"
    return {
        "eventId": f"event-{number}",
        "eventTime": moment,
        "receivedTime": moment,
        "eventAction": "page",
        "customerId": "customer-1",
        "userId": "ada@example.com",
        "rawData": {"event": "page", "action": "page", "properties": {"n": number}},
    } | changes
