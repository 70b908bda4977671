"""What features are made from: events of a kind, with conditions and a value, and the lines of orders."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from customer_features.errors import FeatureError, shown

MAIL = ("Email Sent", "Email Delivered", "Email Opened", "Email Link Clicked", "Email Bounced", "Unsubscribed")
"""What happens to a message; sending one is not the customer's doing, and machines open them."""

_NAMES = {
    "Order Completed": ("orders", "revenue"),
    "Order Refunded": ("refunds", "refunded"),
    "Product Viewed": ("views", None),
    "Product Added": ("cart_additions", None),
    "Checkout Started": ("checkouts", None),
    "page": ("pages", None),
}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "in")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Condition:
    """A property compared with a value, or with each of a list's: numbers as doubles, and all else as text.

    Raises:
        FeatureError: there is no such comparison, or nothing can be compared with such a value.
    """

    property: str
    comparison: str
    value: str | float | int | bool | tuple[str | float | int | bool, ...]

    def __post_init__(self) -> None:
        if self.comparison not in _COMPARISONS:
            raise FeatureError(f"{self.comparison!r} is no comparison: {', '.join(_COMPARISONS)} are.")
        if (self.comparison == "in") != isinstance(self.value, tuple):
            raise FeatureError(f"The condition on {self.property!r}: 'in' takes a list, and nothing else does.")
        for value in self.value if isinstance(self.value, tuple) else (self.value,):
            if not isinstance(value, str | float | int):
                raise FeatureError(
                    f"The condition on {self.property!r}: {value!r} is no text, number, true or false, and nothing "
                    "else can be compared."
                )
            if isinstance(value, int | float) and not _is_double(value):
                raise FeatureError(
                    f"The condition on {self.property!r}: {value} is no number that a double can hold; compare larger "
                    "ones as text."
                )

    def words(self) -> str:
        return f"{self.property} {self.comparison} {self.value}"


def _is_double(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def conditions(where: Any) -> tuple[Condition, ...]:
    """Conditions from `{"plan": "gold"}` or `[("total", ">", 10)]`."""
    if isinstance(where, Mapping):
        where = [(key, "=", value) for key, value in where.items()]
    found = []
    for given in where if isinstance(where, Iterable) and not isinstance(where, str) else (where,):
        if isinstance(given, Condition):
            found.append(given)
            continue
        if not isinstance(given, tuple) or len(given) != 3:
            raise FeatureError(f"{given!r} is no condition: write [('total', '>', 10)], or a dict of equal values.")
        property, comparison, value = given
        found.append(Condition(property, comparison, tuple(value) if isinstance(value, list) else value))
    return tuple(found)


def keys(property: str) -> tuple[str, ...]:
    """The keys of a property's path: `address.city` is the city inside the address.

    Raises:
        FeatureError: a key is empty or has a quotation mark, a backslash, a bracket or an asterisk, which no engine's
            path can have.
    """
    found = tuple(property.split(".")) if isinstance(property, str) else ()
    if not found or not all(found) or set(property) & {'"', "'", "\\", "[", "]", "*"}:
        raise FeatureError(f"{property!r} is no property: write its key, or a path with dots, as in address.city.")
    return found


def snake(text: str) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()).strip("_")
    return found if _NAME.fullmatch(found) else f"e_{found}"


