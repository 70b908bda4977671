"""One seed of the soak test: its plan is carried out against a sandbox, and the tables are looked at after each load.

What is demanded, of loads that are killed, fail and are run again while the clock moves on:

- at every moment, no event is there twice and none that the world does not show; the watermark has not gone back
  nor passed the clock, what lies more than a lookback before it is there, and the state is small;
- after a whole load, everything is there that it was asked for and that was visible when it began;
- at the end, exactly the visible events are there, and exactly the profiles that exist where they are loaded, too.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from pprint import pformat
from typing import Any

from account_files import Contents, read
from histories import History
from killable_loader import KILLED, KillableLoader, Order, Outcome
from soak_plans import EVENTS, Crowd, Kill, Meanwhile, Plan, Step

from cdp_sandbox.process import Running
from pipelines.exit_codes import ExitCode

MOST_STATE_BYTES = 10_000
MOST_REPEATS = 6
"""How often a load may end with the codes that mean "run it again" before that is a fault."""

_OPERATIONS = {True: 1500, False: 480}
"""About how many operations one of a run's loads consists of, with profiles and without."""
_FIRST_GUESS = 0.35
"""Seconds that one of a run's loads takes, until better is known."""


class Soak:
    """A plan on its way; `counts` is what happened, for a summary."""

    def __init__(self, plan: Plan, server: Running, loader: KillableLoader, folder: Path) -> None:
        self.plan = plan
        self.counts: Counter[str] = Counter()
        self._server = server
        self._loader = loader
        self._log: list[str] = []
        self._path = folder / "customers.duckdb"
        self._found = Contents()
        self._is_exact = False
        self._seconds_a_load = _FIRST_GUESS
        self._faults: dict[str, Any] = {}
        server.reset(
            world=plan.world,
            seed=plan.world_seed,
            clock=History.text(round(plan.clock * 1000)),
            switches=plan.switches,
            limits=plan.limits,
            latency=plan.latency,
        )
        self._history = History(server)
        self._whole = plan.tables != EVENTS
        self._lookback = self._resolved_lookback()
        self._settings = plan.settings | {"lookback": f"{self._lookback / 1000:.3f} seconds"}
        if plan.start_date is not None:
            self._settings["start_date"] = History.text(round(plan.start_date * 1000))

    def run(self) -> None:
        """Carry it out.

        Raises:
            AssertionError: something is demanded above and is not so; it says how to repeat it.
        """
        try:
            for step in self.plan.steps:
                self._take(step)
            self._compare()
        except (AssertionError, TimeoutError) as error:
            log = "\n".join(self._log)
            raise AssertionError(
                f"seed {self.plan.seed}: {error}\nTo repeat it: make soak SEED={self.plan.seed}\n"
                f"{pformat(self.plan, width=118)}\nlookback {self._settings['lookback']}\n{log}"
            ) from None
        self.counts["events"] += len(self._history.visible())
        self.counts["faults"] += sum(self._server.control("GET", "/_sandbox/stats")["faults"].values())

    def _resolved_lookback(self) -> int:
        """In milliseconds: just so much that every event of the plan is found, or as little as the plan says."""
        margin = round(self.plan.lookback * 1000)
        if not self.plan.covers:
            return margin
        crowds = [crowd for step in self.plan.steps for crowd in step.crowds()]
        posted = max((round(crowd.ago * 1000) for crowd in crowds), default=0)
        return max(posted, self._history.longest_lateness_to_come(), 0) + margin

    def _take(self, step: Step) -> None:
        if step.advance:
            self._advance(step.advance)
        if step.crowd is not None:
            self._post(step.crowd)
        self._faults = step.faults
        self._server.change(faults=step.faults)
        clock = self._history.clock
        since = None if step.since is None else clock - round(step.since * 1000)
        until = None if step.until is None else clock - round(step.until * 1000)
        self._load_wholly(since, until, step.kills, step.meanwhile)

    def _compare(self) -> None:
        """Compare with the sandbox's own account, after another load where the last one need not have found all."""
        if not self.plan.covers:
            since = min(happened for happened, _ in self._history.events.values()) - self.plan.seed % 1000
            self._load_wholly(since, None, (), None)
        elif not self._is_exact:
            self._load_wholly(None, None, (), None)
        truth = self._server.control("GET", "/_sandbox/truth/event_ids")
        assert self._found.events == Counter(truth), f"at the end, {_difference(self._found.events, truth)}"

    def _load_wholly(
        self, since: int | None, until: int | None, kills: tuple[Kill, ...], meanwhile: Meanwhile | None
    ) -> None:
        """Load, and again after each kill and each end with a code that asks for it, until all is loaded."""
        waiting = list(kills)
        repeats = 0
        before = self._found.watermark
        known_first = known = self._history.visible()
        while True:
            clock, known = self._history.clock, self._history.visible()
            kill = waiting.pop(0) if waiting else None
            outcome = self._load(since, until, kill, meanwhile)
            meanwhile = None
            self._check_at_any_moment()
            if outcome is KILLED:
                assert kill is not None
                self.counts["killed"] += 1
                if kill.pause:
                    self._advance(kill.pause)
                if kill.crowd is not None:
                    self._post(kill.crowd)
                continue
            if outcome.exit_code == ExitCode.LOADED:
                break
            again = outcome.exit_code in (ExitCode.FAILED, ExitCode.LOADED_IN_PART) and not outcome.trace
            assert again, f"a load ended with code {outcome.exit_code}: {outcome.reasons} {outcome.trace}"
            trouble = self._faults or not self.plan.is_calm
            assert trouble, f"nothing was wrong, and a load ended with code {outcome.exit_code}: {outcome.reasons}"
            repeats += 1
            self.counts["repeats"] += 1
            assert repeats <= MOST_REPEATS, f"a load had to be run again more than {MOST_REPEATS} times"
        after = self._found.watermark
        if since is not None:
            assert after == before, f"a range of its own moved the watermark from {before} to {after}"
        elif until is not None:
            assert (after or 0) <= max(before or 0, until), f"the watermark {after} has passed the load's end {until}"
        # a range that was interrupted is gone on with; a pass of the watermark's is followed by another one
        known = known if since is None else known_first
        if self.plan.covers or since is not None:
            due = known & self._history.visible(since=since, until=until)
            missing = due - self._found.events.keys()
            assert not missing, f"{len(missing)} of {len(due)} are missing: {self._history.described(missing)}"
        quiet = clock == self._history.clock and known == self._history.visible()
        self._is_exact = quiet and since is None and until is None
        if self._whole and quiet:
            profiles = Counter(p["id"] for p in self._server.control("GET", "/_sandbox/truth/profiles"))
            assert self._found.profiles == profiles, f"of the profiles, {_difference(self._found.profiles, profiles)}"

    def _load(self, since: int | None, until: int | None, kill: Kill | None, meanwhile: Meanwhile | None) -> Outcome:
        loads = self._expected_loads(since)
        seconds = loads * self._seconds_a_load * (3 if self._whole else 1)
        at_operation = None
        if kill is not None and kill.by == "operation":
            at_operation = max(1, round(kill.share * loads * _OPERATIONS[self._whole]))
        self.counts["runs"] += 1
        self._loader.start(
            Order(
                server={name: getattr(self._server, name) for name in Running.__slots__},
                database=str(self._path),
                settings=self._settings,
                only=self.plan.tables,
                since=None if since is None else History.text(since),
                until=None if until is None else History.text(until),
                kill_at_operation=at_operation,
            )
        )
        bounds = f"{'' if since is None else History.text(since)}..{'' if until is None else History.text(until)}"
        self._log.append(f"load {bounds} at {History.text(self._history.clock)}, {kill} at {at_operation}")
        if meanwhile is not None and not self._loader.ends_within(meanwhile.share * seconds):
            self.counts["moved on midway"] += 1
            self._advance(meanwhile.advance)
            if meanwhile.crowd is not None:
                self._post(meanwhile.crowd)
            self._advance(meanwhile.more)
        if kill is not None and kill.by == "time" and not self._loader.ends_within(kill.share * seconds):
            outcome = self._loader.kill()
        else:
            outcome = self._loader.outcome(self._asked)
        if outcome.exit_code == ExitCode.LOADED:
            self.counts["loads"] += outcome.loads
            self.counts["retries"] += outcome.retries
            self._seconds_a_load += 0.3 * (outcome.seconds / max(1, outcome.loads) - self._seconds_a_load)
        self._found = read(self._path)
        self._log.append(
            f"code {outcome.exit_code} {outcome.reasons} after {outcome.loads} loads and {outcome.retries} retries: "
            f"{self._found}"
        )
        return outcome

    def _asked(self) -> int:
        return int(self._server.control("GET", "/_sandbox/stats")["total"])

    def _expected_loads(self, since: int | None) -> int:
        """Into how many loads this one will divide itself."""
        if since is None and self._found.watermark is not None:
            since = self._found.watermark - self._lookback
        return 1 + len(self._history.visible(since=since)) // int(self.plan.settings["rows_per_load"])

    def _check_at_any_moment(self) -> None:
        found = self._found.events
        doubled = [key for key, times in found.items() if times > 1]
        assert not doubled, f"{len(doubled)} events are there more than once: {self._history.described(doubled)}"
        unseen = found.keys() - self._history.visible()
        assert not unseen, f"{len(unseen)} events are there that are not visible: {sorted(unseen)[:3]}"
        marks = []
        for state in self._found.states:
            assert state.size < MOST_STATE_BYTES, f"the state has {state.size} bytes"
            if state.watermark is not None:
                marks.append(state.watermark)
        assert marks == sorted(marks), f"the watermark went back: {[History.text(mark) for mark in marks]}"
        if not marks:
            return
        assert marks[-1] <= self._history.clock, f"the watermark {History.text(marks[-1])} has passed the clock"
        if self.plan.covers:
            missing = self._history.visible(until=marks[-1] - self._lookback) - found.keys()
            assert not missing, (
                f"{len(missing)} events before the watermark {History.text(marks[-1])}, less the lookback, are "
                f"missing: {self._history.described(missing)}"
            )

    def _advance(self, seconds: float) -> None:
        self._history.advance(seconds)
        self._log.append(f"the clock moves on by {seconds} s to {History.text(self._history.clock)}")

    def _post(self, crowd: Crowd) -> None:
        """Post events while the API is well, so that they all are taken, and once each."""
        self._server.change(faults={}, limits={"rate": None})
        self._history.post(crowd, identify=self._whole and crowd.number < 6)
        self._server.change(faults=self._faults, limits={"rate": self.plan.limits["rate"]})
        self.counts["posted"] += crowd.number
        self._log.append(f"posted {crowd}")


def _difference(found: Counter[str], truth: Iterable[str]) -> str:
    expected = Counter(truth)
    missing, beyond = expected - found, found - expected
    return f"{missing.total()} are missing ({list(missing)[:3]}), {beyond.total()} too many ({list(beyond)[:3]})"


def soak(plan: Plan, server: Running, loader: KillableLoader, folder: Path) -> Counter[str]:
    """Carry a plan out and count what happened; the folder's files stay only where it fails."""
    run = Soak(plan, server, loader, folder)
    run.run()
    shutil.rmtree(folder)
    return run.counts
