"""Values that no feature can miss: documents and single values to inject beside those that are there."""

import json
import random
from collections import Counter
from typing import Any

import pyarrow as pa

from customer_features.canonical import EVENT_NAME
from customer_features.compiled import Rows
from customer_features.computing import needs
from customer_features.families.profiles import Consent, Current, Trait
from customer_features.feature_set import FeatureSet
from customer_features.labels import Label
from customer_features.sources import Condition, Events, keys

EXTREMES = (987_654_321.25, -123_456_789.5)
"""Of different size, so that they do not cancel in a sum."""
WORD = "~proof"
_NAMES, _DOCUMENTS, _TRAITS = 30, 60, 30


def event_documents(
    rows: Rows, features: FeatureSet, label: Label | None, chance: random.Random
) -> dict[str, list[str | None]]:
    """For each event's name that is there or asked for, properties as JSON to inject.

    They are some that are there, those with their values made extreme, and what the features' conditions ask for.
    """
    events = rows["customer_events"]
    found: dict[str, list[Any]] = {}
    for name, text in zip(events["event_name"].to_pylist(), events["properties"].to_pylist(), strict=True):
        if name is not None:
            found.setdefault(name, []).append(text)
    common = Counter({name: len(texts) for name, texts in found.items()}).most_common(_NAMES)
    sources = [(source, texts) for source, texts in needs(features, label).items() if isinstance(source, Events)]
    asked = {name for source in needs(features, label) for name in source.names()}
    documents = {}
    for name in sorted({name for name, _ in common} | asked | {WORD}):
        there = sorted(set(found.get(name, [])) - {None})
        there = chance.sample(there, min(_DOCUMENTS, len(there)))
        shape: dict[str, Any] = {}
        for text in there:
            document = json.loads(text)
            shape |= document if isinstance(document, dict) else {}
        made = [_extreme(shape, extreme) for extreme in EXTREMES]
        for source, texts in sources:
            if (source.event is None or name in source.names()) and name not in source.excluding:
                made += [_asked(source, texts, _extreme(shape, extreme), extreme) for extreme in EXTREMES]
        as_text = [json.dumps(document, ensure_ascii=False) for document in made]
        documents[name] = list(dict.fromkeys([*as_text, *there[:2]]))
    return documents


def _extreme(value: Any, extreme: float) -> Any:
    if isinstance(value, dict):
        return {key: _extreme(held, extreme) for key, held in value.items()}
    if isinstance(value, bool):
        return extreme > 0
    if isinstance(value, int | float):
        return extreme
    if isinstance(value, list):
        return value
    try:
        float(value)
    except (TypeError, ValueError):
        return WORD
    return str(extreme)


def _asked(source: Events, texts: tuple[str, ...], document: dict[str, Any], extreme: float) -> dict[str, Any]:
    for property in texts:
        if property != EVENT_NAME:
            _put(document, property, WORD)
    if source.value is not None:
        _put(document, source.value, extreme)
    for condition in source.where:
        _put(document, condition.property, _fulfils(condition))
    return document


def _put(document: dict[str, Any], property: str, value: Any) -> None:
    *path, last = keys(property)
    for key in path:
        if not isinstance(document.get(key), dict):
            document[key] = {}
        document = document[key]
    document[last] = value


def _fulfils(condition: Condition) -> Any:
    value, comparison = condition.value, condition.comparison
    if isinstance(value, tuple):
        return value[0] if value else WORD
    # so much that a double shows it
    step = 1 if isinstance(value, str) else max(1, abs(value) // 2**50)
    if comparison == "!=":
        return WORD if isinstance(value, str) else not value if isinstance(value, bool) else value + step
    if comparison in ("<", ">") and not isinstance(value, bool):
        if isinstance(value, str):
            return "" if comparison == "<" else f"{value}~"
        return value - step if comparison == "<" else value + step
    return value


def trait_values(rows: Rows, features: FeatureSet, chance: random.Random) -> dict[str, list[str | None]]:
    """For each trait that is there or asked for, values as JSON to inject; None removes the trait."""
    changes = rows["customer_trait_changes"]
    found: dict[str, set[Any]] = {}
    for trait, value in zip(changes["trait"].to_pylist(), changes["value"].to_pylist(), strict=True):
        found.setdefault(trait, set()).add(value)
    asked = [family.trait for family in features.families if isinstance(family, Trait | Current)]
    values = {}
    for trait in sorted({*sorted(found)[:_TRAITS], *(keys(path)[0] for path in asked)}):
        there = sorted(found.get(trait, set()) - {None})
        there = chance.sample(there, min(3, len(there)))
        made = [json.dumps(value) for value in (WORD, *EXTREMES, True, False)]
        made += [json.dumps(_extreme(json.loads(value), EXTREMES[0])) for value in there]
        for path in asked:
            if keys(path)[0] == trait and len(keys(path)) > 1:
                for value in (WORD, EXTREMES[0]):
                    document: dict[str, Any] = {}
                    _put(document, path, value)
                    made.append(json.dumps(document[trait]))
        values[trait] = [*dict.fromkeys([*made, *there]), None]
    return values


def channels(rows: Rows, features: FeatureSet) -> list[str]:
    """The channels of consents that are there or asked for."""
    there = set(rows["customer_consents"]["channel"].to_pylist()) - {None}
    return sorted(
        there.union(*(family.channels for family in features.families if isinstance(family, Consent)), {WORD})
    )


def lines(rows: Rows, chance: random.Random) -> list[dict[str, Any]]:
    """Lines of orders to inject: some that are there, and an extreme one."""
    columns = ["sku", "name", "category", "quantity", "price"]
    items = rows["customer_order_items"]
    items = items.select([column for column in columns if column in items.column_names])
    there = items.take(pa.array(chance.sample(range(items.num_rows), min(4, items.num_rows)), pa.int64())).to_pylist()
    extreme = {"sku": WORD, "name": WORD, "category": WORD, "quantity": 1000.0, "price": 98765.5}
    return [extreme, *there, extreme | {"category": there[0]["category"] if there else None, "price": -9876.5}]