def as_names(given: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


def _check_names(*names: str) -> None:
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FeatureError(f"{name!r} cannot begin a feature's name: use small letters, digits and underscores.")


def _names_events(event: object) -> bool:
    names = (event,) if isinstance(event, str) else event
    return isinstance(names, tuple) and bool(names) and all(isinstance(name, str) and name for name in names)


@dataclass(frozen=True)
class Events:
    """Events by name, with a property as their value: `Events("Order Completed", value="total")`.

    `event` is a name or several, None for all but `excluding`; `where` narrows them down by their properties, as in
    `{"currency": "GBP"}` or `[("total", ">", 10)]`; `name` and `value_name` begin the names of features. Events
    without a number for a value, or with one of 10^12 and more, count, and have no part in sums and means.

    Raises:
        FeatureError: no event is named, or a property, condition or name is none.
    """

    event: str | tuple[str, ...] | None
    value: str | None = None
    where: tuple[Condition, ...] = ()
    excluding: tuple[str, ...] = ()
    name: str = ""
    value_name: str = ""
    kind: str = field(default="events", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.event, list):
            object.__setattr__(self, "event", tuple(self.event))
        if self.event is not None and not _names_events(self.event):
            raise FeatureError(
                f"Events: {shown(self.event)} names no event: write 'Order Completed', several names, or None for all."
            )
        object.__setattr__(self, "where", conditions(self.where))
        object.__setattr__(self, "excluding", as_names(self.excluding))
        if self.excluding and not _names_events(self.excluding):
            raise FeatureError("Events: excluding must be names of events, as in excluding=['page'].")
        for property in self.properties():
            keys(property)
        known = _NAMES.get(self.event, (None, None)) if isinstance(self.event, str) else (None, None)
        default = "events" if self.event is None else "_or_".join(map(snake, self.names()))
        object.__setattr__(self, "name", self.name or known[0] or default)
        value_name = known[1] or f"{self.name}_{snake(self.value)}" if self.value else ""
        object.__setattr__(self, "value_name", self.value_name or value_name)
        _check_names(self.name, self.value_name or "x")

    def names(self) -> tuple[str, ...]:
        return () if self.event is None else (self.event,) if isinstance(self.event, str) else self.event

    def properties(self) -> tuple[str, ...]:
        """The properties that it reads."""
        return tuple(dict.fromkeys([*([self.value] if self.value else []), *(c.property for c in self.where)]))

    def words(self) -> str:
        what = " or ".join(repr(name) for name in self.names()) or "any event"
        but = f" but {', '.join(map(repr, self.excluding))}" if self.excluding else ""
        narrowed = "".join(f" with {condition.words()}" for condition in self.where)
        return f"{what}{but}{narrowed}"


@dataclass(frozen=True)
class OrderItems:
    """The product lines of `event`, a name or several; the value of a line is its price times its quantity.

    Raises:
        FeatureError: no event is named, or a name cannot begin a feature's.
    """

    event: str | tuple[str, ...] = "Order Completed"
    name: str = "items"
    value_name: str = "items_amount"
    value: str = "price * quantity"
    kind: str = field(default="items", init=False)
    PROPERTIES = ("sku", "name", "category")

    def __post_init__(self) -> None:
        if isinstance(self.event, list):
            object.__setattr__(self, "event", tuple(self.event))
        if not _names_events(self.event):
            raise FeatureError(
                f"OrderItems: {shown(self.event)} names no event: write 'Order Completed', or several names."
            )
        _check_names(self.name, self.value_name)

    def names(self) -> tuple[str, ...]:
        return (self.event,) if isinstance(self.event, str) else self.event

    def properties(self) -> tuple[str, ...]:
        return ()

    def words(self) -> str:
        orders = self.names() == ("Order Completed",)
        return "a line of an order" if orders else f"a line of {' or '.join(map(repr, self.names()))}"


Source = Events | OrderItems

ACTIVITY = Events(None, excluding=MAIL, name="activity")
"""What customers do: everything but what happens to messages; `Events(None)` takes the messages, too."""


def check_source(source: object, what: str) -> None:
    """Raises FeatureError, which begins with `what`, if it is no source."""
    if not isinstance(source, Events | OrderItems):
        name = source if isinstance(source, str) else "Order Completed"
        raise FeatureError(f"{what}: {shown(source)} is no source: write Events({name!r}), or OrderItems().")


def check_property(source: Source, property: str, what: str) -> None:
    """Raises FeatureError if it is no source, or has no such property."""
    check_source(source, what)
    if isinstance(source, OrderItems):
        if property not in OrderItems.PROPERTIES:
            raise FeatureError(f"{what}: lines of orders have no {property!r}, but {', '.join(OrderItems.PROPERTIES)}.")
    else:
        keys(property)
