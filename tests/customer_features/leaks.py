"""Features that see the future, each in a way of its own, as people write them by mistake."""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from customer_features import ACTIVITY, Events, OrderItems, custom
from customer_features.families.custom import Custom
from customer_features.families.family import Known
from customer_features.spans import DAY

ORDERS = Events("Order Completed", value="total")
ITEMS = OrderItems()
_all: dict[str, Custom] = {}


def _leak(*needs: Events | OrderItems, type: str = "number") -> Callable[[Callable[[Known], ir.Table]], None]:
    def planted(function: Callable[[Known], ir.Table]) -> None:
        name = function.__name__
        words = (function.__doc__ or "").rstrip(".")
        _all[name] = custom(name, words, function, type=type, needs=needs)

    return planted


def _number(table: ir.Table, name: str) -> ir.Table:
    return table.group_by("customer_id").aggregate(**{name: lambda t: t.count().cast("float64")})


@_leak(ORDERS)
def up_to_and_at_the_cutoff(known: Known) -> ir.Table:
    """Orders until the cutoff, and at it."""
    seen = known.facts[ORDERS]
    return _number(seen.filter((seen.at <= known.cutoff) & (seen.known <= known.cutoff)), "up_to_and_at_the_cutoff")


@_leak(ORDERS)
def by_event_time_alone(known: Known) -> ir.Table:
    """Orders that happened before the cutoff, known or not."""
    seen = known.facts[ORDERS]
    return _number(seen.filter(seen.at < known.cutoff), "by_event_time_alone")


@_leak(ORDERS)
def by_knowledge_alone(known: Known) -> ir.Table:
    """Orders known at the cutoff, by a clock that is ahead."""
    seen = known.facts[ORDERS]
    return _number(seen.filter(seen.known <= known.cutoff), "by_knowledge_alone")


@_leak(ORDERS)
def a_window_one_microsecond_late(known: Known) -> ir.Table:
    """Orders known a microsecond after the cutoff."""
    seen = known.facts[ORDERS]
    return _number(
        seen.filter((seen.at < known.cutoff) & (seen.known <= known.cutoff + 1)), "a_window_one_microsecond_late"
    )


@_leak(ACTIVITY)
def inactive_at_extraction(known: Known) -> ir.Table:
    """Days since the last activity when the data were read."""
    seen = known.facts[ACTIVITY]
    last = seen.group_by("customer_id").aggregate(at=seen.at.max())
    read = seen.aggregate(read=seen.at.max())
    return last.cross_join(read).select(
        "customer_id", inactive_at_extraction=lambda t: (t.read - t.at).cast("float64") / DAY
    )


@_leak(ORDERS)
def lifetime_total(known: Known) -> ir.Table:
    """What a customer ever spent."""
    seen = known.facts[ORDERS]
    return seen.group_by("customer_id").aggregate(lifetime_total=seen.value.sum().cast("float64"))


def _newest(table: ir.Table, column: str, name: str, keys: list[str]) -> ir.Table:
    place = ibis.row_number().over(group_by=table.customer_id, order_by=[ibis.desc(table[key]) for key in keys])
    return table.mutate(place=place).filter(lambda t: t.place == 0).select("customer_id", **{name: column})


@_leak(type="text")
def plan_now(known: Known) -> ir.Table:
    """The plan as it is now."""
    changes = known.tables["customer_trait_changes"]
    changes = changes.filter(changes.trait == "plan").mutate(text=lambda t: t.value.cast("string"))
    return _newest(changes, "text", "plan_now", ["valid_from", "observed_at", "text"])


@_leak(type="text")
def plan_known_later(known: Known) -> ir.Table:
    """The plan that was valid at the cutoff, whenever it became known."""
    micros = known.tables.functions.micros
    changes = known.tables["customer_trait_changes"]
    changes = changes.filter((changes.trait == "plan") & (micros(changes.valid_from) < known.cutoff))
    changes = changes.mutate(text=lambda t: t.value.cast("string"))
    return _newest(changes, "text", "plan_known_later", ["valid_from", "observed_at", "text"])


