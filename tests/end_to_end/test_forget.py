"""`intilery forget`: nothing of a person is in any file, the others' rows are as they were, and no load undoes it."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from accounts import Account
from erasable import ANONYMOUS, DERIVED, EMAIL, EXTERNAL, ID, KEY, OTHER_EMAIL, OTHER_ID, PERSONAL, account_events, api
from planted import found_in
from scripted_api import ScriptedApi, event, serving
from spellings import spellings

from cdp_sandbox.process import Running
from pipelines import duckdb_rewrite
from pipelines.destination import target

pytestmark = pytest.mark.usefixtures("fast_retries")
VALUES = [*PERSONAL.values(), "pid-zebra-old"]


@pytest.fixture(scope="module")
def served() -> Iterator[ScriptedApi]:
    with serving(api()) as running:
        yield running


@pytest.fixture(scope="module")
def loaded(served: ScriptedApi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds the person in every place; tests copy it."""
    account = _account(served, tmp_path_factory.mktemp("loaded"))
    account.load()
    with duckdb.connect(str(account.database)) as connection:
        connection.execute(DERIVED)
        connection.execute("CREATE TABLE intilery.gone AS SELECT range AS n, 'gone-' || range AS x FROM range(5000)")
        connection.execute("DROP TABLE intilery.gone")
    return account.database


@pytest.fixture
def account(served: ScriptedApi, loaded: Path, tmp_path: Path) -> Account:
    served.events = account_events()
    copy = _account(served, tmp_path)
    shutil.copy(loaded, copy.database)
    return copy


def _account(served: ScriptedApi, folder: Path) -> Account:
    folder.mkdir(exist_ok=True)
    found = Account(Running(served.url, "c", "a", "B", "t"), folder / "customers.duckdb")
    found.settings = {"pii_key": KEY}
    return found


def _folder(account: Account) -> Path:
    return target("duckdb", account.database, "intilery").working_folder


def _forget(account: Account, *options: str) -> dict[str, Any]:
    result = account.invoke("forget", "--database", str(account.database), "--json", *options)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _left(account: Account) -> dict[str, list[str]]:
    return found_in(VALUES, account.database.parent, _folder(account))


def _rows(account: Account) -> dict[str, list[str]]:
    """The rows of every table but dlt's and `forgotten`."""
    found = {}
    with duckdb.connect(str(account.database), read_only=True) as connection:
        tables = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        for schema, table in tables:
            if not table.startswith(("_dlt", "forgotten", "extract_")):
                named = f'"{schema}"."{table}"'
                rows = connection.execute(f"SELECT COLUMNS(c -> c NOT LIKE '_dlt%') FROM {named}").fetchall()
                found[f"{schema}.{table}"] = sorted(map(repr, rows))
    return found


@pytest.mark.parametrize("whom", [("--id", ID), ("--email", EMAIL.upper()), ("--user-id", EXTERNAL)])
def test_nothing_is_left_of_a_person_and_a_load_brings_nothing_back(account: Account, whom: tuple[str, str]) -> None:
    # given the person in every place, and a killed load's leftovers
    assert found_in(VALUES, account.database.parent).keys() == {*VALUES} - {PERSONAL["late"]}
    for leftovers in (_folder(account) / "intilery" / "normalize" / "abc", _folder(account) / "another"):
        leftovers.mkdir(parents=True)
        (leftovers / "events.jsonl").write_text(json.dumps(PERSONAL))
    before = _rows(account)

    # when they are forgotten
    outcome = _forget(account, *whom)

    # then they are in no file, and the others are there
    assert _left(account) == {}
    assert outcome["erased"] == {
        "intilery.events": 6, "intilery.profiles": 1, "intilery.profile_traits": 1, "intilery.profile_meta": 1,
        "intilery.profile_traits__channels": 1, "intilery.profile_traits__channels__tags": 1,
        "intilery.profile_meta__channels": 1, "intilery.profile_meta__channels__tags": 1,
        "intilery.profile_meta__audiences_static": 1, "intilery.profile_event_bounds": 1,
        "intilery.profile_trait_history": 2, "intilery.profile_merges": 1, "customer_tables.customers": 1,
        "customer_tables.customer_identifiers": 1,
    }  # fmt: skip
    assert outcome["blanked"] == {
        "intilery.events": 2, "intilery.profile_traits": 1, "intilery.profile_meta": 1,
        "intilery.profile_trait_history": 1,
    }  # fmt: skip
    after = _rows(account)
    assert after.keys() == before.keys()
    for table, rows in after.items():
        assert set(rows) <= {*before[table]} | {row for row in rows if "[forgotten]" in row}
    assert account.query("SELECT count(*) FROM intilery.profile_trait_versions") == [(1,)]
    (invited,) = account.query("SELECT properties::VARCHAR FROM intilery.events WHERE event_id = 'event-7'")
    assert json.loads(invited[0]) == {"to": "<[forgotten]>\n[forgotten]", "from": OTHER_EMAIL, "n": 1.5}
    assert account.query("SELECT email FROM intilery.profile_traits") == [(OTHER_EMAIL,)]

    verified = account.invoke("verify", "--database", str(account.database))
    assert verified.exit_code == 0, verified.output

    # and when the account is loaded again, all of it, nothing of them comes back
    account.settings |= {"profile_refresh": "all"}
    account.load(since="2025-01-01")
    assert _left(account) == {}
    again = _rows(account)
    for table in ("intilery.profile_trait_history", "intilery.profile_trait_versions"):
        again[table].pop()  # a trait of the other's shows the address no longer, which is a version
    assert {table: len(rows) for table, rows in again.items()} == {table: len(rows) for table, rows in after.items()}
    verified = account.invoke("verify", "--database", str(account.database))
    assert verified.exit_code == 0, verified.output


