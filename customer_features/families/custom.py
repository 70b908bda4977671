"""A feature of one's own, held to the same proof."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import ibis.expr.types as ir

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
    source_code: str

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
    whole and hold the future: `prove()` finds a feature that reads it.
    """
    try:
        code = inspect.getsource(function)
    except (OSError, TypeError):
        code = function.__qualname__
    return Custom(name, words, function, type, tuple(Need(source) for source in needs), code)
