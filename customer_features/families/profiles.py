"""What the profile says: since when it is there, its traits and consents as they were, and what is true only now."""

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from customer_features.errors import ExtractionTimeError, FeatureError
from customer_features.families.family import Family, Feature, Known, as_number, at
from customer_features.sources import as_names, keys, snake
from customer_features.spans import DAY, Micros, Window, suffix, windows

TYPES = ("text", "number", "boolean")


@dataclass(frozen=True)
class Tenure(Family):
    """Days since the profile was created."""

    def features(self) -> tuple[Feature, ...]:
        return (Feature("tenure_days", "days from the profile's creation to the cutoff", "number"),)

    def table(self, known: Known) -> ir.Table:
        created = _created(known)
        return created.select("customer_id", tenure_days=as_number(known.cutoff - created.at) / float(DAY))

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        return _created(known)


@dataclass(frozen=True)
class Observed(Family):
    """Days of each window in which the profile was there: what is missing before is not zero."""

    windows: tuple[int, ...]

    def features(self) -> tuple[Feature, ...]:
        return tuple(
            Feature(
                f"observed_days_{suffix(window)}",
                f"days of the {window} before the cutoff in which the profile was there",
                "number",
            )
            for window in self.windows
        )  # fmt: skip

    def table(self, known: Known) -> ir.Table:
        created = _created(known)
        days = as_number(known.cutoff - created.at) / float(DAY)
        return created.select(
            "customer_id",
            **{
                feature.name: ibis.least(days, float(window))
                for feature, window in zip(self.features(), self.windows, strict=True)
            },
        )

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        return _created(known)


def _created(known: Known) -> ir.Table:
    micros = known.tables.functions.micros
    customers = known.tables["customers"]
    created = customers.select("customer_id", at=micros(customers.created_at), known=micros(customers.first_seen_at))
    return created.filter((created.at < known.cutoff) & (created.known <= known.cutoff))


@dataclass(frozen=True)
class Trait(Family):
    """A trait as it was set, and known, at the cutoff; NULL where it was not, or had been removed.

    Of changes at one instant that became known at one, the one counts whose JSON comes last by alphabet.
    """

    trait: str
    type: str

    def features(self) -> tuple[Feature, ...]:
        return (Feature(f"trait_{snake(self.trait)}", f"the trait {self.trait!r} as known at the cutoff", self.type),)

    def table(self, known: Known) -> ir.Table:
        return _newest(self.rows(known, self.features()[0]), self, known)

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        return _of_trait(known.changes("customer_trait_changes"), self.trait)


@dataclass(frozen=True)
class Current(Family):
    """A trait as it is now: true when the data were read, and at no cutoff before."""

    trait: str
    type: str

    def features(self) -> tuple[Feature, ...]:
        words = f"the trait {self.trait!r} as it was when the data were read"
        return (Feature(f"current_{snake(self.trait)}", words, self.type),)

    def check(self, cutoff: Micros, watermark: Micros | None) -> None:
        if watermark is None or cutoff < watermark:
            name = self.features()[0].name
            raise ExtractionTimeError(
                f"{name} is true only when the data were read, and the cutoff {at(cutoff)} is before that: it would "
                f"show the future. Use trait({self.trait!r}), which is as known at each cutoff, or a cutoff of now."
            )

    def table(self, known: Known) -> ir.Table:
        return _newest(self.rows(known, self.features()[0]), self, known)

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        micros = known.tables.functions.micros
        changes = known.tables["customer_trait_changes"]
        changes = changes.mutate(at=micros(changes.valid_from), known=micros(changes.observed_at))
        return _of_trait(changes, self.trait)


def _of_trait(changes: ir.Table, trait: str) -> ir.Table:
    return changes.filter(changes.trait == keys(trait)[0])


def _newest(mine: ir.Table, family: Trait | Current, known: Known) -> ir.Table:
    _, *inside = keys(family.trait)
    functions = known.tables.functions
    place = ibis.row_number().over(
        group_by=mine.customer_id,
        order_by=[ibis.desc(mine.at), ibis.desc(mine.known), ibis.desc(mine.value.cast("string"))],
    )
    newest = mine.mutate(place=place).filter(lambda t: t.place == 0)
    value = functions.text(newest.value, *inside) if inside else functions.whole_text(newest.value)
    typed = {
        "text": lambda: value,
        "number": lambda: as_number(functions.number(value)),
        "boolean": lambda: ibis.cases((value == "true", True), (value == "false", False), else_=ibis.null("boolean")),
    }
    return newest.select("customer_id", **{family.features()[0].name: typed[family.type]()})


