"""`intilery forget`: nothing of a person is left anywhere, the others' rows are as they were, and no load undoes it."""

import json
from pathlib import Path

import duckdb
import pytest
from erasable import ANONYMOUS, EMAIL, EXTERNAL, ID, OTHER_EMAIL, OTHER_ID, PERSONAL, account_events
from erasable_account import VALUES, ErasableAccount, erasable
from planted import found_in
from scripted_api import ScriptedApi, event
from spellings import spellings

pytestmark = pytest.mark.usefixtures("fast_retries")


@pytest.mark.parametrize("whom", [("--id", ID), ("--email", EMAIL.upper()), ("--user-id", EXTERNAL)])
def test_nothing_is_left_of_a_person_and_a_load_brings_nothing_back(
    account: ErasableAccount, whom: tuple[str, str]
) -> None:
    # given the person in every place, and a killed load's leftovers
    assert found_in(VALUES, account.database.parent).keys() == {*VALUES} - {PERSONAL["late"]}
    for leftovers in (
        account.working_folder() / "intilery" / "normalize" / "abc",
        account.working_folder() / "another",
    ):
        leftovers.mkdir(parents=True)
        (leftovers / "events.jsonl").write_text(json.dumps(PERSONAL))
    before = account.rows()

    # when they are forgotten
    outcome = account.forget(*whom)

    # then they are in no file, and the others are there
    assert account.left() == {}
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
    after = account.rows()
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
    assert account.left() == {}
    again = account.rows()
    for table in ("intilery.profile_trait_history", "intilery.profile_trait_versions"):
        again[table].pop()  # a trait of the other's shows the address no longer, which is a version
    assert {table: len(rows) for table, rows in again.items()} == {table: len(rows) for table, rows in after.items()}
    verified = account.invoke("verify", "--database", str(account.database))
    assert verified.exit_code == 0, verified.output


def test_forgetting_again_changes_nothing(account: ErasableAccount) -> None:
    account.forget("--email", EMAIL)
    rows, hmacs = account.rows(), account.query("FROM intilery.forgotten SELECT person_hmac ORDER BY 1")
    outcome = account.forget("--email", EMAIL)
    assert outcome["erased"] == outcome["blanked"] == {}
    assert account.rows() == rows
    assert account.query("FROM intilery.forgotten SELECT person_hmac ORDER BY 1") == hmacs


def test_a_dry_run_says_the_same_and_changes_nothing(account: ErasableAccount) -> None:
    bytes_before = account.database.read_bytes()
    told = account.forget("--email", EMAIL, "--dry-run")
    assert account.database.read_bytes() == bytes_before
    assert sorted(path.name for path in account.database.parent.iterdir()) == ["customers.duckdb"]
    done = account.forget("--email", EMAIL)
    assert told | {"dry_run": False} == done


def test_what_comes_later_of_them_is_left_out(account: ErasableAccount, served: ScriptedApi) -> None:
    account.forget("--id", ID)
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
    assert account.left() == {}
    assert account.profile_ids().keys() == {OTHER_ID}
    assert {"event-20", "event-21"}.isdisjoint(account.event_ids())
    assert account.query("SELECT properties->>'to' FROM intilery.events WHERE event_id = 'event-22'") == [
        ("[forgotten]",)
    ]


def test_a_load_without_the_key_says_what_to_do(account: ErasableAccount) -> None:
    account.forget("--id", ID)
    account.settings = {}
    result = account.invoke("load", "--database", str(account.database))
    assert result.exit_code == 2
    assert "pii_key" in result.output
    assert account.left() == {}


def test_people_of_a_file_and_of_options(account: ErasableAccount, tmp_path: Path) -> None:
    listed = tmp_path / "people.txt"
    listed.write_text(f"\ufeffemail:{EMAIL}\r\n\nid:{OTHER_ID}\n")
    outcome = account.forget("--file", str(listed), "--id", "nobody")
    listed.unlink()
    assert outcome["profiles"] == 4  # with the old one of a merge, and nobody
    assert account.query("SELECT count(*) FROM intilery.profiles") == [(0,)]
    assert [row[0] for row in account.query("SELECT event_id FROM intilery.events")] == ["event-10"]


def test_an_address_of_several_profiles_is_said_and_all_are_forgotten(account: ErasableAccount) -> None:
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("UPDATE intilery.profile_traits SET email = ?", [EMAIL])
    outcome = account.forget("--email", EMAIL, "--dry-run")
    assert outcome["erased"]["intilery.profiles"] == 2
    assert any("2 profiles" in note and "all of them" in note for note in outcome["notes"])
    # while one who is named by id goes alone, and the address stays the other's
    outcome = account.forget("--id", ID)
    assert outcome["erased"]["intilery.profiles"] == 1
    assert any("belong to profiles, too" in note for note in outcome["notes"])
    assert account.query("SELECT id, email FROM intilery.profile_traits") == [(OTHER_ID, EMAIL)]
    account.load(only=("profiles", "profile_traits"))
    assert account.query("SELECT id FROM intilery.profile_traits") == [(OTHER_ID,)]


