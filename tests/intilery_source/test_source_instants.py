"""Instants: read as Python reads them, written as the API writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intilery_source import instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=st.one_of(st.none(), st.just(UTC), ZONES))
API_MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(  # noqa: DTZ001 - UTC is added
    lambda moment: moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
)


def as_the_api(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def slow(text: str) -> int | None:
    """Microseconds by the standard library alone; None where it finds no instant of the years 1 to 9999."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    micros = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)
    try:
        EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
    return micros


def fast(text: str) -> int | None:
    try:
        return instants.parse(text)
    except ValueError:
        return None


@given(MOMENTS)
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))
@example(datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))))
@example(datetime.max.replace(tzinfo=UTC))
def test_parse_agrees_with_the_standard_library(moment):
    assert fast(moment.isoformat()) == slow(moment.isoformat())


@given(API_MOMENTS)
def test_parse_agrees_for_the_apis_own_spelling_at_first_and_at_second_sight(moment):
    text = as_the_api(moment)
    instants._midnights.pop(text[:10], None)
    expected = (moment - EPOCH) // timedelta(microseconds=1)
    assert instants.parse(text) == expected, "by the standard library"
    assert text[:10] in instants._midnights
    assert instants.parse(text) == expected, "by hand"


@given(API_MOMENTS, st.integers(0, 23), st.sampled_from("0123456789:.-+TZ ٣²\x00"))
@example(datetime(2024, 2, 1, tzinfo=UTC), 11, "2")
@example(datetime(2024, 2, 1, 4, tzinfo=UTC), 11, "2")
def test_one_wrong_character_is_treated_as_the_standard_library_does(moment, place, character):
    text = as_the_api(moment)
    instants.parse(text)
    spoilt = text[:place] + character + text[place + 1 :]
    assert fast(spoilt) == slow(spoilt)


@given(st.text())
@example("2024-02-01T24:00:00.000Z")
@example("2024-02-01T23:60:00.000Z")
@example("2024-02-01T23:59:60.000Z")
@example("2024-W05-4T13:39:17.3800Z")
@example("2024-02-01")
@example("20240201T133917.380Z")
@example("2024-02-01T13:39:17.1234567Z")
def test_any_text_is_treated_as_the_standard_library_does(text):
    instants.parse("2024-02-01T13:39:17.380Z")
    assert fast(text) == slow(text)
    assert fast("2024-02-01T00:00:00.000Z") == slow("2024-02-01T00:00:00.000Z")


@given(API_MOMENTS)
def test_what_is_written_is_read_back(moment):
    millis = instants.of_datetime(moment)
    text = instants.write(millis)
    assert text == as_the_api(moment)
    assert instants.parse(text) == millis * 1000
    assert instants.to_datetime(millis) == moment


@given(MOMENTS.filter(lambda moment: moment.tzinfo is not None))
def test_a_datetime_is_rounded_down_to_the_millisecond(moment):
    millis = instants.of_datetime(moment)
    assert timedelta(0) <= moment - EPOCH - timedelta(milliseconds=millis) < timedelta(milliseconds=1)


def test_the_documents_example():
    assert instants.parse("2020-11-19T13:39:17.380Z") == 1_605_793_157_380_000
    assert instants.write(1_605_793_157_380) == "2020-11-19T13:39:17.380Z"


def test_years_before_1000_are_written_with_four_digits():
    first = instants.parse("0001-01-01T00:00:00.000Z") // 1000
    assert instants.write(first) == "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("beyond", "nearest"), [(-(10**18), "0001-01-01T00:00:00.000Z"), (10**18, "9999-12-31T23:59:59.999Z")]
)
def test_beyond_the_calendar_the_nearest_instant_is_written(beyond, nearest):
    assert instants.write(beyond) == nearest
