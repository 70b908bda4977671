"""Profiles whose keys, types and shapes change: no error, no lost value, and each run says what changed."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scripted_api import ScriptedApi, event, serving

from cdp_sandbox.process import Running

PROFILES = ("profiles", "profile_traits", "profile_meta")
TRAITS = ("profile_traits",)


class Drifting:
    """An account whose profiles' traits a test sets before each load."""

    def __init__(self, api: ScriptedApi, account: Account) -> None:
        self.api, self.account = api, account
        account.settings["profile_refresh"] = "all"
        self.traits: dict[str, Any] = {}
        api.fault = self._answer

    def _answer(self, route: str, profile: str) -> tuple[int, bytes] | None:
        if route != "traits":
            return None
        return 200, json.dumps({"id": profile} | self.traits[profile]).encode()

    def load(self, traits: dict[str, Any], only: tuple[str, ...] = TRAITS) -> None:
        """Load profiles of these traits; what is not named is as before."""
        self.traits |= traits
        self.api.profiles = [{"id": profile} for profile in self.traits]
        result = self.account.load(only)
        assert (result.exit_code, result.reasons) == (0, [])

    def row(self, profile: str = "p") -> dict[str, Any]:
        """What a profile's row holds, without what is NULL or dlt's own."""
        rows = self.account.records("SELECT * FROM intilery.profile_traits")
        (row,) = (row for row in rows if row["id"] == profile)
        return {key: value for key, value in row.items() if value is not None and not key.startswith("_dlt_")}


@pytest.fixture
def drifting(tmp_path: Path) -> Iterator[Drifting]:
    with serving(ScriptedApi()) as api:
        server = Running(api.url, "c", "a", "B", "t")
        yield Drifting(api, Account(server, tmp_path / "customers.duckdb"))


# what a profile of a few runs may hold

KEYS = st.sampled_from(
    ["a", "b", "c", "aB", "a_b", "A B", "a.b", "a__b", "a/b", 'a"b', "", "!!!", "größe", "東京", "大阪"]
) | (st.sampled_from(["v_text", "value", "list", "ID", "_dlt_id", "_dlt_list_idx", "kept_as_json", "k" * 90, "k" * 91]))
NUMBERS = st.sampled_from([0, 1, 5, -7, 5.5, 1.0, 1e22, 2**53 + 1, 2**63 - 1, 2**70, -(2**63)])
TEXTS = st.sampled_from(
    [
        "",
        "007",
        "5",
        "yes",
        "true",
        "0x1f",
        "1.50",
        "nan",
        "9" * 30,
        "[1]",
        "lots",
        "x\ny",
        "Łódź 🎁",
        "\uf026NaN",
        "\ud83d",
    ]
)
TIMES = st.sampled_from(
    [
        "2024-01-02",
        "2024-01-01T10:00:00+02:00",
        "2024-01-01T10:00:00.123456789Z",
        "20240101T101010",
        "1066-10-14T09:00:00Z",
    ]
    + [
        f"{time}T00:00:00{zone}"
        for time, zone in (("0001-01-01", "+02:00"), ("9999-12-31", "-02:00"), ("2024-02-30", "Z"))
    ]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | TIMES
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=9,
)
TRAITS_OF_RUNS = st.lists(
    st.dictionaries(st.sampled_from([f"p{number}" for number in range(12)]), st.dictionaries(KEYS, VALUES, max_size=5)),
    min_size=3,
    max_size=3,
)


def plain(value: Any) -> Any:
    """A scalar as any column tells it: a number is its own text, a time an instant, half an emoji U+FFFD."""
    if isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    for number in (int, float):
        try:
            if value == str(number(value)) and math.isfinite(number(value)):
                return plain(number(value))
        except ValueError:
            continue
    if len(value) >= 20 and value[10] == "T" and len(value) < 28:
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            return value
    return value.replace("\uf026", "\ufffd").replace("\ud83d", "\ufffd")


