"""When to ask again: exponential backoff with jitter, and the server's own `Retry-After`.

"We recommend an exponential backoff of your requests" (Profiles API, "HTTP Status", 429).
"""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from cdp_client.errors import WaitTooLongError

MAX_ATTEMPTS = 10
"""How often one request is sent before it counts as failed."""
MAX_CONNECT_ATTEMPTS = 3
"""The same for a host that never answered anything in this process: it is probably the wrong one."""
MAX_NOT_JSON_ATTEMPTS = 3
"""The same for answers that are no JSON from their first byte: a wrong address, rather than a cut answer."""
MAX_RETRY_AFTER = 900.0
"""The longest pause, in seconds, that a run makes because the server asks for it."""

_FIRST_BACKOFF = 0.2
_MAX_BACKOFF = 20.0


def backoff(attempt: int) -> float:
    """Seconds to wait after the failed `attempt` (from 0): between half and all of an exponentially growing time."""
    ceiling = min(_MAX_BACKOFF, _FIRST_BACKOFF * 2.0**attempt)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads retries, protects nothing


@lru_cache(maxsize=16)  # it changes once a second
def http_date(value: str | None) -> datetime | None:
    """The instant of an HTTP date (RFC 9110, 5.6.7) in UTC, None where there is none that can be read."""
    if not value:
        return None
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def retry_after(value: str | None, server_now: datetime | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, which is a number or a date (RFC 9110, 10.2.3).

    A date counts from `server_now`, the answer's own `Date`: the two machines' clocks may differ. None where the
    header is missing or cannot be read.

    Raises:
        WaitTooLongError: it asks for more than `MAX_RETRY_AFTER`.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        until = http_date(value)
        if until is None:
            return None
        seconds = (until - (server_now or datetime.now(UTC))).total_seconds()
    if seconds <= 0:  # in the past
        return 0.0
    if seconds > MAX_RETRY_AFTER:
        raise WaitTooLongError(
            f"The API asks to wait {seconds / 3600:.1f} hours before the next request, longer than a run waits "
            f"({MAX_RETRY_AFTER / 60:.0f} minutes); run the same command again after that, it goes on from there."
        )
    return seconds
