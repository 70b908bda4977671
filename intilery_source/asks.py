"""What a plan asks for."""

from dataclasses import dataclass
from enum import Enum, auto

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