def test_forgetting_again_changes_nothing(account: Account) -> None:
    _forget(account, "--email", EMAIL)
    rows, hmacs = _rows(account), account.query("FROM intilery.forgotten SELECT person_hmac ORDER BY 1")
    outcome = _forget(account, "--email", EMAIL)
    assert outcome["erased"] == outcome["blanked"] == {}
    assert _rows(account) == rows
    assert account.query("FROM intilery.forgotten SELECT person_hmac ORDER BY 1") == hmacs


def test_a_dry_run_says_the_same_and_changes_nothing(account: Account) -> None:
    bytes_before = account.database.read_bytes()
    told = _forget(account, "--email", EMAIL, "--dry-run")
    assert account.database.read_bytes() == bytes_before
    assert sorted(path.name for path in account.database.parent.iterdir()) == ["customers.duckdb"]
    done = _forget(account, "--email", EMAIL)
    assert told | {"dry_run": False} == done


def test_what_comes_later_of_them_is_left_out(account: Account, served: ScriptedApi) -> None:
    _forget(account, "--id", ID)
    served.events = [
        *account_events(),
        event(20, customerId="pid-new", userId=EMAIL, rawData={"event": "page", "x": PERSONAL["late"]}),
        event(21, customerId=None, userId=None, rawData={"event": "x", "context": {"traits": {"email": f"{EMAIL}"}}}),
        event(22, customerId=OTHER_ID, userId="o", rawData={"event": "x", "properties": {"to": EMAIL, "kept": "yes"}}),
    ]
    listed = list(served.profiles)
    served.profiles = [
        *listed,
        {"id": "pid-zebra-3"},
        {"id": "pid-4", "externalId": EXTERNAL, "note": PERSONAL["late"]},
    ]
    account.settings |= {"profile_refresh": "all"}
    account.load(since="2026-01-01")
    served.profiles = listed
    assert _left(account) == {}
    assert account.profile_ids().keys() == {OTHER_ID}
    assert {"event-20", "event-21"}.isdisjoint(account.event_ids())
    assert account.query("SELECT properties->>'to' FROM intilery.events WHERE event_id = 'event-22'") == [
        ("[forgotten]",)
    ]


def test_a_load_without_the_key_says_what_to_do(account: Account) -> None:
    _forget(account, "--id", ID)
    account.settings = {}
    result = account.invoke("load", "--database", str(account.database))
    assert result.exit_code == 2
    assert "pii_key" in result.output
    assert _left(account) == {}


def test_people_of_a_file_and_of_options(account: Account, tmp_path: Path) -> None:
    listed = tmp_path / "people.txt"
    listed.write_text(f"\ufeffemail:{EMAIL}\r\n\nid:{OTHER_ID}\n")
    outcome = _forget(account, "--file", str(listed), "--id", "nobody")
    listed.unlink()
    assert outcome["profiles"] == 4  # with the old one of a merge, and nobody
    assert account.query("SELECT count(*) FROM intilery.profiles") == [(0,)]
    assert [row[0] for row in account.query("SELECT event_id FROM intilery.events")] == ["event-10"]


