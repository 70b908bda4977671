"""A slow, obvious reading of what each family of features says, over plain rows; nothing of the engines' code.

A log is cut off first: what had not happened before the cutoff or was not known at it is not there. All else is lists
and loops, with exact fractions for numbers.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

from customer_features.families.family import Family
from customer_features.feature_set import FeatureSet
from customer_features.labels import Inactivity
from customer_features.sources import Condition, Events, OrderItems, Source

Row = dict[str, Any]
Log = dict[str, list[Row]]
MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE
WEEK_IN_DAYS = 7


def truncated(log: Log, cutoff: int) -> Log:
    """What had happened before the cutoff and was known at it."""
    found = {"customers": log["customers"]}
    for table in ("customer_events", "customer_order_items"):
        found[table] = [row for row in log[table] if row["event_at"] < cutoff and row["known_at"] <= cutoff]
    for table in ("customer_trait_changes", "customer_consents"):
        found[table] = [row for row in log[table] if row["valid_from"] < cutoff and row["observed_at"] <= cutoff]
    return found


def at_risk(log: Log, label: Inactivity | None, cutoff: int) -> set[str]:
    """Who has a row."""
    away = {
        row["customer_id"]
        for row in log["customer_absences"]
        if row["deleted_at"] <= cutoff and (row["returned_at"] is None or row["returned_at"] > cutoff)
    }
    there = [row for row in log["customers"] if row["customer_id"] not in away]
    if label is None:
        return {row["customer_id"] for row in there if row["created_at"] < cutoff and row["first_seen_at"] <= cutoff}
    since = -(10**30) if label.at_risk is None else cutoff - _days(label.at_risk) * DAY
    seen = happenings(truncated(log, cutoff), label.source)
    active = {one["customer_id"] for one in seen if one["at"] >= since}
    return {row["customer_id"] for row in there} & active


def label_of(log: Log, label: Inactivity, cutoff: int, watermark: int, customer: str) -> tuple[int | None, str | None]:
    """The label and the reason why there is none."""
    starts = cutoff + _days(label.gap) * DAY
    ends = starts + _days(label.horizon) * DAY
    if ends > watermark:
        return None, "immature"
    came = any(one["customer_id"] == customer and starts <= one["at"] < ends for one in happenings(log, label.source))
    if came:
        return 0, None
    deleted = [row["deleted_at"] for row in log["customer_absences"] if row["customer_id"] == customer]
    return (None, "deleted") if any(cutoff < one < ends for one in deleted) else (1, None)


def _days(span: str) -> int:
    assert span.endswith("d")
    return int(span[:-1])


def features_of(log: Log, features: FeatureSet, cutoff: int, customer: str) -> Row:
    """Every feature of a customer."""
    seen = {table: [row for row in rows if row["customer_id"] == customer] for table, rows in log.items()}
    seen = truncated(seen, cutoff)
    found: Row = {}
    for family in features.families:
        found |= READINGS[type(family).__name__](family, seen, cutoff)
    return found


# what events say


def text_in(document: str | None, path: str) -> str | None:
    """A value in a JSON document as text; None where there is none, or null."""
    if document is None:
        return None
    value = json.loads(document)
    for key in path.split(".") if path else []:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def number_in(text: str | None) -> Fraction | None:
    """A number with six digits after the point; None where it is none, or 10^12 and more."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    rounded = Decimal(text.strip()).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return Fraction(rounded) if abs(rounded) < 10**12 else None


def double_in(text: str | None) -> float | None:
    """The double nearest to a number; None where it is none, or more than doubles hold."""
    found = float(text) if text is not None and _NUMBER.fullmatch(text) else math.inf
    return found if math.isfinite(found) else None


def _fulfils(document: str | None, condition: Condition) -> bool:
    text, value = text_in(document, condition.property), condition.value
    if isinstance(value, tuple):
        return any(_fulfils(document, Condition(condition.property, "=", one)) for one in value)
    found: Any = text
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        found, value = double_in(text), float(value)
    if found is None:
        return False
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    }  # fmt: skip
    return compare[condition.comparison](found, value)


def happenings(log: Log, source: Source) -> list[Row]:
    """The events of a source, or the lines of orders, oldest first; equals by their identifiers."""
    found = []
    if isinstance(source, OrderItems):
        for row in log["customer_order_items"]:
            if row["event_name"] not in source.names():
                continue
            both = row["price"] is not None and row["quantity"] is not None
            value = number_in(repr(row["price"] * row["quantity"])) if both else None
            held = {
                "customer_id": row["customer_id"],
                "at": row["event_at"],
                "id": (row["event_id"], row["line_number"]),
            }
            found.append({**held, "value": value, "text": row.get})
    else:
        for row in log["customer_events"]:
            name = row["event_name"]
            if source.event is not None and name not in source.names():
                continue
            if name in source.excluding or not all(_fulfils(row["properties"], one) for one in source.where):
                continue
            value = None if source.value is None else number_in(text_in(row["properties"], source.value))
            held = {"customer_id": row["customer_id"], "at": row["event_at"], "id": (row["event_id"], 0)}
            text = lambda path, document=row["properties"]: text_in(document, path)  # noqa: E731
            found.append({**held, "value": value, "text": text, "name": name})
    found = [one for one in found if one["customer_id"] is not None]
    return sorted(found, key=lambda one: (one["at"], one["id"]))


