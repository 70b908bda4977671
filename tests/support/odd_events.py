"""Events in every shape that JSON allows, for property tests; and bytes that are none."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st


def canonical(value: Any) -> str:
    """JSON with sorted keys; 1, 1.0 and true stay different, as does -0.0."""
    return json.dumps(value, sort_keys=True)


TEXTS = st.text(max_size=12)
NUMBERS = st.integers() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
JSONS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.one_of(st.none(), st.just(UTC), ZONES))  # noqa: DTZ001
TIMES = st.one_of(
    MOMENTS.map(lambda moment: moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"),
    MOMENTS.map(datetime.isoformat),
    MOMENTS.map(lambda moment: moment.date().isoformat()),
    MOMENTS.map(lambda moment: moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "9Z"),
)


def keyed(known: dict[str, st.SearchStrategy[Any]], *, unlike: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of the known keys, and unknown ones."""
    unknown = st.dictionaries(TEXTS.filter(lambda key: key not in unlike), JSONS, max_size=3)
    return st.builds(lambda first, second: first | second, unknown, st.fixed_dictionaries({}, optional=known))


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, JSONS)


RAW_KEYS = ("event", "action", "sendType")
JSON_KEYS = ("properties", "context", "traits")
TEXT_KEYS = ("eventAction", "customerId", "userId", "anonymousId", "clientId", "accountId", "brandId", "source")
RAW_DATA = keyed(
    {key: mostly(TEXTS) for key in RAW_KEYS} | dict.fromkeys(JSON_KEYS, JSONS), unlike={*RAW_KEYS, *JSON_KEYS}
)
REQUIRED = {"eventId": st.text(min_size=1, max_size=8), "eventTime": TIMES}
OPTIONAL = (
    {key: mostly(TEXTS) for key in TEXT_KEYS}
    | {key: mostly(TEXTS) for key in ("id", "externalId", "email")}
    | {"receivedTime": mostly(TIMES), "rawData": mostly(RAW_DATA), "$original": JSONS, "extra": JSONS}
)
EVENTS = st.builds(
    lambda required, optional, raw: optional | required | ({} if raw is None else {"rawData": raw}),
    st.fixed_dictionaries(REQUIRED),
    keyed(OPTIONAL, unlike={*OPTIONAL, *REQUIRED}),
    st.none() | RAW_DATA,
)
WRITERS = st.sampled_from(
    [
        lambda event: json.dumps(event),
        lambda event: json.dumps(event, ensure_ascii=False),
        lambda event: json.dumps(event, indent=2),
        lambda event: json.dumps(event, separators=(",", ":"), sort_keys=True),
    ]
)

WRONG = [
    b"",
    b"alice",
    b'"alice"',
    b"[]",
    b"7",
    b"null",
    b'{"alice": ',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "x": tru}',
    b'{"alice": 1}',
    b'{"eventId": "", "eventTime": "2024-02-01T12:00:00.000Z"}',
    b'{"eventId": 99887766, "eventTime": "2024-02-01T12:00:00.000Z"}',
    b'{"eventId": null, "eventTime": "2024-02-01T12:00:00.000Z"}',
    b'{"eventId": {"alice": 1}, "eventTime": "2024-02-01T12:00:00.000Z"}',
    b'{"eventId": "alice"}',
    b'{"eventId": "alice", "eventTime": null}',
    b'{"eventId": "alice", "eventTime": 99887766}',
    b'{"eventId": "alice", "eventTime": "alice"}',
    b'{"eventId": "alice", "eventTime": "0001-01-01T00:00:00.000+14:00"}',
    b'{"eventId": "alice\xff", "eventTime": "2024-02-01T12:00:00.000Z"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000\xff"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "x": "\xff"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "\xff": 1}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "userId": "\xff"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"properties": "\xff"}}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"x": "\xff"}, "id": "p"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "rawData": {"event": "\xed\xa0\x80"}}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "userId": "\\ud83d"}',
    b'{"eventId": "alice", "eventTime": "2024-02-01T12:00:00.000Z", "x": ' + b"[" * 9999 + b"]" * 9999 + b"}",
]
"""Elements that are no row, neither of the account nor of a profile."""
