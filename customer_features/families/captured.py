"""What a function's value depends on beside its arguments: its code, and the plain data that it refers to."""

import inspect
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from types import CodeType, FunctionType
from typing import Any

from customer_features.sources import Events, OrderItems

_PLAIN = (bool, int, float, str, bytes, date, timedelta, Decimal, Events, OrderItems, type(None))


def captured(function: FunctionType) -> list[str]:
    """The code of a function, and of those of its module that it calls, with the values that they refer to.

    Values are defaults, and the variables outside that are plain data: numbers, text, instants, `Events`, and tuples,
    lists, sets and dicts of them. Others, such as tables, are not there.
    """
    return [line for each in _reached(function) for line in _lines(each)]


def _reached(function: FunctionType) -> list[FunctionType]:
    """The function, and those of its module that it calls by name."""
    found = [function]
    for each in found:
        for _, value in _outside(each):
            ours = isinstance(value, FunctionType) and value.__module__ == function.__module__
            if ours and not any(value is one for one in found):
                found.append(value)
    return found


def _lines(function: FunctionType) -> Iterator[str]:
    yield _source(function)
    defaults = [function.__defaults__, function.__kwdefaults__]
    for name, value in [*_outside(function), ("defaults", defaults)]:
        if _is_plain(value):
            yield f"{name} = {_shown(value)}"


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return function.__qualname__


def _outside(function: FunctionType) -> list[tuple[str, Any]]:
    """The variables that a function takes from around it, by name."""
    names = set(_names(function.__code__)) & function.__globals__.keys()
    around = dict(inspect.getclosurevars(function).nonlocals)
    return sorted(({name: function.__globals__[name] for name in names} | around).items(), key=lambda each: each[0])


def _names(code: CodeType) -> Iterator[str]:
    """The names of a function and of those inside it, of which `inspect.getclosurevars` knows nothing."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(held) for key, held in value.items())
    return isinstance(value, _PLAIN)


def _shown(value: Any) -> str:
    """Plain data as text, with sets in an order that is the same in each process."""
    if isinstance(value, set | frozenset):
        return f"set({sorted(map(_shown, value))})"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_shown(key)}: {_shown(held)}' for key, held in value.items())}}}"
    return repr(value)
