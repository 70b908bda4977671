"""Erasing or pseudonymising profiles from Python, as a job does with those that were deleted."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from accounts import Account
from dlt.pipeline.pipeline import Pipeline
from erasable import ANONYMOUS, DERIVED, EMAIL, EXTERNAL, ID, KEY, OTHER_ID, PERSONAL, api
from planted import found_in
from scripted_api import serving

from cdp_client import ConfigurationError
from cdp_sandbox.process import Running
from intilery_source.forgotten import person_hmac
from pipelines import deletions, duckdb_rewrite
from pipelines.destination import opened, target
from pipelines.erasure import erase_profiles

pytestmark = pytest.mark.usefixtures("fast_retries")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with serving(api()) as served:
        account = Account(
            Running(served.url, "c", "a", "B", "t"), tmp_path_factory.mktemp("loaded") / "customers.duckdb"
        )
        account.load()
    with duckdb.connect(str(account.database)) as connection:
        connection.execute(DERIVED)
    return account.database


@pytest.fixture
def account(loaded: Path, tmp_path: Path) -> Account:
    shutil.copy(loaded, tmp_path / "customers.duckdb")
    return Account(Running("http://127.0.0.1:9/track", "c", "a", "B", "t"), tmp_path / "customers.duckdb")


@contextmanager
def _pipeline(account: Account) -> Iterator[Pipeline]:
    where = target("duckdb", account.database, "intilery")
    with opened(where) as held:
        pipeline = held.pipeline(where)
        pipeline.sync_destination()
        yield pipeline
        pipeline.drop()


def test_profiles_are_erased_and_after_rewriting_no_byte_is_left(account: Account) -> None:
    with _pipeline(account) as pipeline:
        assert erase_profiles(pipeline, [], None) == {}
        erased = erase_profiles(pipeline, [ID], None)
    assert erased["intilery.events"].rows == 6
    assert erased["intilery.profile_traits__channels__tags"].rows == 1
    assert account.query("SELECT id FROM intilery.profiles") == [(OTHER_ID,)]
    duckdb_rewrite.rewrite(account.database)
    assert found_in(PERSONAL.values(), account.database.parent) == {}
    assert account.query("SELECT count(*) FROM intilery.profile_trait_versions") == [(1,)]


def test_pseudonyms_keep_events_and_history_and_tell_nobody(account: Account) -> None:
    with _pipeline(account) as pipeline:
        with pytest.raises(ConfigurationError, match="pii_key"):
            erase_profiles(pipeline, [ID], None, pseudonymise=True)
        erased = erase_profiles(pipeline, [ID], KEY, pseudonymise=True)
    assert "intilery.events" not in {name for name, found in erased.items() if found.rows}
    duckdb_rewrite.rewrite(account.database)
    kept = {"property", "nested", "anonymous event", "unknown visitor"}
    told = [value for name, value in PERSONAL.items() if name not in kept]
    assert found_in(told, account.database.parent) == {}
    assert account.query("SELECT count(*) FROM intilery.events") == [(10,)]
    assert account.query(
        "SELECT customer_id, user_id, anonymous_id, traits, context, extra FROM intilery.events "
        "WHERE event_id = 'event-1'"
    ) == [
        (
            person_hmac(KEY, "id", ID),
            person_hmac(KEY, "userId", EXTERNAL),
            person_hmac(KEY, "anonymousId", ANONYMOUS),
            None,
            None,
            None,
        )
    ]
    history = account.query("SELECT profile_id, traits FROM intilery.profile_trait_history ORDER BY traits NULLS FIRST")
    assert [row[0] for row in history] == [person_hmac(KEY, "id", ID)] * 2 + [OTHER_ID]
    assert history[0][1] is history[1][1] is None
    assert account.query("SELECT count(*) FROM intilery.profiles") == [(1,)]
    assert EMAIL not in repr(account.query("FROM intilery.events"))


def test_a_failure_midway_changes_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import erasure

    plan = erasure.plan

    def and_then_fail(*arguments: object, **named: object) -> list[erasure.Change]:
        changes = plan(*arguments, **named)  # type: ignore[arg-type]
        return [*changes, erasure.Change(changes[-1].table, "no_such_column = 1")]

    monkeypatch.setattr(erasure, "plan", and_then_fail)
    monkeypatch.setattr(erasure, "count", lambda *_: {})
    with _pipeline(account) as pipeline, pytest.raises(Exception, match="no_such_column"):
        erase_profiles(pipeline, [ID], None)
    assert account.query("SELECT count(*) FROM intilery.events") == [(10,)]
    assert account.query("SELECT count(*) FROM intilery.profiles") == [(2,)]


def test_a_table_that_a_killed_load_has_not_made_is_no_trace_of_a_profile(account: Account) -> None:
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("DROP TABLE intilery.profile_meta")
        connection.execute("CREATE TABLE intilery.profile_deletions (profile_id VARCHAR, detected_at TIMESTAMPTZ)")
        connection.execute("INSERT INTO intilery.profile_deletions VALUES ('gone', now()), (?, now())", [OTHER_ID])
    with _pipeline(account) as pipeline:
        tables = pipeline.default_schema.tables
        tables["profile_deletions"] = {**tables["profile_meta"], "name": "profile_deletions"}
        assert deletions._deleted(pipeline) == ["gone"]
