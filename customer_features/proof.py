"""What a proof found: whether no feature sees the future, and if one does, where and by which rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_features.errors import FeatureError
from customer_features.proof_changes import REORDERED, WORDS
from customer_features.spans import Micros, moment

AT_RISK = "(who is at risk)"
"""Stands for the rows themselves among the features."""
LABEL = "label"
IMMATURE = "immature"
_WORDS = WORDS | {IMMATURE: "nothing is changed: its horizon has not passed yet"}


@dataclass(frozen=True)
class Difference:
    """A value of one row that changed with the tables, and the rows that alone change it, where there are such."""

    column: str
    customer: str
    cutoff: Micros
    change: str
    before: Any
    after: Any
    rows: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "customer_id": self.customer, "cutoff": moment(self.cutoff).isoformat(), "when": _WORDS[self.change],
            "before": self.before, "after": self.after, "rows": list(self.rows),
        }  # fmt: skip

    def __str__(self) -> str:
        shown = f"{self.customer} at {moment(self.cutoff).isoformat()}: {self.before!r} becomes {self.after!r} when "
        rows = "".join(f"\n      {_row(row)}" for row in self.rows)
        return f"{shown}{_WORDS[self.change]}" + (f"; by one of these rows alone:{rows}" if rows else "")


def _row(row: dict[str, Any]) -> str:
    what = ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("table", "injected"))
    return f"{row['table']}{' (added)' if row['injected'] else ''}: {what}"


@dataclass(frozen=True)
class Leak:
    """A feature, the label or who is at risk, which changed with what it must not see."""

    name: str
    words: str
    cutoffs: tuple[Micros, ...]
    rows: int
    """How many of the rows of the sample differ."""
    changes: tuple[str, ...]
    examples: tuple[Difference, ...]

    @property
    def of_order(self) -> bool:
        """Whether only the order of rows makes the difference: not the future, but not reproducible either."""
        return self.changes == (REORDERED,)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "words": self.words, "verdict": self.verdict, "rows_that_differ": self.rows,
            "cutoffs": [moment(cutoff).isoformat() for cutoff in self.cutoffs], "changes": list(self.changes),
            "examples": [example.to_dict() for example in self.examples],
        }  # fmt: skip

    @property
    def verdict(self) -> str:
        return "depends on the order of rows" if self.of_order else "leaks"

    def __str__(self) -> str:
        at = ", ".join(moment(cutoff).date().isoformat() for cutoff in self.cutoffs)
        when = "".join(f"\n    when {_WORDS[change]}" for change in self.changes)
        examples = "".join(f"\n    {example}" for example in self.examples[:1])
        return f"  {self.name} {self.verdict} at {at}; {self.rows} rows differ{when}{examples}"


@dataclass(frozen=True)
class Proof:
    """Whether features, label and who is at risk stayed the same, bit by bit, whatever the future held."""

    name: str
    features: tuple[str, ...]
    leaks: tuple[Leak, ...]
    cutoffs: tuple[Micros, ...]
    of_cutoffs: int
    customers: int
    rows: int
    seed: int
    not_proven: tuple[str, ...] = field(default=())
    """Features that are true only when the data were read, at a cutoff of now."""

    @property
    def holds(self) -> bool:
        return not self.leaks

    @property
    def verdicts(self) -> dict[str, str]:
        """For each feature, and for the label and who is at risk, `holds` or what is wrong with it."""
        found = {name: "true only when the data were read" if name in self.not_proven else "holds" for name in
                 self.features}  # fmt: skip
        return found | {leak.name: leak.verdict for leak in self.leaks}

    def assert_holds(self) -> None:
        """
        Raises:
            FeatureError: something leaks; the message is the report.
        """
        if not self.holds:
            raise FeatureError(str(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON; it has customers' identifiers and values."""
        return {
            "name": self.name, "holds": self.holds, "seed": self.seed, "customers": self.customers, "rows": self.rows,
            "cutoffs": [moment(cutoff).isoformat() for cutoff in self.cutoffs], "of_cutoffs": self.of_cutoffs,
            "verdicts": self.verdicts, "leaks": [leak.to_dict() for leak in self.leaks],
            "not_proven": list(self.not_proven),
        }  # fmt: skip

    def __str__(self) -> str:
        at = ", ".join(moment(cutoff).date().isoformat() for cutoff in self.cutoffs)
        sample = (
            f"sample: {self.customers} customers, {self.rows} rows at {len(self.cutoffs)} of {self.of_cutoffs} cutoffs "
            f"({at}), seed {self.seed}"
        )
        proven = len(self.features) - len(self.not_proven)
        found = [f"{self.name}: {_number(proven, self.leaks)} ({sample})."]
        if self.not_proven:
            found.append(f"  Not proven, for they are true only when the data were read: {', '.join(self.not_proven)}")
        return "\n".join([*found, *map(str, self.leaks)])


def _number(proven: int, leaks: Sequence[Leak]) -> str:
    if not leaks:
        return f"none of {proven} features sees more than was known at its cutoff"
    names = ", ".join(leak.name for leak in leaks)
    return f"{len(leaks)} of {proven} features do not hold: {names}"
