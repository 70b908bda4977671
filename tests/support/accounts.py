"""An account that the sandbox serves, loaded into a DuckDB file: what end-to-end tests work on."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import requests
from click.testing import Result
from typer.testing import CliRunner

from cdp_sandbox.process import Running
from intilery_source import RunReport, intilery
from pipelines.command_line import app
from pipelines.destination import Target, opened, target
from pipelines.load import TABLES, LoadRequest, LoadResult, load


@dataclass
class Account:
    """The account that a sandbox serves, and the file, or other target, that it is loaded into."""

    server: Running
    database: Path
    settings: dict[str, Any] = field(default_factory=dict)
    report: RunReport = field(default_factory=RunReport)
    elsewhere: Target | None = None
    """Where it is loaded to in this process, if not into `database`."""

    def where(self) -> Target:
        return self.elsewhere or target("duckdb", self.database, "intilery")

    def all_settings(self) -> dict[str, Any]:
        return {
            "base_url": self.server.url,
            "client_id": self.server.client_id,
            "account_id": self.server.account_id,
            "brand_id": self.server.brand_id,
            "auth_token": self.server.token,
            "requests_per_second": 5000.0,
            "burst": 5000,
        } | self.settings

    def load(self, only: tuple[str, ...] = TABLES, **bounds: Any) -> LoadResult:
        """Load in this process."""
        self.report = RunReport()
        request = LoadRequest(self.where(), only, settings=self.all_settings(), **bounds)
        return load(request, self.report)

    def begin(self, loads: int, **bounds: Any) -> None:
        """Load so many of a run's loads of events, and leave the rest, as a process that was killed does."""
        where = self.where()
        source = intilery(**self.all_settings(), **bounds).with_resources("events")
        with opened(where) as place:
            pipeline = place.pipeline(where)
            for _ in range(loads):
                pipeline.run(source)

    def environment(self) -> dict[str, str]:
        settings = {f"SOURCES__INTILERY__{key.upper()}": str(value) for key, value in self.all_settings().items()}
        return dict(os.environ) | settings

    def command(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `intilery` as a user does."""
        return subprocess.run(
            [sys.executable, "-m", "pipelines", *arguments],
            env=self.environment() | dict(env or {}),
            cwd=self.database.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def invoke(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Result:
        """Run `intilery` in this process, which saves the second that its imports take."""
        environment: dict[str, str | None] = {**self.environment(), **(env or {})}
        return CliRunner().invoke(app, list(arguments), env=environment)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def records(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            found = connection.execute(sql)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def event_ids(self) -> Counter[str]:
        return Counter(key for (key,) in self.query("SELECT event_id FROM intilery.events"))

    def profile_ids(self) -> Counter[str]:
        return Counter(key for (key,) in self.query("SELECT id FROM intilery.profiles"))

    def true_event_ids(self) -> Counter[str]:
        """What the world shows now, by its own account."""
        return Counter(self.server.control("GET", "/_sandbox/truth/event_ids"))

    def true_profile_ids(self) -> Counter[str]:
        return Counter(profile["id"] for profile in self.server.control("GET", "/_sandbox/truth/profiles"))

    def write(self, action: str, body: Mapping[str, Any]) -> None:
        """Post an event to the account, which receives it now."""
        server = self.server
        path = f"{server.url}/{server.client_id}/{server.account_id}/{server.brand_id}/v1/{action}"
        answer = requests.post(path, json=body, headers={"auth-token": server.token}, timeout=10)
        answer.raise_for_status()

    def true_traits(self) -> dict[str, Any]:
        """What `/traits` answers now for each profile, by the world's own account."""
        return {found["id"]: found["traits"] for found in self.server.control("GET", "/_sandbox/truth/profiles")}

    def traits_at(self, instant: str) -> dict[str, Any]:
        """What the history says of each profile's traits at an instant."""
        found = self.query(
            f"SELECT profile_id, traits FROM intilery.profile_trait_versions WHERE valid_from <= '{instant}' "
            f"AND (valid_to IS NULL OR valid_to > '{instant}') AND traits IS NOT NULL"
        )
        return {profile_id: json.loads(traits) for profile_id, traits in found}

    def now(self) -> str:
        return str(self.server.control("GET", "/_sandbox/clock")["now"])

    def asked(self) -> Counter[str]:
        """The requests by route since this was asked last, or since the reset."""
        shown = self.server.control("GET", "/_sandbox/stats")["requests"]
        self.server.control("DELETE", "/_sandbox/stats")
        return Counter({route: sum(by_status.values()) for route, by_status in shown.items()})

    def advance(self, seconds: float) -> None:
        self.server.control("PUT", "/_sandbox/clock", {"advance_seconds": seconds})


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
