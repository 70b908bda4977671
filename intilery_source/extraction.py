"""What the resources of one source share: settings, the client, the report, and the bounds of the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from intilery_source.client import IntileryClient
from intilery_source.instants import Millis
from intilery_source.protected_events import ProtectedEvents
from intilery_source.protection import Protection
from intilery_source.report import RunReport
from intilery_source.settings import Settings


@dataclass(slots=True)
class Extraction:
    """One source's context."""

    settings: Settings
    client: IntileryClient
    report: RunReport
    since: datetime | None
    until: datetime | None
    identifiers: Sequence[str] = ()
    profiles_per_load: int | None = None
    """After so many profiles a load ends; None reads all in one."""
    changed: set[str] = field(default_factory=set)
    """Profiles of events that are new, which the events hand over to the profiles of the same load."""
    events_read_by: str | None = None
    """The load whose events have all been read."""
    now: Millis | None = None
    """The platform's clock when the last pass over the events began; None while nobody has asked."""
    protection: Protection | None = None
    """What becomes of personal data; None leaves them as they are."""

    def protection_of_events(self, *, of_profiles: bool) -> Callable[[pa.Table], pa.Table]:
        """What treats tables of events; it gives them back as they are where nothing is to be done."""
        if self.protection is None:
            return lambda table: table
        return ProtectedEvents(self.protection, of_profiles=of_profiles)
