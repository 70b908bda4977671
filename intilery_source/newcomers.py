"""Which events of a load are new to the destination: their profiles are the ones that may have changed."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from intilery_source import instants
from intilery_source.instants import Millis
from intilery_source.standing import Standing

_PROCESSING = timedelta(hours=1)
"""A profile may show what an event did to it so long after the event was received."""


class Newcomers:
    """Collects the profiles of new events, load by load, of those received since all profiles were read."""

    def __init__(self, standing: Standing, listed_at: Millis) -> None:
        self._standing = standing
        self._since = instants.to_datetime(listed_at) - _PROCESSING
        self.profiles: set[str] = set()

    def add(self, rows: pa.Table) -> None:
        """Take the events of a load that no finished load has brought before."""
        since = pa.scalar(self._since, type=rows.schema.field("received_time").type)
        rows = rows.filter(pc.fill_null(pc.greater_equal(rows["received_time"], since), True))
        if not rows.num_rows:
            return
        bounds = pc.min_max(rows["event_time"])
        seen = self._standing.events_between(bounds["min"].as_py(), bounds["max"].as_py())
        new = rows.filter(pc.invert(pc.is_in(rows["event_id"], value_set=seen)))
        self.profiles.update(pc.unique(new["customer_id"]).drop_null().to_pylist())
