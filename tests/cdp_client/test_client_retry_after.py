"""`Retry-After`: seconds, a date, and whatever else servers write there."""

import contextlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_client import WaitTooLongError, retry

NOW = datetime(2024, 2, 1, 12, tzinfo=UTC)  # the Date of the scripted server


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("7.5", 7.5, 7.5),
        (" 7 ", 7, 7),
        ("900", 900, 900),
        ("Thu, 01 Feb 2024 12:00:30 GMT", 30, 30),
        ("Thu, 01 Feb 2024 13:00:30 +0100", 30, 30),
        ("Thu, 01 Feb 2024 11:00:00 GMT", 0, 0.2),
        ("0", 0, 0.2),
        ("-5", 0, 0.2),
    ],
)
def test_pause_is_what_the_server_asks_for(client, reply, status, header, least, most):
    client.script(reply(status, b"", {"Retry-After": header}), reply())
    assert client.get().status == 200
    assert least - 0.001 <= client.time.now - 1000 <= most + 0.001


@pytest.mark.parametrize("header", ["soon", "", "nan", "inf", "1e999", "Thu, 99 Foo 2024", "x" * 5000])
def test_what_cannot_be_read_is_as_if_it_were_not_there(client, reply, header):
    client.script(reply(429, b"", {"Retry-After": header}), reply())
    assert client.get().status == 200
    assert 0.4 <= client.time.now - 1000 <= 0.8


@pytest.mark.parametrize("header", ["7200", "Thu, 01 Feb 2024 14:00:00 GMT", "901", "1e12"])
@pytest.mark.parametrize("status", [429, 503, 500])
def test_hours_stop_at_once_and_say_so(client, reply, gives_nothing_away, status, header):
    client.script(reply(status, b"", {"Retry-After": header}))
    with pytest.raises(WaitTooLongError) as caught:
        client.get()
    text = gives_nothing_away(caught.value)
    assert "hours" in text
    assert "run the same command again" in text
    assert len(client.server.asked) == 1
    assert client.time.slept == []


def test_two_hours_are_called_two_hours():
    with pytest.raises(WaitTooLongError, match=r"2\.0 hours .*\(15 minutes\)"):
        retry.retry_after("7200", None)


def test_a_date_counts_from_the_answers_own_date_not_from_this_machine(client, reply):
    # the server's clock is years behind; a pause of 10 s is meant
    client.script(
        reply(
            429,
            b"",
            {"Date": "Sat, 01 Jan 2000 00:00:00 GMT", "Retry-After": "Sat, 01 Jan 2000 00:00:10 GMT"},
        ),
        reply(),
    )
    client.get()
    assert client.time.now - 1000 == pytest.approx(10)


def test_a_date_without_a_date_header_counts_from_now():
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < retry.retry_after(header, None) <= 60


def test_a_refusal_for_good_with_retry_after_is_still_that_refusal(client, reply):
    client.script(reply(400, b"{}", {"Retry-After": "7200"}))
    with pytest.raises(Exception, match="was refused with 400"):
        client.get()


def test_retry_after_0_for_ever_does_not_use_up_the_attempts_at_once(client, reply):
    client.script(*[reply(429, b"", {"Retry-After": "0"})] * 8, reply())
    assert client.get().status == 200
    assert client.time.now - 1000 > 10


@given(seconds=st.integers(-(10**6), 900), skew=st.integers(-(10**9), 10**8))
def test_seconds_and_date_ask_for_the_same(seconds, skew):
    now = NOW + timedelta(seconds=skew)
    date = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    assert retry.retry_after(date, now) == retry.retry_after(str(seconds), now) == max(0, seconds)


@given(st.one_of(st.text(), st.from_regex(r"\w{3}, \d{1,9} Jan \d{1,9} \d\d:\d\d:\d\d [+-]\d{1,20}")))
def test_no_header_breaks_the_reader(header):
    date = retry.http_date(header)
    assert date is None or date.utcoffset() == timedelta(0)
    with contextlib.suppress(WaitTooLongError):
        assert (retry.retry_after(header, NOW) or 0) >= 0


def test_a_429_pauses_all_threads(client, reply, monkeypatch):
    # given a request that was refused for 30 s, and another thread that sends while the first waits
    client.script(reply(429, b"", {"Retry-After": "30"}), reply())
    others: list[float] = []
    sleep = client.time.sleep

    def sleep_while_another_sends(seconds: float) -> None:
        if not others:
            others.append(0)
            client.bucket.acquire()
            others[0] = client.time.now
        sleep(seconds)

    monkeypatch.setattr(client.bucket, "_sleep", sleep_while_another_sends)
    monkeypatch.setattr(client.transport, "_sleep", sleep_while_another_sends)
    client.get()
    # then that one has waited for the 30 s, too
    assert others[0] >= 1030
