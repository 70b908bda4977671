"""What the user can set, checked before anything is asked."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from cdp_client import ConfigurationError
from intilery_source.pii_rules import Rules

DEFAULT_BASE_URL = "https://tracking.intilery.com/track"

PROFILE_REFRESH = ("changed", "all", "none")
PROFILE_DETAIL = ("both", "meta", "traits")
ON_DELETE = ("keep", "pseudonymise", "erase")
NEW_KEY = "python -c 'import secrets; print(secrets.token_hex())'"
"""The command that makes a `pii_key`."""

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:(second|minute|hour|day|week)s?\s*)?", re.IGNORECASE)
_NOT_IN_AN_ADDRESS = re.compile(r"[\s?#@\\]")
SHORTEST_KEY = 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run; times are UTC, spans and time-outs seconds where they are numbers."""

    base_url: str
    client_id: str
    account_id: str
    brand_id: str
    auth_token: str
    start_date: datetime | None
    lookback: timedelta
    requests_per_second: float
    burst: int
    max_in_flight: int
    request_timeout: float
    rows_per_load: int
    max_rejected_share: float
    profile_refresh: str
    full_scroll_every: timedelta
    profile_detail: str
    max_delete_share: float
    on_delete: str
    volatile_traits: tuple[str, ...]
    max_columns: int
    pii: Rules
    pii_key: str | None

    def __repr__(self) -> str:
        """Show no value: a repr ends in logs and tracebacks."""
        return "Settings(...)"

    def __post_init__(self) -> None:
        try:
            address = urlsplit(self.base_url)
            wrong = address.scheme not in ("http", "https") or not address.hostname or address.port == 0
        except ValueError:
            wrong = True
        if wrong or _NOT_IN_AN_ADDRESS.search(self.base_url):
            raise _wrong("base_url", "is no address", DEFAULT_BASE_URL)
        if address.scheme == "http" and address.hostname not in _LOOPBACK:
            raise _wrong("base_url", "would send the token unencrypted: use https", DEFAULT_BASE_URL)
        for key in ("client_id", "account_id", "brand_id", "auth_token"):
            value = getattr(self, key)
            if not value or value != value.strip() or not value.isprintable():
                raise _wrong(key, "is empty, or has spaces around it or characters that cannot be sent", "hea")
        if not self.auth_token.isascii():
            raise _wrong("auth_token", "has characters that cannot be sent in a header", "1234abcd")
        if self.lookback < timedelta(0):
            raise _wrong("lookback", "is negative", "3 days")
        for key, example in (("requests_per_second", 100), ("request_timeout", 60)):
            if not 0 < getattr(self, key) < float("inf"):
                raise _wrong(key, "must be more than 0", example)
        whole = (("burst", 500), ("max_in_flight", 280), ("rows_per_load", 100_000), ("max_columns", 300))
        for key, example in whole:
            if getattr(self, key) < 1:
                raise _wrong(key, "must be 1 or more", example)
        if self.full_scroll_every < timedelta(0):
            raise _wrong("full_scroll_every", "is negative", "7 days")
        for key, share in (("max_rejected_share", 0.01), ("max_delete_share", 0.05)):
            if not 0 <= getattr(self, key) <= 1:
                raise _wrong(key, "must lie between 0 and 1", share)
        for key, allowed in (
            ("profile_refresh", PROFILE_REFRESH),
            ("profile_detail", PROFILE_DETAIL),
            ("on_delete", ON_DELETE),
        ):
            if getattr(self, key) not in allowed:
                raise _wrong(key, f"is none of {', '.join(allowed)}", allowed[0])
        if self.pii_key is None and self.on_delete == "pseudonymise":
            raise ConfigurationError(
                'sources.intilery.on_delete = "pseudonymise" needs a key: put pii_key into .dlt/secrets.toml, section '
                f"[sources.intilery], and keep it: {NEW_KEY} makes one."
            )
        if self.pii_key is None and self.pii.hashes:
            raise ConfigurationError(
                "sources.intilery.pii hashes values, and there is no key to hash them with: put pii_key into "
                ".dlt/secrets.toml, section [sources.intilery], or SOURCES__INTILERY__PII_KEY into the environment, "
                f"and keep it: {NEW_KEY} makes one."
            )
        if self.pii_key is not None and len(self.pii_key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"sources.intilery.pii_key must have at least {SHORTEST_KEY} characters: {NEW_KEY} makes one."
            )


def _wrong(key: str, what: str, example: object) -> ConfigurationError:
    shown = f'"{example}"' if isinstance(example, str) else example
    return ConfigurationError(f"sources.intilery.{key} {what}; for example {key} = {shown}.")


def read_instant(value: str | date | datetime | None, key: str) -> datetime | None:
    """An ISO 8601 date or instant as a UTC datetime; one without a zone is meant in UTC.

    Raises:
        ConfigurationError: it is no date; `key` is named.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConfigurationError(
                f"{key} is no date: write it as 2026-01-31 or 2026-01-31T09:30:00Z (UTC where no zone is given)."
            ) from None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(f"{key} lies outside the years 1 to 9999: write it as 2026-01-31.") from None


def read_span(value: str | float | timedelta, key: str) -> timedelta:
    """A span of time such as `3 days`, `12 hours` or a number of seconds.

    Raises:
        ConfigurationError: it is no span; `key` is named.
    """
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, str):
            match = _SPAN.fullmatch(value)
            if match is None:
                raise ValueError
            return timedelta(seconds=float(match[1]) * _UNITS[(match[2] or "second").lower()])
        return timedelta(seconds=value)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{key} is no span of time: write a number and a unit, such as 3 days or 12 hours."
        ) from None
