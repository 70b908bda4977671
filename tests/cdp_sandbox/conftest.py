"""A sandbox for these tests, and a plain client that knows HTTP and nothing of the sandbox's code."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3

from cdp_sandbox.process import Running, running


class Api:
    """The API as its documents describe it, over HTTP."""

    def __init__(self, sandbox: Running) -> None:
        self.sandbox = sandbox
        self.pool = urllib3.PoolManager(maxsize=64, retries=False)

    @property
    def base(self) -> str:
        sandbox = self.sandbox
        return f"{sandbox.url}/{sandbox.client_id}/{sandbox.account_id}/{sandbox.brand_id}/v1"

    def send(
        self,
        path: str,
        query: dict[str, Any] | None = None,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; `path` begins behind `/v1`, `headers` replace the usual ones."""
        if headers is None:
            headers = {"auth-token": self.sandbox.token, "content-type": "application/json"}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = self.base + path + ("?" + urlencode(query) if query else "")
        return self.pool.request(method, url, headers=headers, body=content)

    def get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """Decode the JSON of a 200."""
        answer = self.send(path, query)
        assert answer.status == 200, answer.data
        return answer.json()

    def error(self, path: str, query: dict[str, Any] | None = None) -> tuple[int, str, str]:
        """Status, code and message of an error."""
        answer = self.send(path, query)
        error = answer.json()["error"]
        return answer.status, error["code"], error["message"]

    def events(self, query: dict[str, Any] | None = None) -> list[str]:
        """The identifiers of one page of the account's events."""
        return [event["eventId"] for event in self.get("/events", query)["data"]]

    def profile(self, id_type: str, value: str, endpoint: str) -> str:
        """The path of a profile's endpoint, percent-encoded."""
        return f"/profiles/{quote(f'{id_type}:{value}', safe='')}/{endpoint}"

    def post(self, action: str, body: Any) -> urllib3.BaseHTTPResponse:
        return self.send(f"/{action}", method="POST", body=body)

    def truth(self, at: str | None = None) -> list[Any]:
        """All visible events, oldest first."""
        return self.sandbox.control("GET", "/_sandbox/truth/events" + (f"?at={at}" if at else ""))

    def profiles(self) -> list[Any]:
        """All existing profiles: id, traits, meta."""
        return self.sandbox.control("GET", "/_sandbox/truth/profiles")

    def scroll(self, spelling: str = "scrollId", pages: int = 1000) -> list[str]:
        """The identifiers that a scroll lists, read until there are no more."""
        page = self.get("/profiles")
        listed: list[str] = []
        while page["data"] and pages:
            listed += [profile["id"] for profile in page["data"]]
            page = self.get("/profiles", {spelling: page["scrollId"]})
            pages -= 1
        return listed


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    with running("flat:600", seed=1) as process:
        yield process


@pytest.fixture
def api(sandbox: Running) -> Api:
    """A sandbox just reset: 600 events, 12 profiles, 5 of them on a page, no limit of requests."""
    sandbox.reset(limits={"rate": None, "list_page": 5})
    return Api(sandbox)
