"""Profiles of as many traits as columns are allowed are loaded within the memory that a load has."""

import json
from pathlib import Path

from accounts import Account
from scripted_api import ScriptedApi, serving

from cdp_sandbox.process import Running

_PROFILES, _TRAITS = 1000, 290


def test_a_thousand_profiles_of_nearly_three_hundred_traits(tmp_path: Path) -> None:
    api = ScriptedApi([], [{"id": f"profile-{number}"} for number in range(_PROFILES)])

    def answer(route: str, profile: str) -> tuple[int, bytes] | None:
        if route not in ("traits", "meta"):
            return None
        traits = {f"trait{number}": f"{profile} has {number}" for number in range(_TRAITS)}
        return 200, json.dumps({"id": profile} | traits).encode()

    api.fault = answer
    with serving(api) as running:
        account = Account(Running(running.url, "c", "a", "B", "t"), tmp_path / "customers.duckdb")
        done = account.command("load", "--database", "customers.duckdb")
    assert done.returncode == 0, done.stderr
    assert account.query("SELECT count(trait289), count(trait0) FROM intilery.profile_traits") == [(_PROFILES,) * 2]
