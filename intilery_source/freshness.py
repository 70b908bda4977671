"""Which answers may be older than the questions: a proxy may repeat the one that it gave before the first question.

It can do so only until it has given a new one. So two different answers show that whatever is asked from then on is
new; until then it takes two answers to one question that show the same.
"""

from intilery_source.asks import Ask
from intilery_source.types import EventPage, Query

_DIFFERENT = 2


class Freshness:
    """What the first answers showed, and to which questions."""

    def __init__(self) -> None:
        self._shown: dict[int, set[Query]] = {}

    @property
    def doubtful(self) -> bool:
        """Whether the answer to a question that is asked now may be old."""
        return len(self._shown) < _DIFFERENT

    def shows(self, ask: Ask, page: EventPage) -> bool:
        """Take an answer into account; whether it can be taken for what there is now."""
        if not ask.opening:
            return True
        asked = self._shown.setdefault(hash(frozenset(page.keys)), set())
        # the first and the newest events are asked for more than once in any case (claims)
        twice = ask.query in asked and ask.rank > 0
        asked.add(ask.query)
        return twice
