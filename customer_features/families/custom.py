"""A feature of one's own, held to the same proof."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType

import ibis.expr.types as ir

from customer_features.errors import FeatureError
from customer_features.families.captured import captured
from customer_features.families.family import Family, Feature, Known, Need
from customer_features.sources import Source


@dataclass(frozen=True)
class Custom(Family):
    """A function of what was known at a cutoff that gives a table of `customer_id` and the feature's name."""

    name: str
    words: str
    function: Callable[[Known], ir.Table] = field(compare=False)
    type: str
    needed: tuple[Need, ...]
    captured_hash: str

    def needs(self) -> tuple[Need, ...]:
        return self.needed

    def features(self) -> tuple[Feature, ...]:
        return (Feature(self.name, self.words, self.type, self.needed[0].source if self.needed else None),)

    def table(self, known: Known) -> ir.Table:
        return self.function(known).select("customer_id", self.name)


def custom(
    name: str,
    words: str,
    function: Callable[[Known], ir.Table],
    *,
    type: str = "number",
    needs: tuple[Source, ...] = (),
) -> Custom:
    """A feature computed by `function(known)`, an Ibis table of `customer_id` and `name`, one row a customer.

    `known.visible(source)` are the facts of a source in `needs` that may be used at `known.cutoff`; `known.tables` are
    whole and hold the future: `prove()` finds a feature that reads it. The function's code and the plain data that it
    takes from around it are part of the set's hash.

    Raises:
        FeatureError: it is no function of Python's.
    """
    if not isinstance(function, FunctionType):
        raise FeatureError(f"custom({name!r}): {function!r} is no function: write it with def, or as a lambda.")
    # as a hash, for data from around a function may be private
    found = hashlib.sha256("\n".join(captured(function)).encode()).hexdigest()[:16]
    return Custom(name, words, function, type, tuple(Need(source) for source in needs), found)
