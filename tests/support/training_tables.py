"""Training tables of customers whose churn follows from two of their features."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa

CUTOFFS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 10)]
FEATURES = ["days_since_order", "orders_28d", "noise", "plan", "favourites"]


def training_table(customers: int = 400, seed: int = 1, cutoffs: list[datetime] = CUTOFFS) -> pa.Table:
    """Rows of customers at monthly cutoffs; a horizon of 28 days, and labels of the last cutoff not known yet."""
    random = np.random.default_rng(seed)
    parts = []
    for cutoff in cutoffs:
        days = random.exponential(30, customers)
        orders = random.poisson(3, customers)
        plan = random.choice(np.array(["basic", "plus", "trial"]), customers, p=[0.5, 0.4, 0.1])
        odds = 0.05 * days - 0.5 * orders + 1.5 * (plan == "trial")
        churned = random.random(customers) < 1 / (1 + np.exp(-odds))
        known = cutoff < cutoffs[-1]
        end = cutoff + pd.Timedelta(days=28)
        parts.append(
            pa.table(
                {
                    "customer_id": [f"c{number}" for number in range(customers)],
                    "cutoff": pa.array([cutoff] * customers, pa.timestamp("us", "UTC")),
                    "days_since_order": pa.array(
                        np.where(random.random(customers) < 0.02, np.nan, days), from_pandas=True
                    ),
                    "orders_28d": pa.array(orders, pa.int64()),
                    "noise": random.random(customers),
                    "plan": pa.array(np.where(random.random(customers) < 0.1, None, plan), pa.string()),
                    "favourites": [["a"]] * customers,
                    "label": pa.array([int(one) if known else None for one in churned], pa.int8()),
                    "horizon_end": pa.array([end] * customers, pa.timestamp("us", "UTC")),
                    "censor_reason": pa.array([None if known else "immature"] * customers, pa.string()),
                }
            )
        )
    return pa.concat_tables(parts)