def within(seen: Iterable[Row], cutoff: int, window: int | str) -> list[Row]:
    return [one for one in seen if window == "lifetime" or one["at"] >= cutoff - window * DAY]


def named(window: int | str) -> str:
    return window if isinstance(window, str) else f"{window}d"


def in_days(span: int) -> Fraction:
    return Fraction(span, DAY)


def mean(values: list[Any]) -> Fraction | None:
    return Fraction(sum(values), len(values)) if values else None


def spread(values: list[Any]) -> float | None:
    """The sample's standard deviation."""
    if len(values) < 2:
        return None
    middle = Fraction(sum(values), len(values))
    return math.sqrt(sum((Fraction(value) - middle) ** 2 for value in values) / (len(values) - 1))


# the families


def _recency(family: Any, seen: Log, cutoff: int) -> Row:
    events = happenings(seen, family.source)
    return {f"{family.source.name}_recency_days": in_days(cutoff - events[-1]["at"]) if events else None}


def _counts(family: Any, seen: Log, cutoff: int) -> Row:
    events, name = happenings(seen, family.source), family.source.name
    return {f"{name}_{named(window)}": len(within(events, cutoff, window)) for window in family.windows}


def _active_days(family: Any, seen: Log, cutoff: int) -> Row:
    events, name = happenings(seen, family.source), family.source.name
    return {
        f"{name}_active_days_{named(window)}": len({one["at"] // DAY for one in within(events, cutoff, window)})
        for window in family.windows
    }


def _aggregation(family: Any, seen: Log, cutoff: int) -> Row:
    found: Row = {}
    for window in family.windows:
        events = within(happenings(seen, family.source), cutoff, window)
        values = [one["value"] for one in events if one["value"] is not None]
        of = {
            "sum": sum(values), "mean": mean(values), "std": spread(values), "min": min(values, default=None),
            "max": max(values, default=None),
        }  # fmt: skip
        for statistic in family.statistics:
            tail = "" if statistic == "sum" else f"_{statistic}"
            found[f"{family.source.value_name}_{named(window)}{tail}"] = of[statistic]
    return found


def _trend(family: Any, seen: Log, cutoff: int) -> Row:
    events = happenings(seen, family.source)
    short, long = (Fraction(len(within(events, cutoff, days)), days) for days in (family.short, family.long))
    return {f"{family.source.name}_trend_{family.short}d_{family.long}d": short / long if long else None}


def _lags(family: Any, seen: Log, cutoff: int) -> Row:
    events = happenings(seen, family.source)
    return {
        f"{family.source.name}_week_{week}": sum(
            7 * (week - 1) * DAY < cutoff - one["at"] <= 7 * week * DAY for one in events
        )
        for week in range(1, family.weeks + 1)
    }


def _repurchase(family: Any, seen: Log, cutoff: int) -> Row:
    days: dict[int, list[Fraction]] = {}
    for one in happenings(seen, family.source):
        days.setdefault(one["at"] // DAY, []).extend([] if one["value"] is None else [one["value"]])
    name, last_day = family.source.name, (cutoff - 1) // DAY
    if not days:
        found: Row = dict.fromkeys((f"{name}_x", f"{name}_t_x", f"{name}_t"))
        zbar = None
    else:
        found = {
            f"{name}_x": len(days) - 1,
            f"{name}_t_x": Fraction(max(days) - min(days), WEEK_IN_DAYS),
            f"{name}_t": Fraction(last_day - min(days), WEEK_IN_DAYS),
        }
        # events without a number for a value have no part in means
        zbar = mean([sum(values) for day, values in days.items() if day != min(days) and values])
    return found | ({f"{name}_zbar": zbar} if family.source.value else {})


def _gaps(family: Any, seen: Log, cutoff: int) -> Row:
    days = sorted({one["at"] // DAY for one in happenings(seen, family.source)})
    gaps = [after - before for before, after in pairwise(days)]
    name, middle = family.source.name, Fraction(median(gaps)) if gaps else None
    return {
        f"{name}_gap_median_days": middle,
        f"{name}_gap_std_days": spread(gaps),
        f"{name}_recency_over_gap": ((cutoff - 1) // DAY - days[-1]) / middle if middle else None,
    }


def _sessions(family: Any, seen: Log, cutoff: int) -> Row:
    assert family.pause == "30min"
    found: list[list[int]] = []
    for one in happenings(seen, family.source):
        if found and one["at"] - found[-1][-1] <= 30 * MINUTE:
            found[-1].append(one["at"])
        else:
            found.append([one["at"]])
    result: Row = {}
    for window in family.windows:
        began = [one for one in found if one[0] >= cutoff - window * DAY]
        result[f"sessions_{window}d"] = len(began)
        result[f"sessions_{window}d_mean_minutes"] = mean([Fraction(one[-1] - one[0], MINUTE) for one in began])
        result[f"sessions_{window}d_mean_depth"] = mean([len(one) for one in began])
    return result


_MAIL = {
    "sent": "Email Sent", "delivered": "Email Delivered", "opened": "Email Opened", "clicked": "Email Link Clicked",
    "bounced": "Email Bounced", "unsubscribed": "Unsubscribed",
}  # fmt: skip


def _mail(family: Any, seen: Log, cutoff: int) -> Row:
    events = happenings(seen, Events(tuple(_MAIL.values())))
    found: Row = {}
    for window in family.windows:
        number = Counter(one["name"] for one in within(events, cutoff, window))
        found |= {f"email_{kind}_{named(window)}": number[name] for kind, name in _MAIL.items()}
        delivered = number["Email Delivered"]
        rate = Fraction(number["Email Link Clicked"], delivered) if delivered else None
        found[f"email_click_rate_{named(window)}"] = rate
    clicks = [one["at"] for one in events if one["name"] == "Email Link Clicked"]
    sent = [one["at"] for one in events if one["name"] == "Email Sent"]
    found["email_sent_since_click"] = sum(not clicks or at > max(clicks) for at in sent)
    found["email_click_recency_days"] = in_days(cutoff - max(clicks)) if clicks else None
    return found


def _snake(property: str) -> str:
    return property.replace(".", "_").lower()


def _variety(family: Any, seen: Log, cutoff: int) -> Row:
    found: Row = {}
    for window in family.windows:
        texts = [one["text"](family.property) for one in within(happenings(seen, family.source), cutoff, window)]
        number = Counter(text for text in texts if text is not None)
        shares = [count / number.total() for count in number.values()]
        of: Row = {
            "distinct": len(number),
            "entropy": -sum(share * math.log(share) for share in shares) if number else None,
            "favourite": min(number, key=lambda text: (-number[text], text), default=None),
            "list": sorted(number) or None,
        }
        for measure in family.measures:
            found[f"{family.source.name}_{_snake(family.property)}_{named(window)}_{measure}"] = of[measure]
    return found


def _endmost(family: Any, seen: Log, cutoff: int) -> Row:
    texts = [one["text"](family.property) for one in happenings(seen, family.source)]
    texts = [text for text in texts if text is not None]
    which = "last" if family.last else "first"
    value = (texts[-1] if family.last else texts[0]) if texts else None
    return {f"{family.source.name}_{_snake(family.property)}_{which}": value}


def _age(seen: Log, cutoff: int) -> Fraction | None:
    """Days since the profile is there, if that was known."""
    (row,) = seen["customers"]
    there = row["created_at"] < cutoff and row["first_seen_at"] <= cutoff
    return in_days(cutoff - row["created_at"]) if there else None


def _tenure(family: Any, seen: Log, cutoff: int) -> Row:
    return {"tenure_days": _age(seen, cutoff)}


def _observed(family: Any, seen: Log, cutoff: int) -> Row:
    age = _age(seen, cutoff)
    return {f"observed_days_{window}d": None if age is None else min(age, window) for window in family.windows}


def _trait(family: Any, seen: Log, cutoff: int) -> Row:
    key, _, inside = family.trait.partition(".")
    changes = [row for row in seen["customer_trait_changes"] if row["trait"] == key]
    # of changes at one instant that became known at one, the one whose JSON comes last by alphabet
    changes.sort(key=lambda row: (row["valid_from"], row["observed_at"], row["value"] is not None, row["value"] or ""))
    text = text_in(changes[-1]["value"], inside) if changes else None
    value: Any = text
    if family.type == "number":
        value = number_in(text)
    if family.type == "boolean":
        value = {"true": True, "false": False}.get(text or "")
    return {f"trait_{_snake(family.trait)}": value}


def _consent(family: Any, seen: Log, cutoff: int) -> Row:
    found: Row = {}
    for channel in family.channels:
        told = [row for row in seen["customer_consents"] if row["channel"] == channel]
        told.sort(key=lambda row: (row["valid_from"], row["observed_at"], row["subscribed"]))
        changes = [
            row
            for before, row in zip([{}, *told], told, strict=False)
            if before.get("subscribed", ...) != row["subscribed"]
        ]
        found[f"consent_{channel}"] = told[-1]["subscribed"] if told else None
        found[f"consent_{channel}_days"] = in_days(cutoff - changes[-1]["valid_from"]) if told else None
    return found


READINGS: dict[str, Callable[[Family, Log, int], Row]] = {
    "Recency": _recency, "Counts": _counts, "ActiveDays": _active_days, "Aggregation": _aggregation, "Trend": _trend,
    "Lags": _lags, "Repurchase": _repurchase, "Gaps": _gaps, "Sessions": _sessions, "Mail": _mail, "Variety": _variety,
    "Endmost": _endmost, "Tenure": _tenure, "Observed": _observed, "Trait": _trait, "Consent": _consent,
}  # fmt: skip
"""How each family is read; `Current` is `Trait` over a log that was not cut off, and `Custom` is the user's own."""