@dataclass(frozen=True)
class Consent(Family):
    """Whether a customer takes messages on each channel, as known at the cutoff, and since how many days unchanged.

    Told both at one instant, and known at one, the customer does.
    """

    channels: tuple[str, ...]

    def features(self) -> tuple[Feature, ...]:
        return tuple(
            feature
            for channel in self.channels
            for feature in (
                Feature(f"consent_{snake(channel)}", f"whether {channel!r} was subscribed to at the cutoff", "boolean"),
                Feature(
                    f"consent_{snake(channel)}_days", f"days since the consent for {channel!r} last changed", "number"
                ),
            )
        )

    def table(self, known: Known) -> ir.Table:
        changes = known.changes("customer_consents")
        changes = changes.filter(changes.channel.isin(self.channels))
        of = [changes.customer_id, changes.channel]
        order = [changes.at, changes.known, ibis.asc(changes.subscribed, nulls_first=True)]
        # what only repeats the one before, of those that were known, is no change
        first = ibis.row_number().over(group_by=of, order_by=order) == 0
        before = changes.subscribed.lag().over(group_by=of, order_by=order)
        changes = changes.mutate(first=first, before=before)
        changes = changes.filter(changes.first | ~changes.subscribed.identical_to(changes.before))
        place = ibis.row_number().over(
            group_by=[changes.customer_id, changes.channel],
            order_by=[ibis.desc(changes.at), ibis.desc(changes.known), ibis.desc(changes.subscribed)],
        )
        newest = changes.mutate(place=place).filter(lambda t: t.place == 0)
        columns = {}
        for channel in self.channels:
            mine, name = newest.channel == channel, f"consent_{snake(channel)}"
            subscribed = newest.subscribed.cast("int64").max(where=mine)
            columns[name] = subscribed == 1
            columns[f"{name}_days"] = as_number(known.cutoff - newest["at"].max(where=mine)) / float(DAY)
        return newest.group_by("customer_id").aggregate(**columns)

    def rows(self, known: Known, feature: Feature) -> ir.Table:
        changes = known.changes("customer_consents")
        mine = [one for one in self.channels if feature.name in (f"consent_{snake(one)}", f"consent_{snake(one)}_days")]
        return changes.filter(changes.channel.isin(mine))


def tenure() -> Tenure:
    """Days since the profile was created: `tenure_days`."""
    return Tenure()


def observed(within: Iterable[Window] = (28, 91, 365)) -> Observed:
    """Days of each window in which the profile was there, such as `observed_days_91d`.

    Raises:
        FeatureError: a window is a lifetime, which is `tenure()`.
    """
    chosen = windows(within, "observed")
    if not all(isinstance(window, int) for window in chosen):
        raise FeatureError("observed: windows are whole days; the whole lifetime is tenure().")
    return Observed(tuple(window for window in chosen if isinstance(window, int)))


def trait(name: str, type: str = "text") -> Trait:
    """A trait as known at the cutoff, such as `trait_plan`; a path reaches inside an object, as in `address.city`.

    Raises:
        FeatureError: the type is none of text, number, boolean.
    """
    return Trait(name, _type(name, type))


def current(name: str, type: str = "text") -> Current:
    """A trait as it is now, such as `current_last_activity_time`: only at a cutoff of now.

    Raises:
        FeatureError: the type is none of text, number, boolean.
    """
    return Current(name, _type(name, type))


def consent(channels: str | Iterable[str] = ("email", "sms")) -> Consent:
    """Consent for each channel as known at the cutoff, such as `consent_email` and `consent_email_days`.

    Raises:
        FeatureError: no channel is given.
    """
    chosen = as_names(channels)
    if not chosen:
        raise FeatureError("consent: name at least one channel, as in consent(['email']).")
    return Consent(chosen)


def _type(name: str, type: str) -> str:
    keys(name)
    if type not in TYPES:
        raise FeatureError(f"trait({name!r}): {type!r} is no type of a trait; {', '.join(TYPES)} are.")
    return type
