"""Sentences for people on what a run found."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from intilery_source import RunReport

_NAMED = 10
"""Columns or tables that a sentence names."""


def span_of(seconds: float) -> str:
    """A span of time as people say it, rounded up: `19 hours`."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            number = math.ceil(seconds / length)
            return f"{number} {unit}" + ("s" if number > 1 else "")
    number = max(1, math.ceil(seconds))
    return f"{number} second" + ("s" if number > 1 else "")


def lateness_sentence(report: RunReport) -> str | None:
    """How late events came and how far a load looks back; None where none was read."""
    needed, lookback = report.lateness.lookback(), report.lookback
    if needed is None or lookback is None:
        return None
    return (
        f"99.99 % of the {report.lateness.count:,} events read arrived within {span_of(needed)} of happening; "
        f"lookback is {span_of(lookback.total_seconds())}."
    )


def lookback_warning(report: RunReport) -> str | None:
    """What to do where loads do not look back far enough, None where they do."""
    needed, lookback = report.lateness.lookback(), report.lookback
    if needed is None or lookback is None or timedelta(seconds=needed) <= lookback:
        return None
    return (
        f'The lookback is shorter than that: set lookback = "{span_of(needed)}" in .dlt/config.toml, or read again now '
        "and then what arrives later, by intilery load --only events --since T."
    )


def schema_sentence(report: RunReport) -> str | None:
    """What the run added to the tables; None where it added nothing."""
    found = Counter(change["change"] for change in report.schema_changes)
    if not found:
        return None
    new = {change["table"] for change in report.schema_changes if change["change"] == "table added"}
    columns = [change for change in report.schema_changes if "column" in change and change["table"] not in new]
    parts = [f"{found['table added']:,} table(s) added"] if new else []
    if columns:
        named = [f"{change['table']}.{change['column']} ({change['type']})" for change in columns]
        parts.append(f"{len(named):,} column(s) added or changed: {_some(named)}")
    return f"Schema: {'; '.join(parts)}."


def kept_as_json_sentence(report: RunReport) -> str | None:
    """Where keys got no columns; None where all did."""
    if not report.kept_as_json:
        return None
    places = _some(sorted(report.kept_as_json))
    return f"Kept as JSON, as columns would be more than max_columns, or lists too deep: {places}."


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
