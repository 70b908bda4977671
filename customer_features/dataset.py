"""What `build` gives: rows of features and labels, and what can be asked of them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from customer_features.engine import Engine
from customer_features.errors import FeatureError
from customer_features.explaining import explain
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.proof import Proof
from customer_features.proving import prove
from customer_features.spans import Cutoff, Micros, micros, moment

_MANIFEST = b"customer_features"
_OTHER_TABLES = {"manifest", "scores"}


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to test on, with labels that are known."""

    train: pd.DataFrame
    test: pd.DataFrame


class Dataset:
    """Features at cutoffs, one row a customer at risk and cutoff, with the label if one was asked for."""

    def __init__(
        self,
        engine: Engine,
        rows: ir.Table,
        features: FeatureSet,
        label: Label | None,
        cutoffs: Sequence[Micros],
        manifest: dict[str, Any],
        write: Callable[[str, pa.Table, dict[str, Any]], None],
    ) -> None:
        self._engine, self._rows, self._write = engine, rows, write
        self.features, self.label, self.cutoffs, self.manifest = features, label, tuple(cutoffs), manifest

    def ibis(self) -> ir.Table:
        """The rows as an Ibis table of the engine that made them."""
        return self._rows

    def arrow(self) -> pa.Table:
        """The rows, by cutoff and customer."""
        return self._engine.arrow(self._rows.order_by(["cutoff", "customer_id"]))

    def pandas(self) -> pd.DataFrame:
        """The rows, by cutoff and customer; booleans are pandas' nullable ones."""
        rows: pd.DataFrame = self.arrow().to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
        return rows

    def parquet(self, path: str | Path) -> None:
        """Write the rows as one Parquet file, with the manifest in its metadata."""
        table = self.arrow()
        held = dict(table.schema.metadata or {}) | {_MANIFEST: json.dumps(self.manifest).encode()}
        try:
            pq.write_table(table.replace_schema_metadata(held), path)
        except OSError as error:
            raise FeatureError(f"{path} cannot be written: {error.strerror or error}.") from None

    def table(self, name: str | None = None) -> str:
        """Write the rows beside the canonical tables as `customer_features.<name>`, and the manifest with them.

        The default is `features_<set>`; a table of features of that name is replaced. The views `spine` and `labels`
        show whom, when, and the labels of the table that was written last. Returns the name.

        Raises:
            FeatureError: the name cannot name a table, or the file is open elsewhere.
        """
        name = name or f"features_{self.features.name}"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name.lower() in (
            "manifest",
            "spine",
            "labels",
            "scores",
        ):
            raise FeatureError(f"{name!r} cannot name a table of features: use letters, digits and underscores.")
        self._write(name, self.arrow(), self.manifest)
        return name

    def split(self, test_from: Cutoff) -> Split:
        """Divide by time: test rows from a cutoff on, training rows whose horizon had ended by the first of those.

        Raises:
            FeatureError: there is no label, or one side would be empty.
        """
        if self.label is None:
            raise FeatureError("split: these rows have no label; give build() one.")
        first = micros(test_from)
        tested = [cutoff for cutoff in self.cutoffs if cutoff >= first]
        trained = [cutoff for cutoff in self.cutoffs if tested and self.label.known_from(cutoff) <= min(tested)]
        if not tested or not trained:
            lacks = "whose horizon ends before that, to train on," if tested else "from then on, to test on,"
            raise FeatureError(
                f"split at {test_from}: of the {len(self.cutoffs)} cutoffs there is none {lacks} so choose another "
                "one, or build more cutoffs."
            )
        rows = self.pandas()
        rows = rows[rows["label"].notna()]
        at = [pd.Timestamp(cutoff, unit="us", tz="UTC") for cutoff in trained]
        to = [pd.Timestamp(cutoff, unit="us", tz="UTC") for cutoff in tested]
        return Split(rows[rows["cutoff"].isin(at)], rows[rows["cutoff"].isin(to)])

    def sql(self, dialect: str = "duckdb") -> str:
        """The SQL of the features at the first cutoff, of all customers known then: see `FeatureSet.sql`."""
        return self.features.sql(dialect, moment(self.cutoffs[0]))

    def explain(self, customer: str, cutoff: Cutoff, feature: str) -> pd.DataFrame:
        """The rows that a feature of a customer saw at a cutoff, oldest first; its value is in `.attrs`.

        Raises:
            FeatureError: there is no such feature, or no such row.
        """
        return explain(self._engine, self._rows, self.features, customer, micros(cutoff), feature)

    def prove(self, *, customers: int = 50, cutoffs: int = 2, seed: int = 0) -> Proof:
        """Build again for some customers and cutoffs with all that was not yet known deleted, added to and shuffled.

        The proof holds if every feature, who is at risk and the label stay the same, bit by bit. It raises nothing:
        `.holds`, `.leaks`, `str(...)` and `.to_dict()` tell, and `.assert_holds()` raises.

        Raises:
            FeatureError: no customer was at risk at any cutoff, so that there is nothing to prove.
        """
        return prove(
            self._engine, self._rows, self.features, self.label, self.cutoffs,
            customers=customers, some=cutoffs, seed=seed,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the engine and what it keeps on the disk."""
        self._engine.close()

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
