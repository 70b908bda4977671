# mypy: ignore-errors
"""The features of the shipped set as vectorised pandas: one groupby after the other, for each cutoff.

Run as a program: the DuckDB file, then cutoffs as dates. Prints the number of rows and features.
"""

import sys

import duckdb
import numpy as np
import pandas as pd

WINDOWS = (7, 28, 91, 182, 365, None)
MAIL = ("Email Sent", "Email Delivered", "Email Opened", "Email Link Clicked", "Email Bounced", "Unsubscribed")
NAMES = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed")
DAY = pd.Timedelta(days=1)


def tail(window: int | None) -> str:
    return "lifetime" if window is None else f"{window}d"


def last(table: pd.DataFrame, cutoff: pd.Timestamp, window: int | None) -> pd.DataFrame:
    return table if window is None else table[table["at"] >= cutoff - window * DAY]


def rates(name: str, seen: pd.DataFrame, cutoff: pd.Timestamp, windows: tuple[int | None, ...]) -> dict[str, pd.Series]:
    found = {f"{name}_recency_days": (cutoff - seen.groupby("customer_id")["at"].max()) / DAY}
    for window in windows:
        found[f"{name}_{tail(window)}"] = last(seen, cutoff, window).groupby("customer_id").size()
    short, long = (last(seen, cutoff, window).groupby("customer_id").size() for window in (28, 91))
    found[f"{name}_trend_28d_91d"] = (short.reindex(long.index, fill_value=0) / 28) / (long / 91)
    return found