def test_addresses_of_one_profile_each_are_not_said_to_be_shared(account: ErasableAccount) -> None:
    outcome = account.forget("--email", EMAIL, "--email", OTHER_EMAIL, "--dry-run")
    assert outcome["erased"]["intilery.profiles"] == 2
    assert outcome["notes"] == []
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("UPDATE intilery.profile_traits SET email = ?", [EMAIL])
    outcome = account.forget("--email", EMAIL, "--email", "nobody@example.com", "--dry-run")
    assert [note[:38] for note in outcome["notes"]] == ["2 profiles have an e-mail address in c"]


@pytest.mark.parametrize("end", ["pid-c1", "pid-c3", "pid-c5"])
def test_a_chain_of_merges_is_forgotten_from_either_end(account: ErasableAccount, end: str) -> None:
    with duckdb.connect(str(account.database)) as connection:
        for number in range(1, 5):
            connection.execute(
                "INSERT INTO intilery.profile_merges BY NAME SELECT * REPLACE (? AS profile_id, ? AS merged_into) "
                "FROM intilery.profile_merges LIMIT 1",
                [f"pid-c{number}", f"pid-c{number + 1}"],
            )
    outcome = account.forget("--id", end)
    assert outcome["profiles"] == 5
    assert outcome["erased"]["intilery.profile_merges"] == 4
    assert found_in([f"pid-c{number}" for number in range(1, 6)], account.database.parent) == {}


def test_addresses_in_others_rows_are_blanked_and_longer_ones_are_not(account: ErasableAccount) -> None:
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
    account.forget("--email", EMAIL)
    found = account.query("SELECT note, listed FROM intilery.notes")
    assert sorted(note for note, _ in found) == sorted(cases.values())
    assert sorted(map(json.loads, (listed for _, listed in found))) == sorted([left, 1.5] for left in cases.values())


ODD = ["o'brien@example.com", "j\u00f6rg@example.com", "ada+news@example.com", "zebra/x@example.com", "a=b@example.com",
       '"john zebra"@example.com', "zebra@[198.51.100.7]", "\U0001f993@example.com"]  # fmt: skip


def test_no_escape_hides_an_address_in_what_is_stored(account: ErasableAccount) -> None:
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
    account.forget(*(option for address in ODD for option in ("--email", address)))
    for (listed,) in account.query(f"SELECT listed::VARCHAR FROM intilery.notes WHERE customer_id = '{OTHER_ID}'"):
        assert "[forgotten]" in listed
        assert json.loads(listed)["n"] == 1.5
    left = account.query("SELECT listed->>'x' FROM intilery.notes WHERE customer_id = 'other'")
    assert sorted(text for (text,) in left) == sorted(json.loads(f'"{other}"') for other in others)


def test_a_device_that_two_people_used_takes_nothing_of_the_other(account: ErasableAccount) -> None:
    account.forget("--id", ID)
    assert ANONYMOUS not in repr(account.rows())
    assert account.query("SELECT customer_id, anonymous_id FROM intilery.events WHERE event_id = 'event-7'") == [
        (OTHER_ID, None)
    ]


def test_an_anonymous_id_that_many_have_is_no_device(account: ErasableAccount) -> None:
    with duckdb.connect(str(account.database)) as connection:
        connection.execute(
            "INSERT INTO intilery.events BY NAME SELECT * REPLACE ('many-' || n AS event_id, 'p-' || n AS customer_id) "
            "FROM intilery.events, range(4) AS t(n) WHERE event_id = 'event-7'".replace(
                "SELECT *", "SELECT * EXCLUDE n"
            )
        )
    account.forget("--id", ID)
    assert {"event-2", "event-7", "many-0"} <= account.event_ids().keys()
    assert "event-1" not in account.event_ids()


def test_hashed_addresses_are_found_by_the_address(served: ScriptedApi, tmp_path: Path) -> None:
    served.events = account_events()
    account = erasable(served, tmp_path / "hashed")
    account.settings |= {"pii": "default"}
    account.load()
    assert found_in([EMAIL, PERSONAL["first name"]], account.database.parent) == {}
    outcome = account.forget("--email", EMAIL)
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
def test_what_cannot_be_meant_is_a_usage_error(account: ErasableAccount, options: tuple[str, ...], said: str) -> None:
    result = account.invoke("forget", "--database", str(account.database), *options)
    assert result.exit_code == 2
    assert said in result.output
    assert EMAIL not in result.output


def test_it_needs_a_key(account: ErasableAccount) -> None:
    account.settings = {}
    result = account.invoke("forget", "--database", str(account.database), "--id", ID)
    assert result.exit_code == 2
    assert "token_hex" in result.output
