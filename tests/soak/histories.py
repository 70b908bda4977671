"""What a sandbox's world shows at which clock, kept beside it: the truth that the tables are compared with."""

import http.client
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from soak_plans import Crowd

from cdp_sandbox.process import Running

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class History:
    """All events of a world, received or not, and its clock; instants are milliseconds since 1970 in UTC.

    Of an event that is received twice, the first time counts: from then on it is visible.
    """

    def __init__(self, server: Running) -> None:
        self._server = server
        self.clock = self.millis(server.control("GET", "/_sandbox/clock")["now"])
        self.events: dict[str, tuple[int, int]] = {
            event["eventId"]: (self.millis(event["eventTime"]), self.millis(event["receivedTime"]))
            for event in server.control("GET", "/_sandbox/truth/events?at=2100-01-01")
        }
        """When each one happened and was received."""

    @staticmethod
    def millis(text: str) -> int:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)

    @staticmethod
    def text(millis: int) -> str:
        return (_EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds")

    def visible(self, *, since: int | None = None, until: int | None = None) -> set[str]:
        """The events that are visible now and happened in `[since, until)`."""
        return {
            key
            for key, (happened, received) in self.events.items()
            if received <= self.clock and (since is None or happened >= since) and (until is None or happened < until)
        }

    def longest_lateness_to_come(self) -> int:
        """The most milliseconds that an event is received after it happened, of those not yet received."""
        late = [received - happened for happened, received in self.events.values() if received > self.clock]
        return max(late, default=0)

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        answer = self._server.control("PUT", "/_sandbox/clock", {"advance_seconds": seconds})
        self.clock = self.millis(answer["now"])

    def post(self, crowd: Crowd, *, identify: bool) -> None:
        """Let a crowd's events happen and be received now; `identify` makes a profile of each one's user."""
        address = urlsplit(self._server.url)
        account = f"{self._server.client_id}/{self._server.account_id}/{self._server.brand_id}"
        action = "identify" if identify else "track"
        path = f"{address.path}/{account}/v1/{action}"
        headers = {"auth-token": self._server.token, "content-type": "application/json"}
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
        for number in range(crowd.number):
            happened = self.clock - round(crowd.ago * 1000) + number % crowd.instants
            event = {
                "userId": f"soak-{number}",
                "event": action if identify else f"Soak {'ABCDEFGH'[number // crowd.instants % crowd.actions]}",
                "timestamp": self.text(happened),
                "traits": {"number": number},
            }
            connection.request("POST", path, json.dumps(event), headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            self.events[json.loads(content)["eventId"]] = (happened, self.clock)
        connection.close()

    def described(self, keys: Iterable[str]) -> list[str]:
        """A few of these events, with their times."""
        shown = sorted(keys, key=lambda key: self.events[key])[:3]
        return [f"{key} of {self.text(self.events[key][0])}, at {self.text(self.events[key][1])}" for key in shown]
