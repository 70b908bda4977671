"""Asking an event endpoint, and believing an answer only when it can be the answer to that question."""

import hashlib

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source.instants import write
from intilery_source.types import AskEvents, EventPage, Query

PAGE_SIZE = 100
"""The most that one request may ask for ("between 1 and 100"; Events API, "Optional Request Arguments")."""

_MAX_ASKS = 8
_ALIKE = 3


def ask_soundly(ask: AskEvents, query: Query, *, permitted: bool = False) -> EventPage:
    """The answer to `query`, asked for again while it contradicts the question; `permitted` as for `AskEvents`.

    Raises:
        UnexpectedAnswerError: it keeps contradicting the question.
        TooLargeError: it is too large.
    """
    objection, request_id = "", ""
    for _ in range(_MAX_ASKS):
        page = ask(query, permitted=permitted)
        permitted = False
        objection, request_id = _objection(page, query), page.request_id
        if not objection:
            return page
    raise UnexpectedAnswerError(f"The events route {objection} (request id {request_id}).")


class Asker:
    """Asks where an answer must be the one to this very question, because nothing else vouches for it.

    A proxy may answer with the page before this one (API contract, "a proxy in front"). So a page that holds nothing
    new is believed only when it comes three times in a row.
    """

    def __init__(self, ask: AskEvents, page_size: int = PAGE_SIZE) -> None:
        self._ask = ask
        self.size = page_size
        """What to ask for; less after an answer was too large (413)."""
        self._answered: set[object] = set()

    def page(self, query: Query) -> EventPage:
        """The answer to `query`.

        Raises:
            UnexpectedAnswerError: it keeps contradicting the question, or changes all the time.
            TooLargeError: it is too large; `size` has been halved, unless it was 1.
        """
        barren: list[int] | None = None
        alike = 0
        for _ in range(_MAX_ASKS):
            try:
                page = ask_soundly(self._ask, query)
            except TooLargeError:
                if query.size > 1:
                    self.size = query.size // 2
                raise
            shown = set(page.keys).union(names_of_unreadable(page))
            if not shown <= self._answered:
                self._answered |= shown
                return page
            alike = alike + 1 if page.micros == barren else 1  # not by keys: ties come in ever other orders
            if alike >= _ALIKE:
                return page
            barren = page.micros
        raise UnexpectedAnswerError(
            f"The events route keeps giving different answers to one question (request id {page.request_id})."
        )

    def confirmed(self, query: Query, page: EventPage) -> EventPage:
        """The answer to `query`, of which `page` is one, once two in a row show the same instants.

        Raises:
            UnexpectedAnswerError: it keeps contradicting the question, or changes all the time.
            TooLargeError: it is too large.
        """
        for _ in range(_MAX_ASKS):
            before, page = page, ask_soundly(self._ask, query)
            self._answered |= set(page.keys).union(names_of_unreadable(page))
            if (page.micros, page.length) == (before.micros, before.length):
                return page
        raise UnexpectedAnswerError(
            f"The events route keeps giving different answers to one question (request id {page.request_id})."
        )


def names_of_unreadable(page: EventPage) -> list[str]:
    """A name for each element that could not be read, the same whenever it comes."""
    return [hashlib.sha256(raw).hexdigest() for raw, _ in page.unreadable]


def _objection(page: EventPage, query: Query) -> str:
    """What in the answer contradicts the question; an empty string where nothing does."""
    if page.length > query.size:
        return f"answered with {page.length} events where at most {query.size} were asked for"
    micros = page.micros
    if micros != sorted(micros, reverse=not query.ascending):
        return "answered with events that are not in the order asked for"
    if not micros:
        return ""
    first, last = min(micros[0], micros[-1]) // 1000, max(micros[0], micros[-1]) // 1000
    early = query.start is not None and first < query.start
    if early or (query.end is not None and last > query.end):
        window = f"{write(query.start) if query.start is not None else ''} to "
        window += write(query.end) if query.end is not None else ""
        outside = write(first if early else last)
        return f"answered with an event of {outside}, which is outside the asked window ({window.strip()})"
    if query.include is not None and any(action != query.include for action in page.actions):
        return "answered with events of another action than the one asked for"
    if query.exclude and not set(page.actions).isdisjoint(query.exclude):
        return "answered with events of an action that was excluded"
    return ""
