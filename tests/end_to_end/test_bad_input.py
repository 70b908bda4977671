"""Wrong settings, wrong tokens, wrong answers: one sentence, an exit code, and nothing that was loaded is lost."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from scripted_api import REQUEST_ID, ScriptedApi, event, serving

from cdp_sandbox.process import Running

pytestmark = pytest.mark.usefixtures("fast_retries")

_TOKEN = "a-secret-token-7f3a"  # noqa: S105 - a test's
_SECRETS = (_TOKEN, "ada@example.com", "customer-1", "event-1")


@pytest.fixture
def scripted(tmp_path: Path) -> Any:
    api = ScriptedApi([event(number) for number in range(5)], [{"id": "customer-1"}])
    with serving(api):
        server = Running(api.url, "c", "a", "B", _TOKEN)
        yield api, Account(server, tmp_path / "customers.duckdb")


def _said(account: Account, *arguments: str, env: dict[str, str | None] | None = None) -> tuple[int, str]:
    """The exit code and the one sentence on standard error; nothing secret may be in either stream."""
    done = account.invoke("load", "--database", str(account.database), *arguments, env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    for secret in _SECRETS:
        assert secret not in done.stderr + done.stdout
    return done.exit_code, done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since", "2026-02-01", "--until", "2026-01-01"], "--since must be earlier than --until"),
        (["--since", "yesterday"], "--since is no date: write it as 2026-01-31"),
        (["--until", "2026-13-01"], "--until is no date"),
        (["--only", "events,orders"], "allowed are profiles, profile_traits, profile_meta"),
        (["--only", ","], "--only names no table; allowed are profiles"),
        (["--dataset", "my data"], "--dataset must be a name"),
        (["--dataset", "customers"], "have one name"),
        (["--dataset", "temp"], "--dataset must be a name"),
        (["--database", ":memory:"], "would not outlive the load"),
        (["--destination", "duckbd"], "--database is for --destination duckdb"),
        (["--database", "/nowhere/at/all/x.duckdb"], "does not exist; create it"),
    ],
)
def test_a_usage_error_says_what_is_allowed(account: Account, arguments: list[str], expected: str) -> None:
    code, sentence = _said(account, *arguments)
    assert code == 2
    assert expected in sentence
    assert not account.database.exists()


def test_a_destination_that_would_double_rows_is_refused(account: Account) -> None:
    done = account.invoke("load", "--destination", "filesystem", env={"DESTINATION__BUCKET_URL": "file:///nowhere"})
    assert done.exit_code == 2
    assert "cannot merge rows" in done.stderr


def test_a_destination_s_missing_credentials_are_named(account: Account) -> None:
    done = account.invoke("load", "--destination", "postgres")
    assert done.exit_code == 2
    assert "DESTINATION__POSTGRES__CREDENTIALS" in done.stderr or "pip install" in done.stderr


@pytest.mark.parametrize("name", ["clock.duckdb", "plain.duckdb"])
def test_a_file_that_is_no_database_is_refused(account: Account, name: str) -> None:
    path = account.database.with_name(name)
    path.write_text("This is no database." * 500)
    done = account.invoke("load", "--database", str(path))
    assert done.exit_code == 2
    assert "DuckDB file" in done.stderr


def test_an_unknown_destination_is_a_usage_error(account: Account) -> None:
    done = account.invoke("load", "--destination", "duckbd")
    assert done.exit_code == 2
    assert "--destination duckbd is unknown to dlt" in done.stderr


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("CLIENT_ID", "", "client_id"),
        ("LOOKBACK", "three days", "sources.intilery.lookback is no span of time: write a number and a unit"),
        ("LOOKBACK", "-3 days", "sources.intilery.lookback"),
        ("START_DATE", "soon", "sources.intilery.start_date is no date"),
        ("BURST", "many", "burst is of the wrong type: it must be int"),
        ("REQUESTS_PER_SECOND", "0", "sources.intilery.requests_per_second must be more than 0"),
        ("MAX_REJECTED_SHARE", "5", "sources.intilery.max_rejected_share must lie between 0 and 1"),
        ("BASE_URL", "http://tracking.intilery.com/track", "would send the token unencrypted: use https"),
        ("BASE_URL", "tracking.intilery.com", "sources.intilery.base_url is no address"),
    ],
)
def test_a_wrong_setting_is_named_with_an_example(account: Account, key: str, value: str, expected: str) -> None:
    code, sentence = _said(account, env={f"SOURCES__INTILERY__{key}": value})
    assert code == 2
    assert expected in sentence
    assert not account.database.exists()


def test_a_missing_setting_is_named_with_where_it_was_looked_for(account: Account) -> None:
    code, sentence = _said(account, env={"SOURCES__INTILERY__AUTH_TOKEN": None})
    assert code == 2
    assert sentence.startswith("auth_token is missing: set it in .dlt/secrets.toml, section [sources.intilery]")
    assert "SOURCES__INTILERY__AUTH_TOKEN=1234abcd" in sentence
    assert not account.database.exists()


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_wrong_token_costs_what_is_asked_at_once_and_loses_nothing(
    account: Account, sandbox: Running, status: str
) -> None:
    # given a loaded file
    sandbox.reset(world="shop:20", seed=1, switches={"auth_status": status}, limits={"rate": None})
    account.load()
    before = account.event_ids()
    sandbox.control("DELETE", "/_sandbox/stats")
    # when the token is wrong
    code, sentence = _said(account, env={"SOURCES__INTILERY__AUTH_TOKEN": _TOKEN})
    # then
    assert code == 1
    assert sentence.startswith(f"The API refused the token with {status} (request id ")
    assert sentence.count("\n") == 0
    assert sandbox.control("GET", "/_sandbox/stats")["total"] <= 2, "the first questions on events go out together"
    assert account.event_ids() == before


def test_a_host_that_cannot_be_reached(account: Account) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/track"
    code, sentence = _said(account, env={"SOURCES__INTILERY__BASE_URL": url})
    assert code == 1
    assert sentence == "127.0.0.1 cannot be reached (NewConnectionError): check base_url and the network."


def test_a_server_that_does_not_speak_tls(account: Account) -> None:
    url = account.server.url.replace("http://", "https://")
    code, sentence = _said(account, env={"SOURCES__INTILERY__BASE_URL": url})
    assert code == 1
    assert sentence == "127.0.0.1 cannot be reached (SSLError): check base_url and the network."


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        ("events", b"<html>ada@example.com</html>", "/v1/events failed again and again, at last with an answer that"),
        ("events", b'{"data": {"ada@example.com": 1}}', "/v1/events answered with JSON of another shape"),
        ("events", b'{"hits": []}', "/v1/events answered with JSON of another shape"),
        ("profiles", b'{"data": "ada@example.com"}', "/v1/profiles answered with JSON of another shape"),
        ("profiles", b'{"message": "Endpoint request timed out"}', "/v1/profiles answered with JSON of another shape"),
        ("profiles", b"{}", "/v1/profiles answered with JSON of another shape"),
    ],
)
def test_an_answer_of_another_shape_names_route_and_request(
    scripted: tuple[ScriptedApi, Account], route: str, body: bytes, expected: str
) -> None:
    api, account = scripted
    api.fault = lambda asked, _: (200, body) if asked == route else None
    code, sentence = _said(account)
    assert code == 1
    assert sentence.startswith(expected)
    assert f"(request id {REQUEST_ID})" in sentence


def test_one_malformed_event_is_rejected_and_the_rest_is_loaded(scripted: tuple[ScriptedApi, Account]) -> None:
    # given, among 400 events and some profiles, records that cannot be read
    api, account = scripted
    api.events = [event(number) for number in range(400)]
    api.events[7] = {"eventTime": event(7)["eventTime"], "userId": "ada@example.com"}
    api.events[8] = event(8, eventId=8)
    api.profiles = [{"id": f"customer-{number}"} for number in range(1, 320)] + [{"email": "ada@example.com"}, "x"]
    # when they are loaded
    code, sentence = _said(account, "--json")
    # then the rest is there, and what is missing is kept with its reason and without a datum
    assert code == 0, sentence
    assert account.event_ids().total() == 398
    assert account.profile_ids().total() == 319
    rejected = account.records("SELECT * FROM intilery.rejected_records")
    assert sorted(row["table_name"] for row in rejected) == ["events", "events", "profiles", "profiles"]
    assert all(row["reason"] for row in rejected)
    assert "ada@example.com" not in repr(rejected)


def test_an_event_without_a_time_does_not_block_the_first_load(scripted: tuple[ScriptedApi, Account]) -> None:
    api, account = scripted
    api.events = [{"eventId": "no-time", "rawData": {}}, *(event(number) for number in range(300))]
    code, sentence = _said(account, "--only", "events")
    assert code == 0, sentence
    assert account.event_ids().total() == 300
    assert account.query("SELECT count(*) FROM intilery.rejected_records") == [(1,)]


def test_the_share_of_rejected_records_is_each_table_s_own(scripted: tuple[ScriptedApi, Account]) -> None:
    api, account = scripted
    api.events = [event(number) for number in range(400)]
    api.profiles = [{"id": "p1"}, {"id": "p2"}, {"id": 3}]
    code, sentence = _said(account)
    assert code == 3
    assert "33.3% of those read" in sentence


def test_keys_that_would_be_one_column_keep_their_values(scripted: tuple[ScriptedApi, Account]) -> None:
    # given traits whose names collide with each other, with the key, and with dlt's own
    api, account = scripted
    api.profiles = [{"id": "p1", "ID": "other"}, {"id": "p2", "ID": "other"}]
    traits = {"ID": "upper", "firstName": "A", "first_name": "B", "_dlt_id": "mine", "a": {"b": 1}, "a__b": 2}
    api.fault = lambda route, who: (200, json.dumps({"id": who} | traits).encode()) if route == "traits" else None
    # when they are loaded
    code, sentence = _said(account)
    # then each profile is there, with every value, and camelCase, which is the API's own, has the plain name
    assert code == 0, sentence
    assert account.profile_ids().total() == 2
    rows = account.records("SELECT * FROM intilery.profile_traits ORDER BY id")
    assert [row["id"] for row in rows] == ["p1", "p2"]
    for row in rows:
        assert {"upper", "A", "B", "mine", 1, 2} <= {value for key, value in row.items() if not key.startswith("_dlt_")}
        assert row["first_name"] == "A"


def test_half_of_an_emoji_costs_one_event_and_no_profile(scripted: tuple[ScriptedApi, Account]) -> None:
    # given an event and a profile whose text was cut in the middle of an emoji, which is half of a surrogate pair
    api, account = scripted
    api.events = [event(number) for number in range(250)]
    api.events[120]["rawData"]["properties"] = {"title": "cut \ud83d"}
    api.profiles = [{"id": "customer-1", "firstName": "cut \ud83d"}, {"id": "customer-2"}]
    traits = b'{"id": "customer-1", "firstName": "cut \\ud83d"}'
    api.fault = lambda route, who: (200, traits) if (route, who) == ("traits", "customer-1") else None
    # when they are loaded
    code, sentence = _said(account, "--json")
    # then that event is rejected, and everything else is there
    assert code == 0, sentence
    assert account.event_ids().total() == 249
    assert account.query("SELECT table_name FROM intilery.rejected_records") == [("events",)]
    assert account.query("SELECT id, first_name FROM intilery.profile_traits ORDER BY id") == [
        ("customer-1", "cut \ufffd"),
        ("customer-2", "Ada"),
    ]


def test_too_many_rejected_records_end_with_3(scripted: tuple[ScriptedApi, Account]) -> None:
    api, account = scripted
    api.events[1] = event(1, eventId="")
    code, sentence = _said(account, "--only", "events")
    assert code == 3
    assert "1 records were rejected, 20.0% of those read (max_rejected_share is 1.0%)" in sentence
    assert account.event_ids().total() == 4
    code, _ = _said(account, "--only", "events", env={"SOURCES__INTILERY__MAX_REJECTED_SHARE": "0.5"})
    assert code == 0


def test_the_json_of_a_failure_is_all_of_standard_output(scripted: tuple[ScriptedApi, Account]) -> None:
    api, account = scripted
    api.fault = lambda *_: (401, b"{}")
    done = account.command("load", "--database", str(account.database), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["exit_code"] == 1
    assert "refused the token" in json.loads(done.stdout)["reasons"][0]
