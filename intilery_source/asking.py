"""Asking an event endpoint, and believing an answer only when it can be the answer to that question."""

import hashlib

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source.instants import write
from intilery_source.types import AskEvents, EventPage, Query

PAGE_SIZE = 100
"""The most that one request may ask for ("between 1 and 100"; Events API, "Optional Request Arguments")."""

_MAX_ASKS = 8


class Asker:
    """Asks until an answer can be believed.

    A proxy may answer with the page before this one (API contract, "a proxy in front"). So a page that contradicts
    the question is asked for again, and a page that holds nothing new is believed only when it comes twice.
    """

    def __init__(self, ask: AskEvents, page_size: int = PAGE_SIZE) -> None:
        self._ask = ask
        self._full_size = page_size
        self.size = page_size
        """What to ask for; less for a while after an answer was too large (413)."""
        self._answered: set[str] = set()

    def page(self, query: Query) -> EventPage:
        """The answer to `query`.

        Raises:
            UnexpectedAnswerError: it keeps contradicting the question.
            TooLargeError: it is too large; `size` has been halved, unless it was 1.
        """
        barren: list[int] | None = None
        objection = ""
        for _ in range(_MAX_ASKS):
            try:
                page = self._ask(query)
            except TooLargeError:
                if query.size == 1:
                    raise
                self.size = query.size // 2
                raise
            objection = _objection(page, query)
            if objection:
                continue
            times = [hit.time for hit in page.hits]
            shown = {hit.id for hit in page.hits}.union(hashlib.sha256(raw).hexdigest() for raw in page.unreadable)
            if not shown <= self._answered or barren == times:
                self._answered |= shown
                return page
            barren = times
        if objection:
            raise UnexpectedAnswerError(f"The events route {objection} (request id {page.request_id}).")
        raise UnexpectedAnswerError(
            f"The events route keeps giving different answers to one question (request id {page.request_id})."
        )

    def grow(self) -> None:
        """Ask for more again after a page that was not too large."""
        self.size = min(self._full_size, self.size * 2)


def _objection(page: EventPage, query: Query) -> str:
    """What in the answer contradicts the question; an empty string where nothing does."""
    if page.length > query.size:
        return f"answered with {page.length} events where at most {query.size} were asked for"
    times = [hit.time for hit in page.hits]
    if times != sorted(times, reverse=not query.ascending):
        return "answered with events that are not in the order asked for"
    for hit in page.hits:
        early = query.start is not None and hit.time < query.start
        if early or (query.end is not None and hit.time > query.end):
            window = f"{write(query.start) if query.start is not None else ''} to "
            window += write(query.end) if query.end is not None else ""
            return f"answered with an event of {write(hit.time)}, which is outside the asked window ({window.strip()})"
        if query.include is not None and hit.action != query.include:
            return "answered with events of another action than the one asked for"
        if hit.action is not None and hit.action in query.exclude:
            return "answered with events of an action that was excluded"
    return ""
