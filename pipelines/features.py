"""The jobs `intilery features build`, `prove` and `explain`: a set of features over the canonical tables."""

import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from customer_features import NOW, Dataset, FeatureError, FeatureSet, Inactivity, build, monthly
from pipelines.event_names import check_event
from pipelines.recipe import EVENT, VALUE, Recipe

_FEATURES, _LABEL = "features", "label"


@dataclass(frozen=True, slots=True)
class FeaturesRequest:
    """Which features, of which DuckDB file, at which cutoffs.

    `definition` is a Python file with `features`, a `FeatureSet`, and perhaps `label`; without one it is the recipe's,
    and what is None was not given. Without a horizon or a label in the file there are no labels.
    """

    database: Path
    cutoffs: tuple[str, ...]
    definition: Path | None
    event: str | None
    value: str | None
    horizon: str | None
    gap: str | None
    at_risk: str | None
    traits: tuple[str, ...]


def dataset(request: FeaturesRequest) -> Dataset:
    """Compute what was asked for.

    Raises:
        FeatureError: a definition, option, event, cutoff or table is wrong or missing.
    """
    chosen = cutoffs(request.cutoffs)
    if request.definition is not None:
        _must_be_alone(request)
        features, label = _defined(request.definition)
    else:
        recipe = _recipe(request)
        features, label = recipe.features, recipe.label if request.horizon is not None else None
        check_event(request.database, recipe.event, request.value)
    return build(features, label, cutoffs=chosen, on=request.database)


def cutoffs(given: Sequence[str]) -> list[str | datetime]:
    """Instants, `now`, and ranges of months such as `2025-01..2026-06`; `now` if nothing is given."""
    found: list[str | datetime] = []
    for text in given or [NOW]:
        first, between, last = text.partition("..")
        found += monthly(first, last) if between else [text]
    return found


def one_cutoff(given: str) -> str:
    """A cutoff that is no range of several.

    Raises:
        FeatureError: it is one.
    """
    found = cutoffs([given])
    if len(found) > 1:
        raise FeatureError(f"--cutoff {given} is {len(found)} cutoffs, and only one is taken here: name one of them.")
    return given


def _must_be_alone(request: FeaturesRequest) -> None:
    """Raises FeatureError if options were given that a definition leaves nothing to say."""
    options = {
        "--event": request.event,
        "--value": request.value,
        "--horizon": request.horizon,
        "--gap": request.gap,
        "--at-risk": request.at_risk,
        "--trait": request.traits or None,
    }
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise FeatureError(
            f"{', '.join(given)}: with --definition the file says all that, so write it into {request.definition}."
        )


def _recipe(request: FeaturesRequest) -> Recipe:
    if request.horizon is None and (request.gap, request.at_risk) != (None, None):
        raise FeatureError("--gap and --at-risk are of labels, and there are none without --horizon: name that, too.")
    return Recipe(
        EVENT if request.event is None else request.event,
        VALUE if request.value is None else request.value,
        "1d" if request.horizon is None else request.horizon,
        "0d" if request.gap is None else request.gap,
        request.at_risk,
        request.traits,
    )


def _defined(definition: Path) -> tuple[FeatureSet, Inactivity | None]:
    if not definition.is_file():
        raise FeatureError(f"There is no file {definition}: write one that defines {_FEATURES} = FeatureSet(...).")
    try:
        found = runpy.run_path(str(definition))
    except FeatureError:
        raise
    except SystemExit:
        raise FeatureError(f"{definition} ends the program, as sys.exit() does: it may only define.") from None
    except Exception as error:
        raise FeatureError(f"{definition} cannot be run: {type(error).__name__}: {error}") from error
    features, label = found.get(_FEATURES), found.get(_LABEL)
    if not isinstance(features, FeatureSet) or not isinstance(label, Inactivity | None):
        raise FeatureError(
            f"{definition} must define {_FEATURES} = FeatureSet(...); it may define {_LABEL} = Inactivity(...)."
        )
    return features, label
