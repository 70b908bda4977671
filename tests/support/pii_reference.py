"""What the rules of personal data mean, said slowly: the glob of each rule is held against each value's path."""

import hashlib
import hmac
import json
import re
from fnmatch import fnmatchcase
from typing import Any

KEY = "a key of sixteen characters"
COLUMNS = {
    "eventAction": "event_action", "customerId": "customer_id", "userId": "user_id", "anonymousId": "anonymous_id",
    "clientId": "client_id", "accountId": "account_id", "brandId": "brand_id", "receivedTime": "received_time",
    "id": "profile_id", "externalId": "external_id",
}  # fmt: skip
RAW_COLUMNS = {"event": "event_name", "action": "call_type", "sendType": "send_type"}


def spelled(name: str) -> str:
    return re.sub(r"[_\s-]", "", name.casefold())


def hashed(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


class Reference:
    def __init__(self, rules: dict[str, str], *, of_profiles: bool = False) -> None:
        self.rules = {spelled(glob): action for glob, action in rules.items()}
        self.bases = ["profileevents", "events"] if of_profiles else ["events"]
        self.keys = {"eventId", "eventTime"} | ({"id"} if of_profiles else set())

    def action(self, paths: list[str]) -> str:
        action = "keep"
        for glob, named in self.rules.items():
            if any(fnmatchcase(path, glob) for path in paths):
                action = named
        return action

    def document(self, value: Any, paths: list[str]) -> Any:
        if isinstance(value, list):
            return [self.document(inner, paths) for inner in value]
        if not isinstance(value, dict):
            return value
        return self._members(value, lambda key: [f"{path}.{spelled(key)}" for path in paths], lambda _, inner: inner)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in event.items() if key in self.keys}
        rest = {key: value for key, value in event.items() if key not in self.keys}

        def inside(key: str, value: Any) -> Any:
            if isinstance(value, dict) and key == "$original":
                return "event", value
            return ("data", value) if isinstance(value, dict) and key == "rawData" else value

        return own | self._members(rest, lambda key: self._names(key, COLUMNS), inside)

    def _names(self, key: str, columns: dict[str, str], before: str = "") -> list[str]:
        return [f"{base}.{before}{spelled(name)}" for base in self.bases for name in (key, columns.get(key, key))]

    def _data(self, data: dict[str, Any]) -> dict[str, Any]:
        def names(key: str) -> list[str]:
            return self._names(key, RAW_COLUMNS) + self._names(key, RAW_COLUMNS, "rawdata.")

        return self._members(data, names, lambda _, value: value)

    def _members(self, value: dict[str, Any], names: Any, inside: Any) -> dict[str, Any]:
        found = {}
        for key, inner in value.items():
            paths = names(key)
            action = self.action(paths)
            if action == "drop":
                continue
            found[key] = inner
            if inner is None:
                continue
            if action == "mask":
                found[key] = "[masked]"
            elif action == "hash":
                text = inner if isinstance(inner, str) else json.dumps(
                    inner, sort_keys=True, separators=(",", ":"), ensure_ascii=False
                )  # fmt: skip
                found[key] = hashed(text)
            else:
                special = inside(key, inner)
                if isinstance(special, tuple):
                    found[key] = self.event(special[1]) if special[0] == "event" else self._data(special[1])
                else:
                    found[key] = self.document(inner, paths)
        return found
