"""The staged contract: what a platform's staging module gives, as Ibis tables that nothing has been read of yet.

| table | columns |
|---|---|
| events | event_id, profile_id, user_id, anonymous_id, event_name, call_type, send_type, source, event_at, ingested_at,
  heard_at (when the event itself was known, imputed if need be), properties, context, traits, load_id |
| snapshots | profile_id, external_id, observed_at, traits (NULL: the profile was gone), load_id |
| merges | profile_id, merged_into, external_id, detected_at |
| deletions | profile_id, detected_at |
| profiles | profile_id, created_at: those that the platform shows now |
| links | id_type, id_value, profile_id, seen_at, event_id: an identifier was seen with a profile; may repeat |
| order lines | line_number, sku, name, category, quantity, price |
| channels | what consents a value of `consent_trait` gives: channel, subscribed, place |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of a source as a whole: how late events come at most (seconds), and how far it was read."""

    lateness: float
    guesses: bool
    """Whether any event's time of receipt is missing."""
    watermark: datetime | None


class Staging(Protocol):
    """A platform's raw tables."""

    consent_trait: str
    """The trait that holds consents."""
    event_log: str
    """Which of `logs` holds the events."""
    snapshot_log: str
    """Which of `logs` holds the snapshots."""

    def standing(self) -> Standing:
        """What holds for the source as a whole."""

    def logs(self) -> Mapping[str, ir.Table]:
        """The raw tables that only grow, but for what is erased: columns load_id, key, and
        mark, a hash of what identifies a row and whose it is. Rows of events may come again, with another load_id."""

    def states(self) -> Mapping[str, ir.Table]:
        """The raw tables that hold what is true now: `mark` alone."""

    def events(self) -> ir.Table:
        """All events."""

    def snapshots(self) -> ir.Table:
        """All versions of profiles' traits."""

    def merges(self) -> ir.Table:
        """Which profiles became others."""

    def deletions(self) -> ir.Table:
        """Which profiles were found gone."""

    def profiles(self) -> ir.Table:
        """What is known of profiles now."""

    def event_links(self, events: ir.Table) -> Sequence[ir.Table]:
        """The identifiers that some events show with a profile, a table a kind."""

    def profile_links(self, snapshots: ir.Table) -> Sequence[ir.Table]:
        """The identifiers that some snapshots, and all merges and deletions, show with a profile, a table a kind."""

    def order_lines(self, events: ir.Table, *kept: str) -> ir.Table:
        """The product lines in the `properties` of some events, with the columns `kept`."""

    def channels(self, changes: ir.Table, *kept: str) -> ir.Table:
        """The consents in the values of `consent_trait`, with the columns `kept`."""
