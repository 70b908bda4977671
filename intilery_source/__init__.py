"""Intilery as a dlt source: `intilery_source.intilery()`."""

from intilery_source.event_rows import rebuild
from intilery_source.report import RunReport
from intilery_source.source import events_remaining, intilery, pass_interrupted, profiles_remaining

__all__ = ["RunReport", "events_remaining", "intilery", "pass_interrupted", "profiles_remaining", "rebuild"]
