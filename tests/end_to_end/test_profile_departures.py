"""Profiles that are gone, were merged, or only seem to be gone because a list lies."""

from typing import Any

import pytest
from accounts import Account

from pipelines import duckdb_rewrite
from pipelines.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("fast_retries")

_DAY = 86_400
_PROFILES = ("profiles", "profile_traits", "profile_meta", "profile_event_bounds")
_WITH_PROFILES = ("profiles", "profile_traits", "profile_meta")


@pytest.fixture
def people(account: Account) -> Account:
    """An account of 100 people of whom some will be gone a month later, loaded wholly."""
    account.server.reset(world="people:100", seed=5, limits={"rate": None, "list_page": 10})
    account.settings |= {"profile_refresh": "all", "max_delete_share": 0.5}
    assert account.load(only=_PROFILES).exit_code == ExitCode.LOADED
    return account


def tables(account: Account) -> dict[str, set[str]]:
    return {name: {key for (key,) in account.query(f"SELECT id FROM intilery.{name}")} for name in _WITH_PROFILES}


def rows(account: Account, table: str) -> list[dict[str, Any]]:
    known = account.query(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{table}'")
    return account.records(f"SELECT * FROM intilery.{table}") if known else []


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"rates": {"expire_scroll": 1.0}}, "the scroll expired before its end"),
        ({"rates": {"repeat_scroll_page": 1.0}}, "does not seem to know the parameter scrollId"),
        ({"rates": {"lost_scroll_answer_once": 1.0}}, "an answer was lost on the way"),
    ],
    ids=["expiring", "repeating", "lost"],
)
def test_without_a_complete_list_nothing_is_deleted(people: Account, faults: dict[str, Any], sentence: str) -> None:
    # given that some profiles are gone, and others changed
    people.advance(30 * _DAY)
    before = tables(people)
    assert before["profiles"] - people.true_traits().keys(), "some are gone"
    people.server.change(faults={"seed": 1} | faults)
    # when no list comes to its end
    result = people.load(only=_PROFILES)
    # then nothing is deleted, what was listed is loaded, and it is said why
    assert result.exit_code == ExitCode.LOADED_IN_PART
    assert any(sentence in reason for reason in result.reasons)
    assert all(after >= before[name] for name, after in tables(people).items())
    assert rows(people, "profile_deletions") == []
    changed = {key for key, traits in people.traits_at("2100-01-01").items() if traits == people.true_traits().get(key)}
    assert len(changed) >= 10, "a page at least"
    # and a complete one makes up for it
    people.server.change(faults={"preset": "none"})
    assert people.load(only=_PROFILES).exit_code == ExitCode.LOADED
    assert tables(people)["profiles"] == people.true_traits().keys()


def test_half_of_the_profiles_missing_blows_the_fuse(people: Account) -> None:
    people.settings["max_delete_share"] = 0.05
    people.advance(_DAY)
    before = tables(people)
    people.server.change(faults={"seed": 1, "listing_leaves_out": 0.5})
    result = people.load(only=_PROFILES)
    assert result.exit_code == ExitCode.FAILED
    assert any("more than max_delete_share (5%)" in reason for reason in result.reasons)
    assert all(after >= before[name] for name, after in tables(people).items())
    assert rows(people, "profile_deletions") == []
    # and the next run looks at the list again, though it is not due
    people.settings["profile_refresh"] = "changed"
    people.server.change(faults={"preset": "none"})
    assert people.load(only=_PROFILES).exit_code == ExitCode.LOADED
    assert tables(people)["profiles"] == people.true_traits().keys()


def test_profiles_that_are_there_though_no_list_has_them_stay(people: Account) -> None:
    # given a list that lacks some, fewer than the fuse allows
    people.advance(_DAY)
    people.server.change(faults={"seed": 1, "listing_leaves_out": 0.1})
    assert people.load(only=_PROFILES).exit_code == ExitCode.LOADED
    assert tables(people)["profiles"] >= people.true_traits().keys()
    deleted = {row["profile_id"] for row in rows(people, "profile_deletions")}
    assert not deleted & people.true_traits().keys()


