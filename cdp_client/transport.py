"""Sending a request until it is answered, under one rate limit.

urllib3's pool is used directly: it costs a third of the CPU of requests on top of it, and its retries are off, so
that the rules here (jitter, one pause for all threads, lost answers) are the only ones.
"""

import re
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import certifi
import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from urllib3.util.ssl_match_hostname import CertificateError

from cdp_client import errors, lenient_json, retry
from cdp_client.answer import Answer
from cdp_client.rate_limit import TokenBucket
from cdp_client.statistics import Statistics

_NOT_OF_AN_ID = re.compile(r"[^\w.=-]+")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{,39}")
_NOT_SENT = (NewConnectionError, NameResolutionError, ConnectTimeoutError)
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_MOVED_NOTHING = frozenset({429, 503})
"""A refusal: the request was not acted on (API contract, "a lost answer in a scroll")."""

_NO_RETRIES = urllib3.Retry.from_int(False, redirect=False)


class Transport:
    """Sends GET requests with fixed headers; safe to use from any thread.

    A route is the template that messages and statistics show (`/v1/profiles/{idType}:{id}/traits`); the path that
    is really asked for never appears in either.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        bucket: TokenBucket,
        statistics: Statistics,
        timeout: float,
        max_in_flight: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._bucket = bucket
        self._statistics = statistics
        self._sleep = sleep
        self._answered = False
        self._host = urlsplit(base_url).hostname or base_url
        self._pool = _pool(base_url, headers, timeout, max_in_flight)
        self._direct: tuple[urllib3.HTTPConnectionPool, str] | None = None
        """The connections to the API and the path of its base address, unless there is a proxy in between."""

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._direct = None
        self._pool.clear()

    def permit(self) -> None:
        """Wait for the rate limit's permission, and take it for a `get` to come."""
        self._statistics.add_wait(self._bucket.acquire())

    def get(
        self,
        route: str,
        path: str,
        fields: Mapping[str, str],
        decode: Callable[[bytes], Any] | None = None,
        *,
        permitted: bool = False,
    ) -> Answer:
        """Ask for `path` (percent-encoded already) below the base address until there is an answer.

        `decode` reads the body, and raises a ValueError where it cannot: what it makes of it is the answer's `decoded`.
        It saves a second look at the whole body, which else shows whether all of it is there. `permitted` says that
        `permit` has been called for the first attempt.

        Raises:
            AuthenticationError, NotFoundError, TooLargeError, RefusedError: the API refuses, at once.
            UnreachableError, GaveUpError, WaitTooLongError: it cannot be had.
            UnexpectedAnswerError: it answers with what is neither success nor an error.
        """
        target = path + "?" + urlencode(fields) if fields else path
        doubtful = False
        attempt = 0
        not_json = 0
        while True:
            if not permitted:
                self.permit()
            permitted = False
            pause: float | None = None
            try:
                response = self._send(target)
            except HTTPError as error:
                failure = self._connection_failure(error, route, attempt)
                doubtful = doubtful or not isinstance(_cause(error), _NOT_SENT)
            else:
                self._answered = True
                self._statistics.count_request(route, str(response.status))
                if response.status == 200:
                    whole, decoded = _read(response.data, decode)
                    if whole:
                        return _answer(route, response, doubtful, decoded)
                failure, pause = self._bad_answer(route, response, attempt, doubtful=doubtful)
                doubtful = doubtful or response.status not in _MOVED_NOTHING
                if response.status == 429:
                    self._bucket.slow_down()
                not_json += response.status == 200 and _is_no_json(response)
            attempt += 1
            if attempt >= retry.MAX_ATTEMPTS or not_json >= retry.MAX_NOT_JSON_ATTEMPTS:
                raise errors.GaveUpError(f"{route} failed again and again, at last with {failure}: run it again later.")
            self._statistics.count_retry()
            if pause is None:
                pause = retry.backoff(attempt - 1)
                self._sleep(pause)
                self._statistics.add_wait(pause)
            else:
                self._bucket.pause(pause)

    def _send(self, target: str) -> urllib3.BaseHTTPResponse:
        """One answer, whatever its status.

        Asking the manager would take the address apart and look up the host's pool each time: a sixth of the CPU.
        """
        direct = self._direct
        if direct is None:
            if isinstance(self._pool, urllib3.ProxyManager):
                return self._pool.urlopen("GET", self._base_url + target, redirect=False, retries=_NO_RETRIES)
            address = urllib3.util.parse_url(self._base_url)
            direct = self._pool.connection_from_url(self._base_url), address.request_uri.rstrip("/")
            self._direct = direct
        connections, base_path = direct
        return connections.urlopen(
            "GET",
            base_path + target,
            headers=self._pool.headers,
            redirect=False,
            retries=_NO_RETRIES,
            assert_same_host=False,
        )

    def _connection_failure(self, error: HTTPError, route: str, attempt: int) -> str:
        """What went wrong on the way, in words; raises what no retry can mend."""
        name = type(error).__name__
        self._statistics.count_request(route, name)
        cause = _cause(error)
        if isinstance(cause, SSLError) and _is_about_the_certificate(cause):
            raise errors.UnreachableError(
                f"The certificate of {self._host} could not be verified ({_reason(cause)}): check base_url, or point "
                "SSL_CERT_FILE at your organisation's certificate authority."
            ) from None
        never_connected = isinstance(cause, (*_NOT_SENT, SSLError)) and not self._answered
        if isinstance(error, LocationParseError) or (never_connected and attempt + 1 >= retry.MAX_CONNECT_ATTEMPTS):
            raise errors.UnreachableError(
                f"{self._host} cannot be reached ({name}): check base_url and the network."
            ) from None
        return f"a broken connection ({name})"

    def _bad_answer(
        self, route: str, response: urllib3.BaseHTTPResponse, attempt: int, *, doubtful: bool
    ) -> tuple[str, float | None]:
        """The failure in words, and the pause for all threads if one is due; raises what no retry can mend.

        A `Retry-After` is a least pause: one of 0 seconds, again and again, must not use up all attempts at once.
        """
        request_id = _request_id(response)
        status = response.status
        seen = f"{status} (request id {request_id})"
        if status == 200:
            return f"an answer that is not whole JSON (request id {request_id})", None
        if status in (401, 403):
            raise errors.AuthenticationError(
                f"The API refused the token with {seen} on {route}: check auth_token, and that it may read this "
                "client_id, account_id and brand_id."
            )
        if status == 404:
            code = _error_code(response.data)
            raise errors.NotFoundError(f"{route} answered {seen}.", code, doubtful=doubtful)
        if status == 413:
            raise errors.TooLargeError(f"{route} answered {seen}: too large.")
        if status in _RETRIED:
            server_now = retry.http_date(response.headers.get("Date"))
            asked = retry.retry_after(response.headers.get("Retry-After"), server_now)
            if asked is not None:
                return seen, max(asked, retry.backoff(attempt))
            return seen, retry.backoff(attempt + 2) if status == 429 else None
        if 400 <= status < 500:
            code = _error_code(response.data)
            raise errors.RefusedError(f"{route} was refused with {seen}{f', code {code}' if code else ''}.")
        raise errors.UnexpectedAnswerError(f"{route} answered with {seen}, which is neither data nor an error.")


