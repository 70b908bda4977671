"""A feature of one's own, held to the same proof."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FunctionType

import ibis.expr.types as ir

from customer_features.errors import FeatureError, shown
from customer_features.families.captured import captured
from customer_features.families.family import TYPES, Family, Feature, Known, Need
from customer_features.sources import Events, OrderItems, Source, check_source


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
        """
        Raises:
            FeatureError: the function does, or ends with another error, or gives no table with the feature's column.
        """
        try:
            found = self.function(known)
            if not isinstance(found, ir.Table):
                raise FeatureError(f"its function must give an Ibis table of customer_id and {self.name}.")
            return found.select("customer_id", **{self.name: found[self.name].cast(TYPES[self.type])})
        except FeatureError as error:
            raise FeatureError(f"{self.name}: {error}") from error
        except Exception as error:
            raise FeatureError(f"{self.name}: {_wrong(error)}") from error


def _wrong(error: Exception) -> str:
    """What a user's function did wrong."""
    missing = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(missing, Events | OrderItems):
        return f"its function reads {missing.words()}, and needs= has no such source: add it there."
    return f"its function ended with {type(error).__name__}: {' '.join(str(error).split())}"


def custom(
    name: str,
    words: str,
    function: Callable[[Known], ir.Table],
    *,
    type: str = "number",
    needs: Source | Iterable[Source] = (),
) -> Custom:
    """A feature computed by `function(known)`, an Ibis table of `customer_id` and `name`, one row a customer.

    `known.visible(source)` are the facts of a source in `needs` that may be used at `known.cutoff`; `known.tables` are
    whole and hold the future: `prove()` finds a feature that reads it. The function's code and the plain data that it
    takes from around it are part of the set's hash.

    Raises:
        FeatureError: it is no function of Python's, or another argument is of a wrong type.
    """
    if not isinstance(name, str):
        raise FeatureError(f"custom: {shown(name)} cannot name a feature: write its name as text.")
    if not isinstance(function, FunctionType):
        raise FeatureError(f"custom({name!r}): {function!r} is no function: write it with def, or as a lambda.")
    if not isinstance(type, str) or type not in TYPES:
        raise FeatureError(f"custom({name!r}): {shown(type)} is no type of a feature; {', '.join(TYPES)} are.")
    sources = tuple(needs) if isinstance(needs, Iterable) and not isinstance(needs, str) else (needs,)
    for source in sources:
        check_source(source, f"custom({name!r}, needs=...)")
    # as a hash, for data from around a function may be private
    found = hashlib.sha256("\n".join(captured(function)).encode()).hexdigest()[:16]
    return Custom(name, words, function, type, tuple(Need(source) for source in sources), found)
