"""What the API answers: a status, a body, headers; and the errors of the documents."""

import json
from dataclasses import dataclass
from typing import Any

from cdp_sandbox.switches import Switches

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, before any fault touches it."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: Headers = ()
    scroll_id: str | None = None
    """The id that a page of a scroll names for the next one."""


class ApiError(Exception):
    """An answer other than 200, by the codes of the Profiles API's "Errors"."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self, switches: Switches) -> Answer:
        """Write the error in the form that the switch `error_body` asks for."""
        if switches.error_body == "message":
            return Answer(self.status, to_json({"message": self.message}))
        return Answer(self.status, to_json({"error": {"code": self.code, "message": self.message}}))


def to_json(value: Any) -> bytes:
    """Write JSON in UTF-8 without needless spaces; half a surrogate pair, which UTF-8 lacks, stays escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def unknown_route(switches: Switches) -> Answer:
    """Answer for a path or method that the API does not have: a 404 whose code is not `not_found`."""
    if switches.unknown_route == "message":
        return Answer(404, b'{"message":"Not Found"}')
    return ApiError(404, "invalid_request_error", "Unknown route.").answer(switches)


def too_many(switches: Switches, date: str) -> Answer:
    """Answer 429; `date` is the HTTP date for the `Retry-After` of that form."""
    refusal = ApiError(429, "rate_limit_error", "Too many requests hit the API too quickly.").answer(switches)
    if switches.retry_after == "none":
        return refusal
    value = "1" if switches.retry_after == "seconds" else date
    return Answer(refusal.status, refusal.body, headers=((b"retry-after", value.encode()),))


def gateway_error(status: int, headers: Headers = ()) -> Answer:
    """Answer 502, 503 or 504 as a gateway does: in HTML."""
    title = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out"}[status]
    page = f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    return Answer(status, page.encode(), b"text/html", headers)
