"""The house baselines of The Complete Journey, from what went through the API, DuckDB and the features."""

import pyarrow.compute as pc
import pytest
from journey import Journey

from customer_features import Events, FeatureSet, Inactivity, active_days, build, recency
from customer_features.evaluation import ranking
from customer_features.horizon import past_cutoffs, usual_horizon

ORDERS = Events("Order Completed")


@pytest.mark.parametrize(
    ("horizon", "churned", "by_recency", "by_days"), [("30d", 0.168, 0.8145, 0.8581), ("14d", 0.292, 0.7793, 0.8399)]
)
def test_house_baselines(
    complete_journey: Journey, horizon: str, churned: float, by_recency: float, by_days: float
) -> None:
    """At 1 October 2017, of all who had ordered: AUC of days since the last order, and of the number of order days."""
    features = FeatureSet("single", recency(ORDERS), active_days(ORDERS, ["lifetime"]))
    label = Inactivity(ORDERS, horizon=horizon)
    with build(features, label, cutoffs=["2017-10-01"], on=complete_journey.database) as data:
        rows = data.arrow()
    found = ranking(rows["label"], rows["orders_recency_days"])
    assert found.rows == 2446
    assert found.churn_rate == pytest.approx(churned, abs=0.0005)
    assert found.auc == pytest.approx(by_recency, abs=0.002)
    assert ranking(rows["label"], pc.negate(rows["orders_active_days_lifetime"])).auc == pytest.approx(
        by_days, abs=0.002
    )


def test_the_usual_horizon_and_the_cutoffs_that_it_leaves(complete_journey: Journey) -> None:
    """95 % of returns came within three weeks; 12 weeks after New Year April begins, December's label is known."""
    assert usual_horizon(complete_journey.database, ORDERS) == "21d"
    found = past_cutoffs(complete_journey.database, Inactivity(ORDERS, horizon="30d"))
    assert [(cutoff.year, cutoff.month, cutoff.day) for cutoff in found] == [(2017, month, 1) for month in range(4, 13)]