def test_an_address_of_several_profiles_is_said_and_all_are_forgotten(account: Account) -> None:
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("UPDATE intilery.profile_traits SET email = ?", [EMAIL])
    outcome = _forget(account, "--email", EMAIL, "--dry-run")
    assert outcome["erased"]["intilery.profiles"] == 2
    assert any("2 profiles" in note and "all of them" in note for note in outcome["notes"])
    # while one who is named by id goes alone, and the address stays the other's
    outcome = _forget(account, "--id", ID)
    assert outcome["erased"]["intilery.profiles"] == 1
    assert any("belong to profiles, too" in note for note in outcome["notes"])
    assert account.query("SELECT id, email FROM intilery.profile_traits") == [(OTHER_ID, EMAIL)]
    account.load(only=("profiles", "profile_traits"))
    assert account.query("SELECT id FROM intilery.profile_traits") == [(OTHER_ID,)]


def test_addresses_of_one_profile_each_are_not_said_to_be_shared(account: Account) -> None:
    outcome = _forget(account, "--email", EMAIL, "--email", OTHER_EMAIL, "--dry-run")
    assert outcome["erased"]["intilery.profiles"] == 2
    assert outcome["notes"] == []
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("UPDATE intilery.profile_traits SET email = ?", [EMAIL])
    outcome = _forget(account, "--email", EMAIL, "--email", "nobody@example.com", "--dry-run")
    assert [note[:38] for note in outcome["notes"]] == ["2 profiles have an e-mail address in c"]


@pytest.mark.parametrize("end", ["pid-c1", "pid-c3", "pid-c5"])
def test_a_chain_of_merges_is_forgotten_from_either_end(account: Account, end: str) -> None:
    with duckdb.connect(str(account.database)) as connection:
        for number in range(1, 5):
            connection.execute(
                "INSERT INTO intilery.profile_merges BY NAME SELECT * REPLACE (? AS profile_id, ? AS merged_into) "
                "FROM intilery.profile_merges LIMIT 1",
                [f"pid-c{number}", f"pid-c{number + 1}"],
            )
    outcome = _forget(account, "--id", end)
    assert outcome["profiles"] == 5
    assert outcome["erased"]["intilery.profile_merges"] == 4
    assert found_in([f"pid-c{number}" for number in range(1, 6)], account.database.parent) == {}


def test_a_link_stays_a_link_and_its_file_is_erased(account: Account) -> None:
    real = account.database.parent / "volume" / "real.duckdb"
    real.parent.mkdir()
    account.database.rename(real)
    account.database.symlink_to(real)
    (_folder(account) / "left").mkdir(parents=True)
    (_folder(account) / "left" / "events.jsonl").write_text(json.dumps(PERSONAL))
    _forget(account, "--email", EMAIL)
    assert account.database.is_symlink()
    assert _left(account) == {}
    assert sorted(path.name for path in real.parent.iterdir()) == ["real.duckdb"]
    assert account.query("SELECT id FROM intilery.profiles") == [(OTHER_ID,)]


def test_what_a_killed_export_has_left_beside_is_swept(account: Account, tmp_path: Path) -> None:
    folder = tmp_path / "exports" / "customers"
    folder.parent.mkdir()
    assert account.invoke("export", "--database", str(account.database), "--parquet", str(folder)).exit_code == 0
    lefts = [folder.with_name(name) for name in (".customers.export-abc", ".customers.export-abc-old")]
    for left in lefts:
        shutil.copytree(folder, left)
    shutil.copytree(folder, folder.with_name(".customers2.export-x"))
    _forget(account, "--email", EMAIL, "--export", str(folder), "--dry-run")
    assert all(left.exists() for left in lefts)
    _forget(account, "--email", EMAIL, "--export", str(folder))
    assert sorted(path.name for path in folder.parent.iterdir()) == [".customers2.export-x", "customers"]
    shutil.rmtree(folder.with_name(".customers2.export-x"))
    assert _left(account) == {}


