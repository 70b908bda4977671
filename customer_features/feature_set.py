"""A set of features: a definition that is data, with a hash, a description of each feature and its SQL."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from customer_features.canonical import facts, unbound
from customer_features.engine_functions import FUNCTIONS, to_sql
from customer_features.errors import FeatureError
from customer_features.families.family import Family, Feature, Known
from customer_features.one_cutoff import columns_of, parts_of
from customer_features.sources import Source
from customer_features.spans import Cutoff, micros
from customer_features.spine import spine

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FEATURE = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = {"customer_id", "cutoff", "label", "horizon_end", "censor_reason"}


class FeatureSet:
    """Families of features under a name: `FeatureSet("churn_v1", recency(orders), counts(orders, [28, 91]))`.

    Raises:
        FeatureError: the name cannot name a table, a feature's cannot name a column, or two features have the same.
    """

    def __init__(self, name: str, *families: Family) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FeatureError(f"{name!r} cannot name a set of features: use letters, digits and underscores.")
        for family in families:
            if not isinstance(family, Family):
                raise FeatureError(f"{name}: {family!r} is no family of features, as counts(orders) is.")
        self.name = name
        self.families = families
        self.features: tuple[Feature, ...] = tuple(feature for family in families for feature in family.features())
        if not self.features:
            raise FeatureError(
                f"{name} has no features: give it families, as in FeatureSet({name!r}, recency(orders))."
            )
        seen: set[str] = set()
        for feature in self.features:
            if not _FEATURE.fullmatch(feature.name):
                raise FeatureError(
                    f"{name}: {feature.name!r} cannot name a feature: use small letters, digits and underscores."
                )
            if feature.name in seen or feature.name in _RESERVED:
                raise FeatureError(
                    f"{name}: {feature.name} is there twice, or is a name that every result has. Give the events "
                    "another name, as in Events(..., name='gift_orders')."
                )
            seen.add(feature.name)

    def needs(self) -> dict[Source, tuple[str, ...]]:
        """The sources that the families read, and the properties of each that are read as text."""
        found: dict[Source, tuple[str, ...]] = {}
        for family in self.families:
            for need in family.needs():
                found[need.source] = tuple(dict.fromkeys([*found.get(need.source, ()), *need.texts]))
        return found

    def definition(self) -> dict[str, Any]:
        """The set as plain data, from which its hash is made."""
        return {"name": self.name, "families": [as_data(family) for family in self.families]}

    def hash(self) -> str:
        """Equal for equal definitions, 16 hexadecimal digits."""
        return digest(self.definition())

    def describe(self) -> dict[str, str]:
        """What each feature means, in words."""
        return {feature.name: feature.words for feature in self.features}

    def family_of(self, name: str) -> tuple[Family, Feature]:
        """A feature by its name.

        Raises:
            FeatureError: there is no such feature; it names those that come near.
        """
        for family in self.families:
            for feature in family.features():
                if feature.name == name:
                    return family, feature
        near = [feature.name for feature in self.features if feature.name.split("_")[0] == name.split("_")[0]]
        shown = ", ".join(near or [feature.name for feature in self.features][:20])
        raise FeatureError(f"{self.name} has no feature {name!r}. It has: {shown}.")

    def sql(self, dialect: str = "duckdb", cutoff: Cutoff = "2026-01-01") -> str:
        """The SQL of all features at one cutoff over `customer_tables`, for `duckdb` or `spark`.

        It gives the rows of `build` without a label, all customers known at the cutoff, without the column `cutoff`.
        Spark's tables have no schema in it: run `USE customer_tables` first, or make views of those names.

        Raises:
            FeatureError: the dialect is another one, Spark's package is missing, or a feature of the user's own fails.
        """
        if dialect not in FUNCTIONS:
            raise FeatureError(f"{dialect!r} is no engine of ours: {' and '.join(FUNCTIONS)} are.")
        tables = unbound(FUNCTIONS[dialect])
        known = Known(
            micros(cutoff), tables, {source: facts(tables, source, texts) for source, texts in self.needs().items()}
        )
        customers = spine(known, None).select(_customer="customer_id")
        customer = customers["_customer"]
        parts = parts_of(self.families, known)
        return to_sql(columns_of(self.families, parts, customers, customer, {"customer_id": customer}), dialect)


def as_data(value: Any) -> Any:
    """A definition as JSON has it: dataclasses as objects with their type, functions left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__} | {name: held for name, held in fields.items() if held != "function"}
    if isinstance(value, tuple | list):
        return [as_data(one) for one in value]
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return "function"
    return value


def digest(definition: Any) -> str:
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