def spending(name: str, seen: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    found = {}
    for window in WINDOWS:
        grouped = last(seen, cutoff, window).groupby("customer_id")["value"]
        found[f"{name}_{tail(window)}"] = grouped.sum()
        for statistic in ("mean", "std", "min", "max"):
            found[f"{name}_{tail(window)}_{statistic}"] = grouped.agg(statistic)
    return found


def days(name: str, seen: pd.DataFrame, cutoff: pd.Timestamp, windows: tuple[int | None, ...]) -> dict[str, pd.Series]:
    dated = seen.assign(day=seen["at"].dt.floor("D"))
    return {
        f"{name}_active_days_{tail(window)}": last(dated, cutoff, window).groupby("customer_id")["day"].nunique()
        for window in windows
    }


def weeks(seen: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    week = (cutoff - seen["at"] - pd.Timedelta(microseconds=1)) // pd.Timedelta(days=7) + 1
    return {f"orders_week_{number}": seen[week == number].groupby("customer_id").size() for number in range(1, 6)}


def returns(seen: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    daily = seen.assign(day=seen["at"].dt.floor("D")).groupby(["customer_id", "day"], as_index=False)["value"].sum()
    daily = daily.sort_values(["customer_id", "day"])
    by = daily.groupby("customer_id")
    first, latest, number = by["day"].first(), by["day"].last(), by.size()
    end = (cutoff - pd.Timedelta(microseconds=1)).floor("D")
    gaps = daily.assign(gap=by["day"].diff() / DAY).groupby("customer_id")["gap"]
    median, recency = gaps.median(), (end - latest) / DAY
    return {
        "orders_x": number - 1,
        "orders_t_x": (latest - first) / DAY / 7,
        "orders_t": (end - first) / DAY / 7,
        "orders_zbar": (by["value"].sum() - by["value"].first()) / (number - 1).where(number > 1),
        "orders_gap_median_days": median,
        "orders_gap_std_days": gaps.std(),
        "orders_recency_over_gap": recency / median.where(median > 0),
    }


def categories(items: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    for window in (91, 365, None):
        number = last(items, cutoff, window).groupby(["customer_id", "category"]).size().rename("n").reset_index()
        total = number.groupby("customer_id")["n"].transform("sum")
        share = number["n"] / total
        parts = number.assign(part=-share * np.log(share))
        name = f"items_category_{tail(window)}"
        found[f"{name}_distinct"] = number.groupby("customer_id").size()
        found[f"{name}_entropy"] = parts.groupby("customer_id")["part"].sum()
        ordered = number.sort_values(["n", "category"], ascending=[False, True])
        found[f"{name}_favourite"] = ordered.groupby("customer_id")["category"].first()
    ordered = items.sort_values(["at", "event_id", "line_number"]).groupby("customer_id")["category"]
    return found | {"items_category_first": ordered.first(), "items_category_last": ordered.last()}


def visits(seen: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    pause = pd.Timedelta(minutes=30)
    seen = seen[seen["at"] >= cutoff - 91 * DAY - pause].sort_values(["customer_id", "at", "event_id"])
    begins = seen.groupby("customer_id")["at"].diff().fillna(pd.Timedelta(days=9)) > pause
    grouped = seen.assign(session=begins.cumsum()).groupby(["customer_id", "session"])["at"].agg(["min", "max", "size"])
    grouped = grouped.reset_index("customer_id").rename(columns={"min": "at"})
    grouped["minutes"] = (grouped["max"] - grouped["at"]) / pd.Timedelta(minutes=1)
    found = {}
    for window in (7, 28, 91):
        within = last(grouped, cutoff, window).groupby("customer_id")
        found[f"sessions_{window}d"] = within.size()
        found[f"sessions_{window}d_mean_minutes"] = within["minutes"].mean()
        found[f"sessions_{window}d_mean_depth"] = within["size"].mean()
    return found


def messages(mail: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    for window in (28, 91, 365):
        number = last(mail, cutoff, window).groupby(["customer_id", "event_name"], observed=True).size().unstack()
        number = number.reindex(columns=list(MAIL)).fillna(0)
        for name, event in zip(NAMES, MAIL, strict=True):
            found[f"email_{name}_{window}d"] = number[event]
        found[f"email_click_rate_{window}d"] = number[MAIL[3]] / number[MAIL[1]].where(number[MAIL[1]] > 0)
    clicked = mail[mail["event_name"] == MAIL[3]].groupby("customer_id")["at"].max()
    since = mail["customer_id"].map(clicked)
    sent = mail[(mail["event_name"] == MAIL[0]) & (since.isna() | (mail["at"] > since))]
    return found | {
        "email_sent_since_click": sent.groupby("customer_id").size(),
        "email_click_recency_days": (cutoff - clicked) / DAY,
    }


def newest(table: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    return table.sort_values(["valid_from", "observed_at"]).groupby(key, as_index=False).last()


def at_cutoff(tables: dict[str, pd.DataFrame], cutoff: pd.Timestamp) -> pd.DataFrame:
    """All features of the customers with an order in the year before the cutoff."""
    seen = {
        name: table[(table["at"] < cutoff) & (table["known"] <= cutoff)]
        for name, table in tables.items()
        if "known" in table.columns
    }
    events, items = seen["events"], seen["items"]
    orders = events[events["event_name"] == "Order Completed"]
    refunds = events[events["event_name"] == "Order Refunded"]
    views = events[events["event_name"] == "Product Viewed"]
    activity = events[~events["event_name"].isin(MAIL)]
    found = rates("orders", orders, cutoff, WINDOWS) | days("orders", orders, cutoff, WINDOWS)
    found |= spending("revenue", orders, cutoff) | weeks(orders, cutoff) | returns(orders, cutoff)
    for window in (91, 365):
        grouped = last(refunds, cutoff, window).groupby("customer_id")["value"]
        found |= {f"refunds_{window}d": grouped.size(), f"refunded_{window}d": grouped.sum()}
    found |= rates("views", views, cutoff, (7, 28, 91)) | categories(items, cutoff)
    found["activity_recency_days"] = (cutoff - activity.groupby("customer_id")["at"].max()) / DAY
    found |= days("activity", activity, cutoff, (28, 91, 365)) | visits(activity, cutoff)
    found |= messages(events[events["event_name"].isin(MAIL)], cutoff)
    consents = tables["consents"]
    told = newest(
        consents[(consents["valid_from"] < cutoff) & (consents["observed_at"] <= cutoff)], ["customer_id", "channel"]
    )
    for channel in ("email", "sms"):
        mine = told[told["channel"] == channel].set_index("customer_id")
        found |= {
            f"consent_{channel}": mine["subscribed"],
            f"consent_{channel}_days": (cutoff - mine["valid_from"]) / DAY,
        }
    traits = tables["traits"]
    plan = newest(traits[(traits["valid_from"] < cutoff) & (traits["observed_at"] <= cutoff)], ["customer_id", "trait"])
    found["trait_plan"] = plan.set_index("customer_id")["value"].str.strip('"')
    created = tables["customers"].set_index("customer_id")["created_at"]
    found["tenure_days"] = (cutoff - created[created < cutoff]) / DAY
    for window in (28, 91, 365):
        found[f"observed_days_{window}d"] = found["tenure_days"].clip(upper=window)
    customers = last(orders, cutoff, 365)["customer_id"].unique()
    rows = pd.DataFrame(found, index=customers)
    counted = [name for name in rows.columns if rows[name].dtype.kind in "fi" and is_count(name)]
    rows[counted] = rows[counted].fillna(0)
    return rows.rename_axis("customer_id").reset_index()


def is_count(name: str) -> bool:
    """Whether a customer without rows has 0 of it."""
    ends = ("_mean", "_std", "_min", "_max", "_days", "_minutes", "_depth", "_entropy", "_zbar", "_t", "_t_x", "_x")
    return not name.endswith(ends) and not any(
        part in name for part in ("_rate_", "_trend_", "_over_", "observed", "tenure")
    )


def read(database: str) -> dict[str, pd.DataFrame]:
    """The columns that the features need, as pandas has them."""
    queries = {
        "events": "SELECT customer_id, event_id, event_name, event_at AS at, known_at AS known, "
        "TRY_CAST(properties->>'total' AS DOUBLE) AS value FROM customer_tables.customer_events",
        "items": "SELECT customer_id, event_id, line_number, event_at AS at, known_at AS known, category "
        "FROM customer_tables.customer_order_items",
        "consents": "FROM customer_tables.customer_consents",
        "traits": "FROM customer_tables.customer_trait_changes WHERE trait = 'plan'",
        "customers": "FROM customer_tables.customers",
    }
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = {name: connection.execute(query).df() for name, query in queries.items()}
    categories = {"events": ["customer_id", "event_name"], "items": ["customer_id", "category"]}
    for name, columns in categories.items():
        tables[name][columns] = tables[name][columns].astype("str")
    return tables


def main() -> None:
    tables = read(sys.argv[1])
    rows = [at_cutoff(tables, pd.Timestamp(cutoff, tz="UTC")) for cutoff in sys.argv[2:]]
    print(sum(map(len, rows)), len(rows[0].columns) - 1)


if __name__ == "__main__":
    main()
