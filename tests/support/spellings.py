"""How a text of JSON may show an e-mail address."""

import json
from urllib.parse import quote


def spellings(address: str) -> list[str]:
    """An address as a text of JSON may show it."""
    plain = json.dumps(address, ensure_ascii=False)[1:-1]
    units = address.encode("utf-16-be")
    every = "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
    nested = json.dumps(json.dumps({"a": address}))[1:-1]
    percent = "".join(f"%{byte:02x}" for byte in address.encode())
    return [plain, every, every.replace("\\", "\\\\"), nested, quote(address, safe=""), percent,
            plain.replace("/", "\\/")]  # fmt: skip