@_leak(type="boolean")
def consent_to_come(known: Known) -> ir.Table:
    """Whether a customer takes e-mail now."""
    changes = known.tables["customer_consents"]
    changes = changes.filter(changes.channel == "email")
    return _newest(changes, "subscribed", "consent_to_come", ["valid_from", "observed_at", "subscribed"])


@_leak(ORDERS)
def target_encoded(known: Known) -> ir.Table:
    """How the customer's orders compare with the mean over everybody's, of all time."""
    seen = known.facts[ORDERS]
    mean = seen.aggregate(mean=seen.value.sum().cast("float64") / seen.value.count())
    visible = known.visible(ORDERS)
    mine = visible.group_by("customer_id").aggregate(mine=visible.count().cast("float64"))
    return mine.cross_join(mean).select("customer_id", target_encoded=lambda t: t.mine * t.mean)


@_leak()
def days_until_deletion(known: Known) -> ir.Table:
    """Days until the profile was deleted."""
    customers, micros = known.tables["customers"], known.tables.functions.micros
    days = (micros(customers.deleted_at) - known.cutoff).cast("float64") / DAY
    return customers.select("customer_id", days_until_deletion=days)


@_leak(ORDERS)
def overlaps_the_label(known: Known) -> ir.Table:
    """Orders in the four weeks around the cutoff."""
    seen = known.facts[ORDERS]
    around = seen.filter((seen.at >= known.cutoff - 14 * DAY) & (seen.at < known.cutoff + 14 * DAY))
    return _number(around, "overlaps_the_label")


@_leak(ORDERS)
def days_to_the_next_order(known: Known) -> ir.Table:
    """Days from the cutoff to the next order."""
    seen = known.facts[ORDERS]
    after = seen.filter(seen.at >= known.cutoff)
    return after.group_by("customer_id").aggregate(
        days_to_the_next_order=(after.at.min() - known.cutoff).cast("float64") / DAY
    )


@_leak(ORDERS, type="integer")
def rank_of_all_time(known: Known) -> ir.Table:
    """The customer's place among all by the number of orders ever."""
    number = _number(known.facts[ORDERS], "number")
    return number.select(
        "customer_id", rank_of_all_time=ibis.rank().over(order_by=[ibis.desc(number.number), number.customer_id])
    )


@_leak(ACTIVITY, type="text")
def first_row(known: Known) -> ir.Table:
    """The event in the first row of the table."""
    seen = known.visible(ACTIVITY)
    return seen.group_by("customer_id").aggregate(first_row=seen.event_id.first())


@_leak(type="integer")
def customers_in_all(known: Known) -> ir.Table:
    """How many customers there are."""
    customers = known.tables["customers"]
    return customers.cross_join(customers.aggregate(customers_in_all=customers.count())).select(
        "customer_id", "customers_in_all"
    )


@_leak(type="integer")
def merges_in_all(known: Known) -> ir.Table:
    """How many profiles were merged into the customer's, by the time the data were read."""
    customers = known.tables["customers"]
    return customers.select("customer_id", merges_in_all=customers.merged_from)


@_leak()
def deletions_in_all(known: Known) -> ir.Table:
    """How often the profile was deleted, by the time the data were read."""
    return _number(known.tables["customer_absences"], "deletions_in_all")


@_leak(ITEMS, type="integer")
def ever_bought(known: Known) -> ir.Table:
    """How many lines of an order the customer will ever have."""
    seen = known.facts[ITEMS]
    return seen.group_by("customer_id").aggregate(ever_bought=seen.count())


@_leak()
def web_events(known: Known) -> ir.Table:
    """Events on the web, straight from the table."""
    events = known.tables["customer_events"]
    text = known.tables.functions.text(events.properties, "channel")
    return _number(events.filter(text == "web"), "web_events")


LEAKS = tuple(_all.values())
