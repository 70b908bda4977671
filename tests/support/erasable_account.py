"""A loaded account of which a person is to be forgotten, and what is left of them."""

import json
from pathlib import Path
from typing import Any

import duckdb
from accounts import Account
from erasable import KEY, PERSONAL
from planted import found_in
from scripted_api import ScriptedApi

from cdp_sandbox.process import Running

VALUES = [*PERSONAL.values(), "pid-zebra-old"]


class ErasableAccount(Account):
    """An account that `intilery forget` is run on."""

    def working_folder(self) -> Path:
        return self.where().working_folder

    def forget(self, *options: str) -> dict[str, Any]:
        result = self.invoke("forget", "--database", str(self.database), "--json", *options)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def left(self) -> dict[str, list[str]]:
        """The person's values that a file still has, and in which."""
        return found_in(VALUES, self.database.parent, self.working_folder())

    def rows(self) -> dict[str, list[str]]:
        """The rows of every table but dlt's, `forgotten` and the ledger's."""
        found = {}
        with duckdb.connect(str(self.database), read_only=True) as connection:
            tables = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
            for schema, table in tables:
                if not table.startswith(("_dlt", "forgotten", "extract_")):
                    named = f'"{schema}"."{table}"'
                    rows = connection.execute(f"SELECT COLUMNS(c -> c NOT LIKE '_dlt%') FROM {named}").fetchall()
                    found[f"{schema}.{table}"] = sorted(map(repr, rows))
        return found


def erasable(served: ScriptedApi, folder: Path) -> ErasableAccount:
    """An account to load into a file in `folder`, which is made."""
    folder.mkdir(exist_ok=True)
    return ErasableAccount(
        Running(served.url, "c", "a", "B", "t"), folder / "customers.duckdb", settings={"pii_key": KEY}
    )