def test_a_deleted_profile_leaves_its_history_and_nothing_else(people: Account) -> None:
    before = people.true_traits()
    people.advance(30 * _DAY)
    people.load(only=_PROFILES)
    gone = before.keys() - people.true_traits().keys()
    deletions = {row["profile_id"]: row for row in rows(people, "profile_deletions")}
    merges = {row["profile_id"]: row for row in rows(people, "profile_merges")}
    assert gone == (deletions.keys() | merges.keys()) & gone
    assert gone & deletions.keys()
    assert gone & merges.keys()
    for name, ids in tables(people).items():
        assert not ids & gone, name
    assert not {key for (key,) in people.query("SELECT profile_id FROM intilery.profile_event_bounds")} & gone
    children = people.query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'profile_traits__%'")
    assert children
    for (child,) in children:
        roots = "SELECT _dlt_id FROM intilery.profile_traits"
        assert people.query(f"SELECT 1 FROM intilery.{child} WHERE _dlt_root_id NOT IN ({roots})") == [], child
    ended = "SELECT profile_id FROM intilery.profile_trait_versions WHERE valid_to IS NULL AND traits IS NULL"
    assert {key for (key,) in people.query(ended)} >= gone
    # what it was merged into is the profile that has its external id now
    true = people.true_traits()
    for key in gone & merges.keys():
        assert true[merges[key]["merged_into"]]["externalId"] == before[key]["externalId"]


def test_profiles_side_by_side_with_one_external_id_are_one(people: Account) -> None:
    found: dict[str, str] = {}
    shared: set[str] = set()
    for _ in range(10):
        people.advance(3 * _DAY)
        people.load(only=_PROFILES)
        external = [traits["externalId"] for traits in people.true_traits().values()]
        shared |= {value for value in external if external.count(value) > 1}
        found = {row["profile_id"]: row["external_id"] for row in rows(people, "profile_merges")}
    assert shared
    assert shared <= set(found.values())
    assert len(rows(people, "profile_merges")) == len(found), "each merge is recorded once"


@pytest.mark.parametrize("on_delete", ["keep", "pseudonymise", "erase"])
def test_what_becomes_of_a_deleted_profiles_events_and_history(account: Account, on_delete: str) -> None:
    # given an account of which everything was loaded, and then some profiles vanished
    account.server.reset(world="people:100", seed=5, limits={"rate": None})
    account.settings |= {"profile_refresh": "all", "max_delete_share": 0.5}
    account.settings |= {"on_delete": on_delete, "pii_key": "a key of sixteen characters"}
    account.load()
    before = account.true_traits()
    account.advance(30 * _DAY)
    # when it is loaded again
    assert account.load().exit_code == ExitCode.LOADED
    # then their events and history are there, under another name, or not at all
    deleted = {row["profile_id"] for row in rows(account, "profile_deletions")} - account.true_traits().keys()
    assert deleted
    of_customers = dict(account.query("SELECT customer_id, count(*) FROM intilery.events GROUP BY ALL"))
    of_history = {key for (key,) in account.query("SELECT profile_id FROM intilery.profile_trait_history")}
    total = account.true_event_ids().total()
    found = sum(of_customers.values())
    if on_delete == "keep":
        assert deleted & of_customers.keys()
        assert deleted <= of_history
        return
    assert not deleted & of_customers.keys()
    assert not deleted & of_history
    assert found == total if on_delete == "pseudonymise" else found < total
    # and nothing is left of them in the file
    content = account.database.read_bytes()
    alone = [before[key]["email"] for key in deleted & before.keys() if before[key].get("email")]
    still = {traits.get("email") for traits in account.true_traits().values()}
    gone = [email for email in alone if email not in still]
    assert gone
    assert not [email for email in gone if email.encode() in content]
    # nor does the next load bring them back
    account.advance(_DAY)
    account.load()
    assert not deleted & {key for (key,) in account.query("SELECT DISTINCT customer_id FROM intilery.events")}


def test_a_file_that_could_not_be_cleaned_is_cleaned_by_the_next_load(account: Account) -> None:
    # given a load that erased events of deleted profiles, and was stopped before it wrote the file anew
    account.server.reset(world="people:60", seed=5, limits={"rate": None})
    account.settings |= {"profile_refresh": "all", "max_delete_share": 0.5, "on_delete": "erase"}
    account.load()
    before = account.true_traits()
    account.advance(30 * _DAY)

    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb_rewrite, "rewrite", stopped)
        with pytest.raises(KeyboardInterrupt):
            account.load()
    # when it is loaded again, though there is nothing more to erase
    account.load()
    # then nothing is left in the file, and the one after that leaves it alone
    after = account.true_traits()
    still = {traits.get("email") for traits in after.values()}
    deleted = {row["profile_id"] for row in rows(account, "profile_deletions")} - after.keys()
    gone = {before[key].get("email") for key in deleted & before.keys()} - still - {None}
    content = account.database.read_bytes()
    assert gone
    assert not [email for email in gone if str(email).encode() in content]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb_rewrite, "rewrite", stopped)
        assert account.load().exit_code == ExitCode.LOADED