def _pool(base_url: str, headers: Mapping[str, str], timeout: float, size: int) -> urllib3.PoolManager:
    """A pool that verifies certificates and, like requests, goes through the proxy of the environment."""
    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())
    address = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(address.scheme)
    settings: dict[str, Any] = {
        "num_pools": 2,
        "maxsize": size,
        "block": True,
        "headers": dict(headers),
        "timeout": urllib3.Timeout(connect=min(timeout, 10.0), read=timeout),
        "ssl_context": trust,
    }
    loopback = address.hostname in ("localhost", "127.0.0.1", "::1")
    if proxy and not loopback and not urllib.request.proxy_bypass(address.hostname or ""):
        named = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if named.username:
            basic = f"{unquote(named.username)}:{unquote(named.password or '')}"
            settings["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=basic)
        return urllib3.ProxyManager(named.geturl(), **settings)
    return urllib3.PoolManager(**settings)


def _answer(route: str, response: urllib3.BaseHTTPResponse, doubtful: bool, decoded: Any) -> Answer:
    date = retry.http_date(response.headers.get("Date"))
    return Answer(
        route=route,
        status=response.status,
        body=response.data,
        request_id=_request_id(response),
        now=None if date is None else int(date.timestamp() * 1000),
        doubtful=doubtful,
        decoded=decoded,
    )


def _read(body: bytes, decode: Callable[[bytes], Any] | None) -> tuple[bool, Any]:
    """Whether the body is all of a JSON object or array, and what `decode` makes of it, None if it cannot read it."""
    stripped = body.strip()
    if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):  # a cheap look before anyone decodes it
        return False, None
    if decode is not None:
        try:
            return True, decode(body)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            pass
    return _parses(stripped), None


def _parses(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parses_slowly(body)
    return True


def _parses_slowly(body: bytes) -> bool:
    """The same for Python's own decoder, which also takes half of a surrogate pair."""
    try:
        lenient_json.loads(body)
    except ValueError:
        return False
    return True


def _is_no_json(response: urllib3.BaseHTTPResponse) -> bool:
    """Whether the body is something else from its first byte; an empty one is an answer that was cut."""
    start = response.data.lstrip()[:1]
    return start not in (b"", b"{", b"[")


def _request_id(response: urllib3.BaseHTTPResponse) -> str:
    """The request id to quote to the vendor (Profiles API, "Request IDs"), cut to what an id may look like."""
    value = response.headers.get("x-amzn-RequestId") or response.headers.get("Request-Id") or "none"
    return _NOT_OF_AN_ID.sub("", value[:64])


def _error_code(body: bytes) -> str:
    """The code of `{"error": {"code", "message"}}`; an empty string where there is none that looks like a code."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = decoded.get("error") if isinstance(decoded, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _cause(error: HTTPError) -> Exception:
    """What went wrong, also where it went wrong on the way to a proxy."""
    return error.original_error if isinstance(error, ProxyError) else error


def _is_about_the_certificate(error: SSLError) -> bool:
    """Whether nobody should be trusted here; any other TLS failure is a connection that broke."""
    inner = error.args[0] if error.args else None
    return isinstance(inner, ssl.SSLCertVerificationError | CertificateError)


def _reason(error: Exception) -> str:
    """OpenSSL's reason, which names no data."""
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    return str(getattr(inner, "verify_message", "") or getattr(inner, "reason", "") or type(inner).__name__)


def now_of(answer: Answer) -> int:
    """The platform's clock in milliseconds; this machine's where the answer has no `Date`, or a later one.

    A clock that runs ahead would let a reader skip what is still to come; one that is late makes it read twice.
    """
    here = int(datetime.now(UTC).timestamp() * 1000)
    return here if answer.now is None else min(answer.now, here)
