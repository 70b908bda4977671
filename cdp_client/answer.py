"""One answer of an API, as far as a reader needs it."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_origin

import msgspec

from cdp_client import lenient_json
from cdp_client.errors import UnexpectedAnswerError

_Pieces = TypeVar("_Pieces", dict[str, msgspec.Raw], list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    `now` is the platform's clock in milliseconds since 1970 (the `Date` header, which has whole seconds), None where
    the header is missing. `doubtful` says that an earlier attempt's answer was lost on the way, so that the server
    may have acted on the request more than once. `decoded` is what the reader's own decoder made of the body, None
    where there was none, or where it could not read what is JSON all the same.
    """

    route: str
    status: int
    body: bytes
    request_id: str
    now: int | None
    doubtful: bool
    decoded: Any = None

    def unexpected(self, what: str) -> UnexpectedAnswerError:
        """The error for an answer of another shape; `what` must not quote the body."""
        return UnexpectedAnswerError(f"{self.route} {what} (request id {self.request_id}).")

    def members(self) -> dict[str, msgspec.Raw]:
        """The members of the body's object, each as its own piece of JSON.

        One text with half of a surrogate pair, which is what an emoji that was cut in the middle leaves, makes the
        fast decoder refuse all of a body. A slower one then takes it apart, so that only that piece is refused.

        Raises:
            UnexpectedAnswerError: the body is no object.
        """
        return self._pieces(self.body, dict[str, msgspec.Raw])

    def elements(self, key: str) -> list[msgspec.Raw]:
        """The elements of the list under `key`, each as its own piece of JSON.

        Raises:
            UnexpectedAnswerError: there is no list under `key`.
        """
        members = self.members()
        if key not in members:
            raise self.unexpected(f"answered with JSON of another shape: it has no {key}")
        return self._pieces(members[key], list[msgspec.Raw])

    def object(self) -> dict[str, Any]:
        """The body's object, decoded as a whole.

        Raises:
            UnexpectedAnswerError: the body is no object.
        """
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.ValidationError as error:
            # msgspec names the type and the JSON path, never the value
            raise self.unexpected(f"answered with JSON of another shape: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = self._slowly(self.body)
            if not isinstance(found, dict):
                raise self.unexpected("answered with JSON of another shape: it is no object") from None
            return found

    def _pieces(self, body: bytes | msgspec.Raw, kind: type[_Pieces]) -> _Pieces:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise self.unexpected(f"answered with JSON of another shape: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = self._slowly(bytes(body))
        pieces: Any = None
        if isinstance(found, dict):
            pieces = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in found.items()}
        elif isinstance(found, list):
            pieces = [msgspec.Raw(json.dumps(value).encode()) for value in found]
        if not isinstance(pieces, get_origin(kind) or kind):
            raise self.unexpected("answered with JSON of another shape")
        return cast(_Pieces, pieces)

    def _slowly(self, body: bytes) -> Any:
        try:
            return lenient_json.loads(body)
        except ValueError:
            raise self.unexpected("answered with something that is not JSON") from None
