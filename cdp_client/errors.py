"""The errors of a run, named by what the caller does about them.

    ExtractorError
    ├── ConfigurationError        a key is missing or wrong: the user mends it, nothing was asked
    ├── AuthenticationError       the token was refused: stop
    ├── UnreachableError          no connection, or one that cannot be trusted: stop
    ├── UnexpectedAnswerError     an answer of another shape, or one that contradicts the question: stop
    ├── WaitTooLongError          the API asks for a pause of hours: stop, run again later
    ├── GaveUpError               every retry failed: skip one profile, or stop
    ├── RefusedError              the API refuses this very request (4xx)
    ├── NotFoundError             404; `code` says what was not found
    └── TooLargeError             413: ask for less

A message names the route's template and the answer's request id. It never holds a token, an identifier, an e-mail
address or a query string.
"""


class ExtractorError(Exception):
    """Whatever stops or diverts a run; its text is one sentence for the user."""


class ConfigurationError(ExtractorError):
    """A setting is missing or wrong."""


class AuthenticationError(ExtractorError):
    """The API refused the token (401 or 403)."""


class UnreachableError(ExtractorError):
    """No connection could be made, or its certificate could not be verified."""


class UnexpectedAnswerError(ExtractorError):
    """The API answered with something that its documents do not allow."""


class WaitTooLongError(ExtractorError):
    """The API asks for a longer pause than a run can make."""


class GaveUpError(ExtractorError):
    """A request failed as often as it may be tried."""


class RefusedError(ExtractorError):
    """The API refused a request for good (a 4xx without a name of its own here)."""


class NotFoundError(ExtractorError):
    """404; `code` is the error code of the body, or an empty string where it has none; `doubtful` as for `Answer`."""

    def __init__(self, message: str, code: str, *, doubtful: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.doubtful = doubtful


class TooLargeError(ExtractorError):
    """413: the request, or what it asks for, is too large."""
