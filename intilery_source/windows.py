"""Reading all events of a window of time, oldest first, in spite of the API's cap and of what it leaves unsaid.

Reading goes on by time: the next page starts at the last instant of the one before, so the 10,000-result cap is never
met and the meaning of `from` does not matter. Whether `start` and `end` are inclusive is unsaid: a question reaches
1 ms farther on both sides, and who uses this drops doubles by identifier. An instant with more events than a page
holds is `intilery_source.ties`' affair.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from cdp_client import TooLargeError, UnexpectedAnswerError
from intilery_source.asking import Asker
from intilery_source.instants import Millis
from intilery_source.ties import InstantReader, InstantTooLargeError
from intilery_source.types import Hit, Query

OVERLAP: Millis = 1
"""How far a question reaches beyond its window."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one page brought.

    `position` is the instant before which everything in the window has been read; None when all has been.
    `failed` is the error of an instant that could not be read: reading goes on behind it.
    """

    hits: list[Hit]
    unreadable: list[msgspec.Raw]
    position: Millis | None
    failed: InstantTooLargeError | None = None


class WindowReader:
    """Reads windows of one event endpoint, one request after the other."""

    def __init__(self, asker: Asker, *, cap: int = 10_000) -> None:
        self._asker = asker
        self._instants = InstantReader(asker, cap=cap, overlap=OVERLAP)

    def read(self, start: Millis, end: Millis | None) -> Iterator[Step]:
        """Read `[start, end)`, or everything from `start` on; hits at the edges may lie up to 1 ms outside.

        Each hit comes at least once, and before the step whose position is behind it.
        """
        position = start
        overlap = OVERLAP
        while end is None or position < end:
            query = Query(
                start=position - overlap, end=None if end is None else end - 1 + OVERLAP, size=self._asker.size
            )
            try:
                page = self._asker.page(query)
            except TooLargeError:
                if query.size == 1:
                    raise
                continue
            if page.length < query.size:
                break
            if page.latest is None:
                raise UnexpectedAnswerError(
                    f"The events route answered with {page.length} events none of which has a time that can be read "
                    f"(request id {page.request_id}): nothing says where to read on."
                )
            if page.latest > position:
                position, overlap = page.latest, OVERLAP
                yield Step(page.hits, page.unreadable, position)
                self._asker.grow()
                continue
            # a full page that does not get past its first instant
            yield Step(page.hits, page.unreadable, position)
            failed = None
            try:
                for part in self._instants.read(position):
                    yield Step(part.hits, part.unreadable, position)
            except InstantTooLargeError as error:
                failed = error
            # what comes after the instant must be asked for without the instant itself
            overlap = 0 if self._instants.start_is_inclusive else OVERLAP
            position += 1
            yield Step([], [], position, failed)
        else:
            yield Step([], [], None)
            return
        yield Step(page.hits, page.unreadable, None)
