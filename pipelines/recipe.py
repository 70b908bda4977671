"""What a model of `intilery train` is made from, as its manifest keeps it: `intilery score` makes the same again."""

from dataclasses import asdict, dataclass
from typing import Any

from customer_features import Events, FeatureSet, Inactivity
from customer_features.standard import standard

EVENT, VALUE = "Order Completed", "total"
"""Where nothing else is named."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The shipped features over an event, traits besides, and churn as that event's absence."""

    event: str
    value: str
    horizon: str
    gap: str
    at_risk: str | None
    traits: tuple[str, ...]

    @property
    def orders(self) -> Events:
        """The events that customers stop making."""
        return Events(self.event, value=self.value)

    @property
    def features(self) -> FeatureSet:
        """The shipped set over them."""
        return standard(traits=self.traits, orders=self.orders)

    @property
    def label(self) -> Inactivity:
        """Who is at risk, and what churn is."""
        return Inactivity(self.orders, horizon=self.horizon, gap=self.gap, at_risk=self.at_risk)

    @property
    def recency(self) -> str:
        """The feature that is the baseline's baseline."""
        return f"{self.orders.name}_recency_days"

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Recipe":
        """What `as_dict` told."""
        return cls(**(stored | {"traits": tuple(stored["traits"])}))
