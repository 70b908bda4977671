"""Words about data that give nothing of it away."""

import re
from typing import Any

_EMAIL = re.compile(r"[^\s@\"'<>:=,;(){}\[\]]+@[^\s@\"'<>,;(){}\[\]]+\.[^\s@\"'<>,;(){}\[\]]+")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_URL = re.compile(r"\b(https?://[^\s/\"']+)[^\s\"']*")
_MAX_KEYS = 40


def shape_of(value: Any, depth: int = 2) -> Any:
    """A JSON value with every leaf replaced by the name of its type; keys stay, below `depth` levels nothing does."""
    if isinstance(value, dict):
        if depth == 0:
            return f"object of {len(value)}"
        return {str(key)[:60]: shape_of(value[key], depth - 1) for key in list(value)[:_MAX_KEYS]}
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, str):
        return f"string of {len(value)}"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return "number"


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Somebody else's message without the secrets named, e-mail addresses, UUIDs and paths of URLs."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    text = _URL.sub(r"\1/[path]", text)
    text = _EMAIL.sub("[e-mail]", text)
    return _UUID.sub("[id]", text)
