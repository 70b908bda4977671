"""What must be reached, and whether it was."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the bound that it must keep; a figure that is missing keeps none."""

    what: str
    figure: float | None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the figure is there and within its bound."""
        return (
            self.figure is not None
            and (self.at_least is None or self.figure >= self.at_least)
            and (self.at_most is None or self.figure <= self.at_most)
            and (self.below is None or self.figure < self.below)
        )

    def __str__(self) -> str:
        """One line of Markdown."""
        bounds = (("at least", self.at_least), ("at most", self.at_most), ("below", self.below))
        asked = " and ".join(f"{word} {bound:,g}" for word, bound in bounds if bound is not None)
        return f"- {'reached' if self.reached else '**missed**'}: {self.what}: {number(self.figure)} ({asked})"


def number(figure: float | None) -> str:
    """A figure as people read it: three digits that count, or all before the point."""
    if figure is None:
        return "none"
    if figure == int(figure):
        return f"{figure:,.0f}"
    digits = next((digits for digits in range(6) if abs(figure) >= 100 / 10**digits), 6)
    return f"{figure:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share in percent."""
    return "none" if share is None else f"{share:.1%}"