def test_addresses_in_others_rows_are_blanked_and_longer_ones_are_not(account: Account) -> None:
    cases = {
        EMAIL: "[forgotten]",
        "x" + EMAIL: "x" + EMAIL,
        EMAIL + ".au": EMAIL + ".au",
        EMAIL + "munity": EMAIL + "munity",
        EMAIL.replace(".", "x"): EMAIL.replace(".", "x"),
        f"a\n{EMAIL}, {EMAIL};{EMAIL}.": "a\n[forgotten], [forgotten];[forgotten].",
        f"?e={EMAIL.replace('@', '%40')}&n=%3D{EMAIL}": "?e=[forgotten]&n=%3D[forgotten]",
        "{}": "{}",
    }
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("CREATE TABLE intilery.notes (customer_id VARCHAR, note VARCHAR, listed JSON)")
        for text in cases:
            connection.execute(
                "INSERT INTO intilery.notes VALUES (?, ?, ?)", [OTHER_ID, text, json.dumps([text, 1.50])]
            )
    _forget(account, "--email", EMAIL)
    found = account.query("SELECT note, listed FROM intilery.notes")
    assert sorted(note for note, _ in found) == sorted(cases.values())
    assert sorted(map(json.loads, (listed for _, listed in found))) == sorted([left, 1.5] for left in cases.values())


ODD = ["o'brien@example.com", "j\u00f6rg@example.com", "ada+news@example.com", "zebra/x@example.com", "a=b@example.com",
       '"john zebra"@example.com', "zebra@[198.51.100.7]", "\U0001f993@example.com"]  # fmt: skip


def test_no_escape_hides_an_address_in_what_is_stored(account: Account) -> None:
    around = (("", ""), ("<", ">"), ("'", "'"), (r"\n", r"\n"), (r"\u003c", r"\u003e"), ("?e=", "&n=1"), ("%3C", "%3E"))
    others = (r"x\u002bo'brien@example.com", "x%2Eada%2Bnews@example.com", "ada+newsx@example.com")
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("CREATE TABLE intilery.notes (customer_id VARCHAR, listed JSON)")
        for address in ODD:
            for written in spellings(address):
                for before, behind in around:
                    shown = f'{{"x": "{before}{written}{behind}", "n": 1.50}}'
                    connection.execute("INSERT INTO intilery.notes VALUES (?, ?)", [OTHER_ID, shown])
        for other in others:
            connection.execute("INSERT INTO intilery.notes VALUES (?, ?)", ["other", f'{{"x": "{other}"}}'])
    _forget(account, *(option for address in ODD for option in ("--email", address)))
    for (listed,) in account.query(f"SELECT listed::VARCHAR FROM intilery.notes WHERE customer_id = '{OTHER_ID}'"):
        assert "[forgotten]" in listed
        assert json.loads(listed)["n"] == 1.5
    left = account.query("SELECT listed->>'x' FROM intilery.notes WHERE customer_id = 'other'")
    assert sorted(text for (text,) in left) == sorted(json.loads(f'"{other}"') for other in others)


def test_a_device_that_two_people_used_takes_nothing_of_the_other(account: Account) -> None:
    _forget(account, "--id", ID)
    assert ANONYMOUS not in repr(_rows(account))
    assert account.query("SELECT customer_id, anonymous_id FROM intilery.events WHERE event_id = 'event-7'") == [
        (OTHER_ID, None)
    ]


def test_an_anonymous_id_that_many_have_is_no_device(account: Account) -> None:
    with duckdb.connect(str(account.database)) as connection:
        connection.execute(
            "INSERT INTO intilery.events BY NAME SELECT * REPLACE ('many-' || n AS event_id, 'p-' || n AS customer_id) "
            "FROM intilery.events, range(4) AS t(n) WHERE event_id = 'event-7'".replace(
                "SELECT *", "SELECT * EXCLUDE n"
            )
        )
    _forget(account, "--id", ID)
    assert {"event-2", "event-7", "many-0"} <= account.event_ids().keys()
    assert "event-1" not in account.event_ids()