def leaves(value: Any) -> list[Any]:
    """All values that are not NULL, of objects and lists at any depth."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [] if value is None else [plain(value)]


def loaded_leaves(account: Account) -> dict[str, Counter[Any]]:
    """The values that the columns, child tables and JSON columns of `profile_traits` hold of each profile."""
    kinds: dict[str, dict[str, str]] = {}
    for table, column, kind in account.query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'intilery' AND starts_with(table_name, 'profile_traits')"
    ):
        kinds.setdefault(table, {})[column] = kind
    ids = dict(account.query("SELECT _dlt_id, id FROM intilery.profile_traits"))
    found: dict[str, Counter[Any]] = {profile: Counter() for profile in ids.values()}
    for table, columns in kinds.items():
        for row in account.records(f'FROM intilery."{table}"'):
            profile = ids[row.get("_dlt_root_id") or row["_dlt_id"]]
            for column, value in row.items():
                if value is None or column.startswith("_dlt_"):
                    continue
                found[profile].update(leaves(json.loads(value) if columns[column] == "JSON" else value))
    return found


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(max_columns=st.sampled_from([300, 5]), runs=TRAITS_OF_RUNS)
def test_the_table_gives_back_every_value_of_the_newest_document(
    tmp_path_factory: pytest.TempPathFactory, max_columns: int, runs: list[dict[str, Any]]
) -> None:
    with serving(ScriptedApi()) as api:
        path = tmp_path_factory.mktemp("drift") / "customers.duckdb"
        account = Account(Running(api.url, "c", "a", "B", "t"), path, {"max_columns": max_columns})
        drifting = Drifting(api, account)
        for traits in runs:
            drifting.load(traits)
            loaded = loaded_leaves(account) if drifting.traits else {}
            for profile, newest in drifting.traits.items():
                assert loaded[profile] == Counter(leaves({"id": profile} | newest)), newest
    columns = account.query(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'profile_traits' "
        "AND NOT (starts_with(column_name, '_dlt_') OR column_name IN ('id', 'kept_as_json', '_deleted'))"
    )
    assert len({re.sub("__v_[a-z]+$", "", column) for (column,) in columns}) <= max_columns


def test_another_type_gets_a_column_beside_it_and_the_old_one_becomes_null(drifting: Drifting) -> None:
    drifting.load({"p": {"points": 7, "code": 5, "agrees": True, "plan": "gold", "since": "2026-01-01T00:00:00Z"}})
    drifting.load({"p": {"points": "lots", "code": "007", "agrees": 5, "plan": {"name": "gold"}, "since": 17}})
    assert drifting.row() == {
        "id": "p",
        "points__v_text": "lots",
        "code__v_text": "007",
        "agrees__v_bigint": 5,
        "plan__name": "gold",
        "since__v_bigint": 17,
    }
    drifting.load({"p": {"points": 8.0, "plan": [{"name": "gold"}]}})
    assert drifting.row() == {"id": "p", "points": 8}
    assert drifting.account.query("SELECT name FROM intilery.profile_traits__plan") == [("gold",)]


def test_names_that_collide_in_another_profile_or_later_keep_both_values(drifting: Drifting) -> None:
    drifting.load({"p": {"firstName": "A"}, "q": {"first_name": "B"}})
    drifting.load({"p": {"firstName": "A", "first_name": "C", "First Name": "D"}})
    assert drifting.row("p") == {
        "id": "p",
        "first_name": "A",
        "first_name_05416fbf": "C",
        "first_name_96ce6e61": "D",
    }
    assert drifting.row("q") == {"id": "q", "first_name": "B"}


def test_a_trait_that_is_named_like_the_mark_of_a_deletion_deletes_nothing(drifting: Drifting) -> None:
    drifting.load({"p": {"_deleted": True, "_dlt_load_id": "mine"}})
    assert drifting.row() == {"id": "p", "deleted_8693a0b1": True, "dlt_load_id_e835e776": "mine"}


def test_an_object_that_grows_is_json_from_then_on_and_its_old_columns_become_null(drifting: Drifting) -> None:
    drifting.account.settings["max_columns"] = 10
    seen = {f"sku{number}": number for number in range(11)}
    drifting.load({"p": {"seen": {"sku1": 1}}, "q": {"seen": {"sku1": 1}}, "r": {"seen": "nothing"}})
    assert drifting.row() == {"id": "p", "seen__sku1": 1}
    drifting.load({"p": {"seen": seen}})
    assert drifting.account.report.as_dict()["kept_as_json"] == ["profile_traits.seen"]
    # then one run later, too, whatever its size; and text keeps the column that it had
    drifting.load({"p": {"seen": {"sku2": 2}}})
    rows = {key: {column: json.loads(value) if column == "seen__v_json" else value for column, value in row.items()}
            for key in "pqr" for row in [drifting.row(key)]}  # fmt: skip
    assert rows == {
        "p": {"id": "p", "seen__v_json": {"sku2": 2}},
        "q": {"id": "q", "seen__v_json": {"sku1": 1}},
        "r": {"id": "r", "seen": "nothing"},
    }


def test_keys_that_are_ids_fill_no_table(drifting: Drifting) -> None:
    drifting.account.settings["max_columns"] = 20
    drifting.load({f"p{n}": {"name": "N", "bought": {f"order-{n}": n, f"list-{n}": [n]}} for n in range(40)})
    drifting.load({"p99": {"name": "M", "bought": {"order-3": 1, "order-99": 2}}})
    assert drifting.row("p39") == {
        "id": "p39",
        "name": "N",
        "kept_as_json": '{"bought":{"order-39":39,"list-39":[39]}}',
    }
    row = drifting.row("p99")
    assert row == {"id": "p99", "name": "M", "bought__order_3": 1, "kept_as_json": '{"bought":{"order-99":2}}'}
    tables = drifting.account.query(
        "SELECT count(*) FROM information_schema.tables WHERE starts_with(table_name, 'profile_traits__')"
    )
    assert tables[0][0] <= 20


def test_each_run_reports_what_it_added(drifting: Drifting) -> None:
    account = drifting.account
    drifting.load({"p": {"points": 7}}, (*PROFILES, "events"))
    first = account.report.as_dict()["schema_changes"]
    assert {"change": "table added", "table": "profile_traits"} in first
    assert {"change": "column added", "table": "profile_traits", "column": "points", "type": "bigint"} in first
    drifting.load({"p": {"points": "many", "tags": ["x"], "plan": {"name": "gold"}}}, (*PROFILES, "events"))
    changes = account.report.as_dict()["schema_changes"]
    assert [change for change in changes if not change.get("column", "").startswith("_dlt_")] == [
        {"change": "variant added", "table": "profile_traits", "column": "points__v_text", "type": "text"},
        {"change": "column added", "table": "profile_traits", "column": "plan__name", "type": "text"},
        {"change": "table added", "table": "profile_traits__tags"},
        {"change": "column added", "table": "profile_traits__tags", "column": "value", "type": "text"},
    ]
    drifting.load({}, (*PROFILES, "events"))
    assert account.report.as_dict()["schema_changes"] == []
    kept = account.query("SELECT schema_changes FROM intilery.extract_runs ORDER BY started_at")
    assert [json.loads(text) for (text,) in kept] == [first, changes, []]


def test_a_run_of_events_alone_keeps_what_it_added_too(drifting: Drifting) -> None:
    drifting.api.events = [event(number) for number in range(5)]
    drifting.account.load(("events",))
    ((kept,),) = drifting.account.query(
        "SELECT schema_changes FROM intilery.extract_runs WHERE finished_at IS NOT NULL"
    )
    assert {"change": "table added", "table": "events"} in json.loads(kept)


def test_the_command_says_what_changed_and_no_value(drifting: Drifting) -> None:
    account = drifting.account
    drifting.load({"p": {"points": 7}})
    drifting.traits["p"] = {"points": "very-secret"} | {f"t{number}": number for number in range(40)}
    said = account.invoke(
        *("load", "--database", str(account.database), "--only", "profile_traits"),
        env={"SOURCES__INTILERY__MAX_COLUMNS": "30"},
    )
    assert said.exit_code == 0
    assert "Schema: 1 column(s) added or changed: profile_traits.kept_as_json (json)." in said.stdout
    assert "or lists too deep: profile_traits." in said.stdout
    assert "very-secret" not in said.output
    assert json.loads(drifting.row()["kept_as_json"])["points"] == "very-secret"
