"""What the resources of one source share: settings, the client, the report, and the bounds of the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from intilery_source.client import IntileryClient
from intilery_source.report import RunReport
from intilery_source.settings import Settings


@dataclass(frozen=True, slots=True)
class Extraction:
    """One run's context."""

    settings: Settings
    client: IntileryClient
    report: RunReport
    since: datetime | None
    until: datetime | None
    identifiers: Sequence[str] = ()
