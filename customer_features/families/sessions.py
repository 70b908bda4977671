"""Sessions: stretches of activity without a pause of half an hour."""

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from customer_features.errors import FeatureError
from customer_features.families.family import Feature, Known, OfSource, number_of, ratio, since
from customer_features.sources import ACTIVITY, Source
from customer_features.spans import DAY, MINUTE, Window, in_words, span, suffix, windows


@dataclass(frozen=True)
class Sessions(OfSource):
    """Sessions that began in each window: their number, mean length in minutes and mean number of events.

    An event begins a session when nothing happened in the `pause` before it. What lies beyond the cutoff belongs to
    none.
    """

    windows: tuple[int, ...]
    pause: str

    def features(self) -> tuple[Feature, ...]:
        found = []
        for window in self.windows:
            words = f"sessions of {self.source.words()}, {self.pause} apart, that began {in_words(window)}"
            name = f"sessions_{suffix(window)}"
            found += [
                Feature(name, f"number of {words}", "integer", self.source, window, 0),
                Feature(f"{name}_mean_minutes", f"mean length in minutes of {words}", "number", self.source, window),
                Feature(f"{name}_mean_depth", f"mean number of events in {words}", "number", self.source, window),
            ]
        return tuple(found)

    def table(self, known: Known) -> ir.Table:
        numbered = self._numbered(known).select("customer_id", "at", "session")
        each = numbered.group_by("customer_id", "session").aggregate(
            at=numbered.at.min(), length=numbered.at.max() - numbered.at.min(), depth=numbered.count()
        )
        columns: dict[str, ir.Value] = {}
        for window in self.windows:
            within, name = since(each, known, window), f"sessions_{suffix(window)}"
            number = number_of(within)
            columns |= {
                name: number,
                f"{name}_mean_minutes": ratio(each["length"].sum(where=within), number) / float(MINUTE),
                f"{name}_mean_depth": ratio(each.depth.sum(where=within), number),
            }
        return each.group_by("customer_id").aggregate(**columns)

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        numbered = self._numbered(known)
        began = numbered["at"].min().over(group_by=[numbered.customer_id, numbered.session])
        with_start = numbered.mutate(began=began)
        return with_start.filter(with_start.began >= known.ago(feature.window)).drop("begins", "began")

    def _numbered(self, known: Known) -> ir.Table:
        """Facts with the number of their `session`; those that began before the longest window may not be whole."""
        pause = span(self.pause)
        seen = known.visible(self.source)
        # whether an event begins a session shows in the pause before it: nothing older is needed
        seen = seen.filter(seen.at >= known.cutoff - max(self.windows) * DAY - pause)
        before = seen.at.lag().over(group_by=seen.customer_id, order_by=[seen.at, seen.event_id])
        marked = seen.mutate(begins=(before.isnull() | (seen.at - before > pause)).cast("int64"))
        return marked.mutate(
            session=marked.begins.sum().over(
                ibis.window(group_by=marked.customer_id, order_by=[marked.at, marked.event_id], preceding=(None, 0))
            )
        )


def sessions(within: Iterable[Window] = (7, 28, 91), *, source: Source = ACTIVITY, pause: str = "30min") -> Sessions:
    """Sessions in each window, such as `sessions_28d`, with their mean minutes and depth.

    Raises:
        FeatureError: a window is a lifetime, or the pause is no span.
    """
    span(pause)
    chosen = tuple(window for window in windows(within, "sessions") if isinstance(window, int))
    if len(chosen) != len(windows(within, "sessions")):
        raise FeatureError("sessions: sessions are counted in windows of days, not over a lifetime.")
    return Sessions(source, chosen, pause)
