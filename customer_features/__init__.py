"""Features and labels of customers that see only what was known at their cutoff."""

from customer_features.building import NOW, build
from customer_features.dataset import Dataset, Split
from customer_features.errors import ExtractionTimeError, FeatureError
from customer_features.families.counting import active_days, aggregation, counts, lags, recency, trend
from customer_features.families.custom import custom
from customer_features.families.mail import email
from customer_features.families.profiles import consent, current, observed, tenure, trait
from customer_features.families.purchases import gaps, repurchase
from customer_features.families.sessions import sessions
from customer_features.families.values import (
    first_value,
    last_value,
    most_frequent,
    unique_count,
    unique_list,
    variety,
)
from customer_features.feature_set import FeatureSet
from customer_features.labels import Inactivity
from customer_features.sources import ACTIVITY, Events, OrderItems
from customer_features.spans import LIFETIME, WINDOWS, monthly, weekly

__all__ = [
    "ACTIVITY",
    "LIFETIME",
    "NOW",
    "WINDOWS",
    "Dataset",
    "Events",
    "ExtractionTimeError",
    "FeatureError",
    "FeatureSet",
    "Inactivity",
    "OrderItems",
    "Split",
    "active_days",
    "aggregation",
    "build",
    "consent",
    "counts",
    "current",
    "custom",
    "email",
    "first_value",
    "gaps",
    "lags",
    "last_value",
    "monthly",
    "most_frequent",
    "observed",
    "recency",
    "repurchase",
    "sessions",
    "tenure",
    "trait",
    "trend",
    "unique_count",
    "unique_list",
    "variety",
    "weekly",
]
