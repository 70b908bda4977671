"""Reading the list of all profiles, which is a scroll: a place on the server that every request moves.

So an answer that is lost may have been a page that is gone: such a scroll is read to its end, counts as incomplete,
and is read again (API contract, "a lost answer in a scroll").
"""

from collections.abc import Callable, Iterator

import msgspec

from cdp_client import GaveUpError
from intilery_source.types import ListedPage

READINGS = 4
"""How often the list is read at most: once, and three times again."""

_MAX_REPEATS = 3
"""How often in a row a scroll may answer with a page that it gave before: a proxy does so once, a server that does not
know the parameter does so for ever."""


class Scroll:
    """Reads the list until a reading was complete."""

    def __init__(self, list_profiles: Callable[[str | None], ListedPage]) -> None:
        self._list = list_profiles
        self.complete = False
        self.stuck = False
        """Whether the list does not advance: reading it again would not help."""
        self.reason = ""
        """Why the last reading was not complete."""

    def pages(self) -> Iterator[list[msgspec.Raw]]:
        """The pages of every reading that it takes; a profile may come with more than one of them."""
        for _ in range(READINGS):
            self.reason = ""
            self._list(None)  # a first answer may be the one to an earlier request: nothing hangs on this one
            try:
                yield from self._reading()
            except GaveUpError as error:
                self.reason = str(error)
                return
            if self.stuck:
                self.reason = "pages came again and again: the server does not seem to know the parameter scrollId"
                return
            if not self.reason:
                self.complete = True
                return

    def _reading(self) -> Iterator[list[msgspec.Raw]]:
        scroll_id: str | None = None
        seen: set[int] = set()
        repeats = 0
        ends = 0
        while True:
            page = self._list(scroll_id)
            if page.doubtful and scroll_id is not None:  # a lost first page is only one more scroll begun
                self.reason = "an answer was lost on the way, and with it perhaps a page of profiles"
            if page.expired:
                if not ends:  # a scroll that has shown its end may be gone when asked again
                    self.reason = "the scroll expired before its end"
                return
            if page.ended:
                ends += 1
                if ends == 2:
                    return
                scroll_id = page.scroll_id or scroll_id
                continue  # an end is believed when it comes twice
            if ends:
                self.reason = "the list went on after its end"
                ends = 0
            listed = {hash(bytes(profile)) for profile in page.profiles}
            if listed <= seen:
                repeats += 1
                self.reason = "a page came twice, perhaps in the place of another"
                if repeats > _MAX_REPEATS:
                    self.stuck = True
                    return
            else:
                repeats = 0
                yield page.profiles
            seen |= listed
            if page.scroll_id is None:
                return  # no way to ask for more, so this is the end
            scroll_id = page.scroll_id