def test_hashed_addresses_are_found_by_the_address(served: ScriptedApi, tmp_path: Path) -> None:
    served.events = account_events()
    account = _account(served, tmp_path / "hashed")
    account.settings |= {"pii": "default"}
    account.load()
    assert found_in([EMAIL, PERSONAL["first name"]], account.database.parent) == {}
    outcome = _forget(account, "--email", EMAIL)
    assert outcome["erased"]["intilery.profile_traits"] == 1
    assert account.query("SELECT id FROM intilery.profiles") == [(OTHER_ID,)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Nobody is named"),
        (("--id", " "), "empty"),
        (("--email", "[masked]"), "empty"),
        (("--file", "missing.txt"), "cannot be read"),
        (("--id", "x", "--export", "missing"), "no such folder"),
        (("--id", "x", "--database", "missing.duckdb"), "no such file"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(account: Account, options: tuple[str, ...], said: str) -> None:
    result = account.invoke("forget", "--database", str(account.database), *options)
    assert result.exit_code == 2
    assert said in result.output
    assert EMAIL not in result.output


def test_it_needs_a_key(account: Account) -> None:
    account.settings = {}
    result = account.invoke("forget", "--database", str(account.database), "--id", ID)
    assert result.exit_code == 2
    assert "token_hex" in result.output


def test_a_file_that_a_program_holds_is_left_alone(account: Account) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb, sys; held = duckdb.connect({str(account.database)!r}); "
         "print(1, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        result = account.invoke("forget", "--database", str(account.database), "--id", ID)
    finally:
        holder.communicate()
    assert result.exit_code == 4, result.output
    assert "close it" in result.output


def test_a_new_file_that_lacks_a_row_is_not_taken(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _rows(account)
    where, calls = duckdb_rewrite._where, iter(range(1000))
    monkeypatch.setattr(
        duckdb_rewrite, "_where", lambda change: "WHERE FALSE" if next(calls) % 2 == 0 else where(change)
    )
    result = account.invoke("forget", "--database", str(account.database), "--id", ID)
    assert result.exit_code == 1
    assert "The file is as it was" in result.output
    assert _rows(account) == before
    assert not duckdb_rewrite.beside(account.database).exists()


def test_exports_are_erased_too(account: Account, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    with duckdb.connect(str(account.database)) as connection:
        folder.mkdir()
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'intilery' AND NOT starts_with(table_name, '_')"
        ).fetchall():
            where = f"'{folder / table}.parquet' (FORMAT parquet)"
            if table == "events":
                where = f"'{folder / table}' (FORMAT parquet, PARTITION_BY (event_date))"
            dated = ", CAST(event_time AS DATE) AS event_date" if table == "events" else ""
            connection.execute(f"COPY (SELECT *{dated} FROM intilery.{table}) TO {where}")
    untouched = folder / "extract_runs.parquet"
    stat = untouched.stat()
    told = _forget(account, "--email", EMAIL, "--export", str(folder), "--dry-run")
    done = _forget(account, "--email", EMAIL, "--export", str(folder))
    assert told | {"dry_run": False} == done
    assert done["erased"]["export/events"] == 6
    assert done["erased"]["export/profile_traits__channels__tags"] == 1
    assert _left(account) == {}
    assert not list(folder.rglob("*being-rewritten*"))
    assert (untouched.stat().st_ino, untouched.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT event_id FROM '{folder}/events/**/*.parquet' ORDER BY 1").fetchall()
    assert [key for (key,) in found] == ["event-10", "event-7", "event-8", "event-9"]


@pytest.mark.parametrize("step", ["_remember", "write_anew", "move_into_place", "replaced"])
def test_killed_at_any_step_the_file_is_the_old_or_the_new_one(account: Account, step: str) -> None:
    before = _rows(account)
    code = (
        "import os, signal, sys\n"
        "from pipelines import forget, duckdb_rewrite\n"
        "from pipelines.command_line import app\n"
        "kill = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"step = {step!r}\n"
        "if step == '_remember':\n"
        "    done = forget._remember\n"
        "    forget._remember = lambda *a: (done(*a), kill())\n"
        "elif step == 'replaced':\n"
        "    forget._sweep = kill\n"
        "elif step == 'write_anew':\n"
        "    duckdb_rewrite._where = kill\n"
        "else:\n"
        "    duckdb_rewrite.move_into_place = kill\n"
        f"app(['forget', '--database', {str(account.database)!r}, '--email', {EMAIL!r}])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=account.environment(), check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    found = _rows(account)
    if step == "replaced":
        assert "zebra-property" not in repr(found)
    else:
        assert found == before
    _forget(account, "--email", EMAIL)
    assert _left(account) == {}
    assert not duckdb_rewrite.beside(account.database).exists()
