"""How pages are asked for: their size, by how much they overlap, and whether `from` is of use."""

from intilery_source.stretches import Stretch

_TRUST = 3
"""How many pages that do not overlap as their ranks do it takes to give up on ranks."""
_LEAST_SIZE = 4
_GROW_AFTER = 20
"""Answers after one that was too large before more is asked for again."""


class Paging:
    """What is asked of a page; shared by all stretches."""

    def __init__(self, size: int, cap: int) -> None:
        """Ask for `size` events a page, and for nothing beyond the rank `cap`."""
        self.size = self.full_size = size
        self.cap = cap
        self._votes = 0
        """For and against `from` counting hits, as pages show it."""
        self._answers = 0

    @property
    def trusted(self) -> bool:
        """Whether pages have shown that `from` counts hits."""
        return self._votes > 0

    @property
    def by_rank(self) -> bool:
        """Whether `from` may be of use: it must count hits, and overlapping pages must have room for some more."""
        return self._votes > -_TRUST and self.size >= _LEAST_SIZE

    def vote(self, hits: bool) -> None:
        """Take it that a page did, or did not, lie where a count of hits would put it."""
        self._votes = max(-_TRUST, min(_TRUST, self._votes + (1 if hits else -1)))

    def step(self, stretch: Stretch) -> int:
        """How many ranks on the next page begins: the two must share an instant and an event before it."""
        return max(1, self.size - min(1 + stretch.ties, self.size // 2))

    def goes_on(self, stretch: Stretch) -> bool:
        """Whether a stretch may have a further rank to ask for."""
        while stretch.next_rank in stretch.pages:  # looked at ahead
            stretch.next_rank += self.step(stretch)
        if stretch.next_rank + self.size > self.cap:
            stretch.exhausted = True
        return self.by_rank and not stretch.exhausted and not stretch.passed

    def succeeded(self) -> None:
        """Ask for more again, some time after an answer that was too large."""
        self._answers += 1
        if self.size < self.full_size and self._answers >= _GROW_AFTER:
            self.size, self._answers = min(self.full_size, self.size * 2), 0

    def shrink(self, size: int) -> bool:
        """Ask for less than `size`, which was too large; False where it cannot be less."""
        if size == 1:
            return False
        self.size, self._answers = min(self.size, size // 2), 0
        return True
