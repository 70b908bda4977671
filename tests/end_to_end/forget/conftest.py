"""An account that holds one person in every place, to forget them in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from erasable import DERIVED, account_events, api
from erasable_account import ErasableAccount, erasable
from scripted_api import ScriptedApi, serving


@pytest.fixture(scope="session")
def served() -> Iterator[ScriptedApi]:
    with serving(api()) as running:
        yield running


@pytest.fixture(scope="session")
def loaded(served: ScriptedApi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds the person in every place; tests copy it."""
    account = erasable(served, tmp_path_factory.mktemp("loaded"))
    account.load()
    with duckdb.connect(str(account.database)) as connection:
        connection.execute(DERIVED)
        connection.execute("CREATE TABLE intilery.gone AS SELECT range AS n, 'gone-' || range AS x FROM range(5000)")
        connection.execute("DROP TABLE intilery.gone")
    return account.database


@pytest.fixture
def account(served: ScriptedApi, loaded: Path, tmp_path: Path) -> ErasableAccount:
    served.events = account_events()
    copy = erasable(served, tmp_path)
    shutil.copy(loaded, copy.database)
    return copy
