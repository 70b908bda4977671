"""What the user sets is checked, by name and with an example, before anything is asked."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cdp_client import ConfigurationError
from intilery_source.pii_rules import read_rules
from intilery_source.settings import DEFAULT_BASE_URL, Settings, read_instant, read_span

GOOD = {
    "base_url": DEFAULT_BASE_URL,
    "client_id": "hea-client",
    "account_id": "hea-account",
    "brand_id": "HEA-brand",
    "auth_token": "tok3n",
    "start_date": datetime(2024, 2, 1, tzinfo=UTC),
    "lookback": timedelta(days=3),
    "requests_per_second": 100.0,
    "burst": 500,
    "max_in_flight": 280,
    "request_timeout": 60.0,
    "rows_per_load": 200_000,
    "max_rejected_share": 0.01,
    "profile_refresh": "changed",
    "full_scroll_every": timedelta(days=7),
    "profile_detail": "both",
    "max_delete_share": 0.05,
    "on_delete": "erase",
    "volatile_traits": ("lastSeenTime",),
    "max_columns": 300,
    "pii": read_rules("default"),
    "pii_key": "k3y of sixteen characters",
}
NAN, INF = float("nan"), float("inf")
WRONG = [
    *[
        ("base_url", value)
        for value in ("", "tracking.intilery.com", "ftp://host/x", "https://", "https:///x", "//h/x")
    ],
    *[("base_url", value) for value in ("https://[::1/x", "https://h:port/x", "https://h:99999/x", "https://h x/y")],
    *[("base_url", value) for value in ("https://h/x?a=1", "https://h/x#a", "https://user:pw@h/x", " https://h/x")],
    *[
        (key, value)
        for key in ("client_id", "account_id", "brand_id", "auth_token")
        for value in ("", " a", "a ", "a\nb")
    ],
    ("auth_token", "tökén"),
    ("auth_token", "a\r\nx: y"),
    ("lookback", timedelta(seconds=-1)),
    *[(key, value) for key in ("requests_per_second", "request_timeout") for value in (0.0, -1.0, NAN, INF)],
    *[(key, value) for key in ("burst", "max_in_flight", "rows_per_load", "max_columns") for value in (0, -5)],
    *[(key, value) for key in ("max_rejected_share", "max_delete_share") for value in (-0.01, 1.01, NAN, INF)],
    ("full_scroll_every", timedelta(seconds=-1)),
    ("profile_refresh", "some"),
    ("profile_detail", ""),
    ("on_delete", "forget"),
]


@pytest.fixture
def good():
    return Settings(**GOOD)


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_each_wrong_value_names_its_key_and_an_example(good, key, value):
    with pytest.raises(ConfigurationError) as caught:
        replace(good, **{key: value})
    text = str(caught.value)
    assert text.startswith(f"sources.intilery.{key} ")
    assert f"for example {key} = " in text
    if isinstance(value, str) and len(value) > 3 and value not in DEFAULT_BASE_URL:
        assert value not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_the_example_is_right_itself(good, key, value):
    with pytest.raises(ConfigurationError) as caught:
        replace(good, **{key: value})
    example = str(caught.value).split(f"{key} = ")[1].rstrip(".").strip('"')
    kind = type(GOOD[key])
    mended = read_span(example, key) if kind is timedelta else kind(example)
    assert getattr(replace(good, **{key: mended}), key) == mended


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_url", "https://host.example"),
        ("base_url", "https://host.example:8443/track/"),
        ("client_id", "a/b c"),
        ("brand_id", "ZÖE"),
        ("lookback", timedelta(0)),
        ("requests_per_second", 0.1),
        ("burst", 1),
        ("max_rejected_share", 0),
        ("max_rejected_share", 1),
        ("start_date", None),
    ],
)
def test_odd_but_right_values_are_taken(good, key, value):
    assert getattr(replace(good, **{key: value}), key) == value


@pytest.mark.parametrize(
    "url",
    [
        "http://tracking.intilery.com/track",
        "HTTP://tracking.intilery.com/track",
        "http://10.0.0.1/track",
        "http://127.0.0.1.evil.example/track",
        "http://localhost.evil.example/track",
        "http://localhost@evil.example/track",
        "http://evil.example\\@localhost/track",
        "http://[::2]/track",
        "http://0.0.0.0/track",
    ],
)
def test_a_token_is_never_sent_unencrypted_over_a_network(good, url):
    with pytest.raises(ConfigurationError, match=r"^sources\.intilery\.base_url "):
        replace(good, base_url=url)


@pytest.mark.parametrize("key", [None, "", "too short: 15 ch"[:15]])
def test_values_are_hashed_with_a_key_of_sixteen_characters(good, key):
    with pytest.raises(ConfigurationError, match=r"^sources\.intilery\.pii.*token_hex") as caught:
        replace(good, pii_key=key)
    assert not key or key not in str(caught.value)
    assert replace(good, pii=read_rules({"*.email": "drop"}), pii_key=None).pii


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/track", "http://localhost/track", "http://[::1]:8000/track"])
def test_the_loopback_needs_no_encryption(good, url):
    assert replace(good, base_url=url).base_url == url


def test_no_way_to_print_them_shows_a_value(good):
    assert set(GOOD) == {field.name for field in fields(Settings)}
    for shown in (repr(good), str(good), f"{good}", repr([good]), "%s" % good):  # noqa: UP031 - one of the ways
        assert "Settings(...)" in shown
        for value in GOOD.values():
            assert str(value) not in shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("2024-02-01", datetime(2024, 2, 1, tzinfo=UTC)),
        (" 2024-02-01T09:30:00Z ", datetime(2024, 2, 1, 9, 30, tzinfo=UTC)),
        ("2024-02-01T09:30:00", datetime(2024, 2, 1, 9, 30, tzinfo=UTC)),
        ("2024-02-01T09:30:00+02:00", datetime(2024, 2, 1, 7, 30, tzinfo=UTC)),
        (date(2024, 2, 1), datetime(2024, 2, 1, tzinfo=UTC)),
        (datetime(2024, 2, 1, 9), datetime(2024, 2, 1, 9, tzinfo=UTC)),  # noqa: DTZ001 - one without a zone
        (datetime(2024, 2, 1, 9, tzinfo=timezone(timedelta(hours=9))), datetime(2024, 2, 1, tzinfo=UTC)),
    ],
)
def test_instants_are_read_as_utc(value, expected):
    found = read_instant(value, "since")
    assert found == expected
    assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "01.02.2024",
        "2024-13-01",
        "  ",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_what_is_no_date_names_its_key_and_an_example(value):
    with pytest.raises(ConfigurationError, match=r"^since .*2026-01-31") as caught:
        read_instant(value, "since")
    assert str(value).strip() not in str(caught.value) or not str(value).strip()
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3 days", timedelta(days=3)),
        ("1 day", timedelta(days=1)),
        (" 12HOURS ", timedelta(hours=12)),
        ("1.5 weeks", timedelta(days=10.5)),
        ("90 minutes", timedelta(minutes=90)),
        ("0 seconds", timedelta(0)),
        ("86400", timedelta(days=1)),
        (86400, timedelta(days=1)),
        (0.5, timedelta(seconds=0.5)),
        (timedelta(hours=2), timedelta(hours=2)),
    ],
)
def test_spans_are_a_number_and_a_unit_or_seconds(value, expected):
    assert read_span(value, "lookback") == expected


@pytest.mark.parametrize(
    "value", ["", "days", "three days", "3 months", "-3 days", "3 days ago", "9" * 20 + " weeks", NAN, INF, 1e300]
)
def test_what_is_no_span_names_its_key_and_an_example(value):
    with pytest.raises(ConfigurationError, match=r"^lookback .*3 days or 12 hours") as caught:
        read_span(value, "lookback")
    assert caught.value.__suppress_context__
