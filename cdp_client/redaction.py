"""Words about data that give nothing of it away."""

import re
from typing import Any

_EMAIL = re.compile(r"[^\s@\"'<>:=,;(){}\[\]]+(?:@|%40)[^\s@\"'<>,;(){}\[\]]+\.[^\s@\"'<>,;(){}\[\]]+")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_URL = re.compile(r"\b(https?://)(?:[^\s/?#@\"']*@)?([^\s/?#@\"']+)[^\s\"']*")
_MAX_KEYS = 40


def shape_of(value: Any, depth: int = 2) -> Any:
    """A JSON value with every leaf replaced by the name of its type; keys stay, below `depth` levels nothing does."""
    if isinstance(value, dict):
        if depth == 0:
            return f"object of {len(value)}"
        return {redact(str(key))[:60]: shape_of(value[key], depth - 1) for key in list(value)[:_MAX_KEYS]}
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, str):
        return f"string of {len(value)}"
    if value is None:
        return "null"
    return "boolean" if isinstance(value, bool) else "number"


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Somebody else's message without the secrets named, e-mail addresses, UUIDs, and all of an URL but its host."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    text = _URL.sub(r"\1\2/[path]", text)
    text = _EMAIL.sub("[e-mail]", text)
    return _UUID.sub("[id]", text)
