"""With `pii` set, personal data are in no file that a load leaves, dlt's working folder included."""

import json
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from planted import found_in
from scripted_api import ScriptedApi, event, serving

from cdp_sandbox.process import Running
from pipelines.destination import target

SECRETS = {
    "email": "planted-mail@example.com", "phone": "+44-planted-phone", "firstName": "Planted-First",
    "address": "Planted Street 1", "ip": "planted-198.51.100.7", "userAgent": "Planted-Agent/1.0",
}  # fmt: skip


def people() -> ScriptedApi:
    events = [
        event(1, userId=SECRETS["email"], rawData={"event": "page", "context": {"ip": SECRETS["ip"], "n": 1},
                                                   "properties": {"note": f"for {SECRETS['email']}", "n": 1}}),
        event(2, rawData={"event": "identify", "traits": {"address": {"line": [SECRETS["address"]]}, "keep": "kept"}}),
        event(3, rawData={"event": "page", "userAgent": SECRETS["userAgent"], "rest": {"phone": SECRETS["phone"]}}),
        event(4, email=SECRETS["email"], rawData=f'{{"first_name": "x", "mail": "{SECRETS["email"]}"}}'),
        {"eventTime": event(5)["eventTime"], "email": SECRETS["email"], "userAgent": SECRETS["userAgent"]},
    ]  # fmt: skip
    profile = {"id": "p1", "externalId": "c-1", "first_name": "x", "plan": "gold"} | SECRETS
    api = ScriptedApi(events, [profile, {"id": 5} | SECRETS])

    def fault(route: str, _: str) -> Any:
        if route == "traits":
            return 200, _json(profile | {"nested": [SECRETS]})
        if route == "meta":
            return 200, _json(profile | {"firstEvent": {"page": events[2]}, "lastEvent": {"page": events[0]}})
        return None

    api.fault = fault
    return api


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.usefixtures("fast_retries")
def test_no_personal_value_is_in_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__DELETE_COMPLETED_JOBS", "false")  # as a killed run leaves them
    with serving(people()) as api:
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        account.settings = {"pii": "default", "pii_key": "a key of sixteen characters"}
        account.load()
    folder = target("duckdb", account.database, "intilery").working_folder
    assert len(found_in(["kept"], tmp_path, folder)["kept"]) > 1  # the search does look into dlt's Parquet files
    assert found_in([*SECRETS.values(), "planted"], tmp_path, folder) == {}
    (traits,) = account.records("SELECT * FROM intilery.profile_traits")
    assert (traits["plan"], traits["external_id"], traits["first_name"]) == ("gold", "c-1", "[masked]")
    ((users, note),) = account.query(
        "SELECT count(DISTINCT user_id), max(properties->>'note') FROM intilery.events WHERE event_id = 'event-1'"
    )
    assert users == 1
    assert note.startswith("for ")
    assert len(account.query("FROM intilery.rejected_records")) == 2


@pytest.mark.usefixtures("fast_retries")
def test_without_it_everything_is_as_it_came(tmp_path: Path) -> None:
    with serving(people()) as api:
        account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        account.load()
    assert found_in(SECRETS.values(), tmp_path).keys() == set(SECRETS.values())


def test_the_command_takes_rules_from_the_environment(account: Account) -> None:
    result = account.invoke(
        "load", "--database", str(account.database), "--json", "--only", "events",
        env={"SOURCES__INTILERY__PII": '{"*.properties": "drop", "*.source": "hash"}',
             "SOURCES__INTILERY__PII_KEY": "Planted-Key-0123456789"},
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert account.query("SELECT count(*), count(properties) FROM intilery.events")[0][1] == 0
    folder = target("duckdb", account.database, "intilery").working_folder
    assert found_in(["Planted-Key-0123456789"], account.database.parent, folder) == {}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SOURCES__INTILERY__PII": "default"}, "pii_key"),
        ({"SOURCES__INTILERY__PII": "default", "SOURCES__INTILERY__PII_KEY": "sh0rt"}, "16 characters"),
        ({"SOURCES__INTILERY__PII": '{"*.id": "drop"}'}, '"profiles.id" = "keep"'),
    ],
)
def test_a_wrong_setting_is_a_usage_error(account: Account, env: dict[str, str | None], said: str) -> None:
    result = account.invoke("load", "--database", str(account.database), env=env)
    assert result.exit_code == 2
    assert said in result.output
    assert "sh0rt" not in result.output
    assert not account.database.exists()
