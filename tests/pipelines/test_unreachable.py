"""A server that does not answer is named as such, and no password is."""

from pathlib import Path

import pytest
from accounts import Account
from scripted_api import ScriptedApi

from cdp_sandbox.process import Running
from pipelines.exit_codes import ExitCode


def test_a_server_that_does_not_answer(api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://u:geheim@localhost/x?host={tmp_path}")
    account = Account(Running(api.url, "c", "a", "B", "t"), tmp_path / "unused.duckdb")
    done = account.invoke("load", "--destination", "postgres")
    assert done.exit_code == ExitCode.FAILED
    assert "The destination does not answer" in done.output
    assert "geheim" not in done.output
