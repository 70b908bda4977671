"""The label as one object: who is at risk, the gap, the horizon, when it is mature, and why it is not known."""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.canonical import visible
from customer_features.errors import FeatureError
from customer_features.sources import Source, check_source
from customer_features.spans import Micros, span


@dataclass(frozen=True)
class Inactivity:
    """Churn as no event in `[cutoff + gap, cutoff + gap + horizon)`, of customers with one in the `at_risk` before.

    `at_risk` None takes every customer with at least one event before the cutoff. The label is 1 for a customer without
    an event in that span, 0 with one, and NULL until the data reach its end, or if the customer was found deleted after
    the cutoff and before that end, and had none.

    Raises:
        FeatureError: there is no source, a span cannot be read, or the horizon is empty.
    """

    source: Source
    horizon: str
    gap: str = "0d"
    at_risk: str | None = None
    settle: str = "0d"

    def __post_init__(self) -> None:
        check_source(self.source, "Inactivity")
        for text in (self.horizon, self.gap, self.at_risk or "1d", self.settle):
            span(text)
        if span(self.horizon) == 0:
            raise FeatureError("Inactivity: a horizon of no time has no label: give it days, as in horizon='91d'.")

    def starts(self, cutoff: Micros) -> Micros:
        return cutoff + span(self.gap)

    def ends(self, cutoff: Micros) -> Micros:
        """The end of the horizon, which is not part of it."""
        return self.starts(cutoff) + span(self.horizon)

    def known_from(self, cutoff: Micros) -> Micros:
        """When the label is mature: the horizon has ended, and what comes late has had its time."""
        return self.ends(cutoff) + span(self.settle)

    def customers(self, facts: ir.Table, cutoff: Micros) -> ir.Table:
        """`customer_id` of those at risk, by what was known at the cutoff."""
        seen = visible(facts, cutoff)
        if self.at_risk is not None:
            seen = seen.filter(seen.at >= cutoff - span(self.at_risk))
        return seen.select("customer_id").distinct()

    def label(self, facts: ir.Table, customers: ir.Table, cutoff: Micros, watermark: Micros | None) -> ir.Table:
        """`customer_id`, `label` and `censor_reason` of each customer.

        `customers` has `customer_id`, and `deleted`: when they were next found deleted after the cutoff, in
        microseconds since 1970, or NULL.
        """
        ends = self.ends(cutoff)
        inside = facts.filter((facts.at >= self.starts(cutoff)) & (facts.at < ends))
        active = inside.select(active_id="customer_id").distinct()
        joined = customers.left_join(active, customers.customer_id == active.active_id)
        immature = watermark is None or self.known_from(cutoff) > watermark
        gone = joined.deleted.notnull() & (joined.deleted < ends) & joined.active_id.isnull()
        none: Any = ibis.null("int64")
        churned = joined.active_id.isnull().cast("int64")
        reason = ibis.cases((gone, "deleted"), else_=ibis.null("string"))
        return joined.select(
            "customer_id",
            label=none if immature else ibis.cases((gone, none), else_=churned),
            censor_reason=ibis.literal("immature") if immature else reason,
        )


Label = Inactivity
