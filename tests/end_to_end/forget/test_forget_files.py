"""`intilery forget` and files: links, exports, programs that hold one, and a kill at any step."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from erasable import EMAIL, ID, OTHER_ID, PERSONAL
from erasable_account import ErasableAccount

from pipelines import duckdb_rewrite

pytestmark = pytest.mark.usefixtures("fast_retries")


def test_a_link_stays_a_link_and_its_file_is_erased(account: ErasableAccount) -> None:
    real = account.database.parent / "volume" / "real.duckdb"
    real.parent.mkdir()
    account.database.rename(real)
    account.database.symlink_to(real)
    (account.working_folder() / "left").mkdir(parents=True)
    (account.working_folder() / "left" / "events.jsonl").write_text(json.dumps(PERSONAL))
    account.forget("--email", EMAIL)
    assert account.database.is_symlink()
    assert account.left() == {}
    assert sorted(path.name for path in real.parent.iterdir()) == ["real.duckdb"]
    assert account.query("SELECT id FROM intilery.profiles") == [(OTHER_ID,)]


def test_what_a_killed_export_has_left_beside_is_swept(account: ErasableAccount, tmp_path: Path) -> None:
    folder = tmp_path / "exports" / "customers"
    folder.parent.mkdir()
    assert account.invoke("export", "--database", str(account.database), "--parquet", str(folder)).exit_code == 0
    lefts = [folder.with_name(name) for name in (".customers.export-abc", ".customers.export-abc-old")]
    for left in lefts:
        shutil.copytree(folder, left)
    shutil.copytree(folder, folder.with_name(".customers2.export-x"))
    account.forget("--email", EMAIL, "--export", str(folder), "--dry-run")
    assert all(left.exists() for left in lefts)
    account.forget("--email", EMAIL, "--export", str(folder))
    assert sorted(path.name for path in folder.parent.iterdir()) == [".customers2.export-x", "customers"]
    shutil.rmtree(folder.with_name(".customers2.export-x"))
    assert account.left() == {}


def test_a_file_that_a_program_holds_is_left_alone(account: ErasableAccount) -> None:
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


def test_a_new_file_that_lacks_a_row_is_not_taken(account: ErasableAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    before = account.rows()
    where, calls = duckdb_rewrite._where, iter(range(1000))
    monkeypatch.setattr(
        duckdb_rewrite, "_where", lambda change: "WHERE FALSE" if next(calls) % 2 == 0 else where(change)
    )
    result = account.invoke("forget", "--database", str(account.database), "--id", ID)
    assert result.exit_code == 1
    assert "The file is as it was" in result.output
    assert account.rows() == before
    assert not duckdb_rewrite.beside(account.database).exists()


def test_exports_are_erased_too(account: ErasableAccount, tmp_path: Path) -> None:
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
    told = account.forget("--email", EMAIL, "--export", str(folder), "--dry-run")
    done = account.forget("--email", EMAIL, "--export", str(folder))
    assert told | {"dry_run": False} == done
    assert done["erased"]["export/events"] == 6
    assert done["erased"]["export/profile_traits__channels__tags"] == 1
    assert account.left() == {}
    assert not list(folder.rglob("*being-rewritten*"))
    assert (untouched.stat().st_ino, untouched.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT event_id FROM '{folder}/events/**/*.parquet' ORDER BY 1").fetchall()
    assert [key for (key,) in found] == ["event-10", "event-7", "event-8", "event-9"]


@pytest.mark.parametrize("step", ["_remember", "write_anew", "move_into_place", "replaced"])
def test_killed_at_any_step_the_file_is_the_old_or_the_new_one(account: ErasableAccount, step: str) -> None:
    before = account.rows()
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
    found = account.rows()
    if step == "replaced":
        assert "zebra-property" not in repr(found)
    else:
        assert found == before
    account.forget("--email", EMAIL)
    assert account.left() == {}
    assert not duckdb_rewrite.beside(account.database).exists()
