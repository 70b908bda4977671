"""What a plan asks for."""

from dataclasses import dataclass
from enum import Enum, auto

from intilery_source.claims import Edge
from intilery_source.stretches import Stretch
from intilery_source.types import Query


class Kind(Enum):
    """What is asked for."""

    NEWEST = auto()
    PAGE = auto()
    INSTANT = auto()


@dataclass(slots=True, eq=False)
class Ask:
    """A question; or an instant that is to be read by itself (`query.start`)."""

    kind: Kind
    query: Query
    stretch: Stretch | None = None
    rank: int = 0
    guess: bool = False
    """Whether it may well be of no use."""
    again: bool = False
    """Whether it is asked a second time."""
    opening: bool = False
    """Whether no two different answers had come when it was asked: its own may be older than the plan."""

    def count(self, number: int, newest: Edge) -> None:
        """Count it as under way (1) or no more (-1); the `newest` events are no stretch's."""
        edge: Edge | None = newest
        if self.stretch is not None:
            self.stretch.outstanding += number
            edge = self.stretch.edge
        if edge is not None and not self.rank:
            edge.outstanding += number
