"""The names of the events that there are: what is made of a name misspelt is zeros, and no error."""

from contextlib import closing
from pathlib import Path

import ibis
import ibis.expr.types as ir

from customer_features.engine import Engine
from customer_features.engine_duckdb import DuckDBEngine
from customer_features.errors import FeatureError
from customer_features.sources import keys

_SHOWN = 10


def check_event(database: Path, event: str, value: str | None = None) -> None:
    """See that there are events of a name, and that a property of theirs is a number.

    Where there are no events at all, that is not what is wrong, and nothing is raised.

    Raises:
        FeatureError: no event has the name, or `value` is a number in none that has it.
    """
    with closing(DuckDBEngine(database)) as engine:
        events, functions = engine.canonical["customer_events"], engine.canonical.functions
        named = events.filter(events.event_name == event)
        if not _some(engine, named):
            _name_others(engine, event)
        elif value is not None:
            number = functions.number(functions.text(named.properties, *keys(value)))
            if not _some(engine, named.filter(number.notnull())):
                raise FeatureError(
                    f"{value!r} is a number in no event {event!r}: name a property that is one with --value."
                )


def _some(engine: Engine, rows: ir.Table) -> bool:
    return len(engine.arrow(rows.select("event_id").limit(1))) > 0


def _name_others(engine: Engine, event: str) -> None:
    events = engine.canonical["customer_events"]
    called = events.filter(events.event_name.notnull())
    counted = called.group_by("event_name").aggregate(times=called.count())
    names = engine.arrow(counted.order_by([ibis.desc("times"), "event_name"]))["event_name"].to_pylist()
    if names:
        more = f", and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        raise FeatureError(
            f"No event is called {event!r}. There are, the most frequent first, "
            f"{', '.join(map(repr, names[:_SHOWN]))}{more}: name one with --event."
        )
