"""One answer of an API, as far as a reader needs it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from cdp_client.errors import UnexpectedAnswerError


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    `now` is the platform's clock in milliseconds since 1970 (the `Date` header, which has whole seconds), None where
    the header is missing. `doubtful` says that an earlier attempt's answer was lost on the way, so that the server
    may have acted on the request more than once.
    """

    route: str
    status: int
    body: bytes
    request_id: str
    now: int | None
    doubtful: bool

    def unexpected(self, what: str) -> UnexpectedAnswerError:
        """The error for an answer of another shape; `what` must not quote the body."""
        return UnexpectedAnswerError(f"{self.route} {what} (request id {self.request_id}).")

    def decode(self, kind: Any) -> Any:
        """The body as `kind` (a type that msgspec knows).

        Raises:
            UnexpectedAnswerError: the body is JSON of another shape.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            # msgspec names the type and the JSON path, never the value
            raise self.unexpected(f"answered with JSON of another shape: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self.unexpected("answered with something that is not JSON") from None
