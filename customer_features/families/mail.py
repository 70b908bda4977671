"""What became of the messages sent to customers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import ibis
import ibis.expr.types as ir

from customer_features.canonical import EVENT_NAME
from customer_features.families.family import Family, Feature, Known, Need, as_number, number_of, ratio, since
from customer_features.sources import MAIL, Events
from customer_features.spans import DAY, Window, in_words, suffix, windows

_KINDS = dict(zip(("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed"), MAIL, strict=True))
_WHAT = Events(MAIL, name="mail")


@dataclass(frozen=True)
class Mail(Family):
    """Messages by what became of them, clicks per delivered one, and what was sent since the last click.

    Clicks come before opens: a machine that checks messages opens them all.
    """

    windows: tuple[Window, ...]
    events: tuple[str, ...] = field(default=MAIL, init=False)

    def needs(self) -> tuple[Need, ...]:
        return (Need(_WHAT, (EVENT_NAME,)),)

    def features(self) -> tuple[Feature, ...]:
        found = []
        for window in self.windows:
            found += [
                Feature(
                    f"email_{kind}_{suffix(window)}",
                    f"number of {name!r} {in_words(window)}",
                    "integer",
                    _WHAT,
                    window,
                    0,
                )
                for kind, name in _KINDS.items()
            ]
            words = f"clicks per delivered message {in_words(window)}"
            found.append(Feature(f"email_click_rate_{suffix(window)}", words, "number", _WHAT, window))
        words = "number of messages sent since the last click, or ever without one"
        found.append(Feature("email_sent_since_click", words, "integer", _WHAT, fill=0))
        found.append(Feature("email_click_recency_days", "days from the last click to the cutoff", "number", _WHAT))
        return tuple(found)

    def table(self, known: Known) -> ir.Table:
        seen = _told(known)
        columns: dict[str, ir.Value] = {}
        for window in self.windows:
            tail = suffix(window)
            number = {
                kind: number_of((seen.kind == name) & since(seen, known, window)) for kind, name in _KINDS.items()
            }
            columns |= {f"email_{kind}_{tail}": value for kind, value in number.items()}
            columns[f"email_click_rate_{tail}"] = ratio(number["clicked"], number["delivered"])
        columns["email_sent_since_click"] = number_of(_sent_since_click(seen))
        days = as_number(ibis.literal(known.cutoff, "int64") - seen.clicked.max()) / float(DAY)
        columns["email_click_recency_days"] = days
        return seen.group_by("customer_id").aggregate(**columns)

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        seen = _told(known)
        if feature.name == "email_sent_since_click":
            used = _sent_since_click(seen)
        else:
            name = feature.name.removeprefix("email_")
            kinds = ("clicked", "delivered") if name.startswith("click_rate") else (name.partition("_")[0],)
            kinds = ("clicked",) if name == "click_recency_days" else kinds
            used = seen.kind.isin([_KINDS[kind] for kind in kinds]) & since(seen, known, feature.window)
        return seen.filter(used).drop("clicked", "kind")


def _told(known: Known) -> ir.Table:
    """What became of messages, with its `kind`, and the instant of the customer's last click in `clicked`."""
    seen = known.visible(_WHAT).mutate(kind=lambda t: known.text(t, EVENT_NAME))
    clicked = seen.at.max(where=seen.kind == _KINDS["clicked"]).over(group_by=seen.customer_id)
    return seen.mutate(clicked=clicked)


def _sent_since_click(seen: ir.Table) -> Any:
    return (seen.kind == _KINDS["sent"]) & (seen.clicked.isnull() | (seen.at > seen.clicked))


def email(within: Iterable[Window] = (28, 91, 365)) -> Mail:
    """Messages sent, delivered, opened, clicked, bounced, unsubscribed in each window, such as `email_clicked_28d`."""
    return Mail(windows(within, "email"))
