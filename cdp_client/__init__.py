"""What every source shares: fetching under one rate limit, retries, errors, and words that give nothing away."""

from cdp_client.answer import Answer
from cdp_client.errors import (
    AuthenticationError,
    ConfigurationError,
    ExtractorError,
    GaveUpError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTooLongError,
)
from cdp_client.rate_limit import TokenBucket
from cdp_client.statistics import Statistics
from cdp_client.transport import Transport

__all__ = [
    "Answer",
    "AuthenticationError",
    "ConfigurationError",
    "ExtractorError",
    "GaveUpError",
    "NotFoundError",
    "RefusedError",
    "Statistics",
    "TokenBucket",
    "TooLargeError",
    "Transport",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTooLongError",
]
