"""People who have been erased: the table `forgotten` has an HMAC of each of their identifiers, and nothing else.

So what a load reads of them again is dropped in memory, before a row goes anywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source import addresses, event_rows
from intilery_source.protection import keyed
from intilery_source.tables import FORGOTTEN

Kind = Literal["id", "userId", "email", "anonymousId"]
KINDS: Mapping[str, tuple[Kind, ...]] = {
    "id": ("id",),
    "profile_id": ("id",),
    "customer_id": ("id",),
    "user_id": ("userId", "email"),
    "external_id": ("userId", "email"),
    "email": ("email",),
}
"""What the identifiers in a column may be; what one uses for a customer is often an e-mail address."""
_KEYS: Mapping[str, tuple[Kind, ...]] = {
    "customerId": ("id",),
    "userId": ("userId", "email"),
    "externalId": ("userId", "email"),
}
"""The same for the keys of `extra` and of what it keeps of `rawData`."""
FORGOTTEN_ADDRESS = "[forgotten]"
"""What stands for an erased person's e-mail address in other people's events."""


def person_hmac(key: str, kind: Kind, value: str) -> str:
    """What `forgotten` keeps of an identifier; e-mail addresses are compared without case."""
    return keyed(key, f"{kind}:{value.strip().lower() if kind == 'email' else value}")


class Forgotten:
    """The erased people's identifiers; false where there are none."""

    def __init__(self, hmacs: Iterable[str] = (), key: str | None = None) -> None:
        """`key` is what they were hashed with.

        Raises:
            ConfigurationError: there are some, and no key.
        """
        self._hmacs = frozenset(hmacs)
        if self._hmacs and key is None:
            raise ConfigurationError(
                "People have been erased from this dataset (table forgotten), and without pii_key nothing would keep "
                "them from coming back: put the key that intilery forget was run with into .dlt/secrets.toml, section "
                "[sources.intilery], as pii_key, or into the environment as SOURCES__INTILERY__PII_KEY."
            )
        self._key = key or ""
        self.has: Callable[[Kind, str], bool] = lru_cache(maxsize=100_000)(self._has)

    def __bool__(self) -> bool:
        return bool(self._hmacs)

    def _has(self, kind: Kind, value: str) -> bool:
        return person_hmac(self._key, kind, value) in self._hmacs

    def is_profile(self, document: Mapping[str, Any]) -> bool:
        """Whether a profile as the API shows it is an erased person's."""
        return self._names({"id": ("id",), "email": ("email",), **_KEYS}, document)

    def blanked(self, value: Any) -> Any:
        """A value of JSON in which no erased person's e-mail address stands."""
        if isinstance(value, dict):
            return {self.blanked(key): self.blanked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.blanked(inner) for inner in value]
        return self._blanked(value) if isinstance(value, str) else value

    def is_event(self, row: Mapping[str, Any]) -> bool:
        """Whether an event's row is an erased person's.

        It is if an identifier is; where no customer is named, also if the device or an e-mail address in it is.
        """
        extra = _members(row.get("extra"))
        data = extra["rawData"] if isinstance(extra.get("rawData"), dict) else {}
        if self._names(KINDS, row) or self._names(_KEYS, extra) or self._names(_KEYS, data):
            return True
        if row.get("customer_id"):  # what somebody else did on their device, or wrote to their address
            return False
        devices = (row.get("anonymous_id"), extra.get("anonymousId"), data.get("anonymousId"))
        if any(self.has("anonymousId", device) for device in devices if isinstance(device, str)):
            return True
        return any(self._shows(row.get(name)) for name in event_rows.JSON_COLUMNS)

    def without(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of `events` or `profile_events` without the erased people's; in others' what names them is blanked."""
        if not self._hmacs or not rows.num_rows:
            return rows
        read = [name for name in rows.schema.names if name in (*KINDS, "anonymous_id", *event_rows.JSON_COLUMNS)]
        listed = rows.select(read).to_pylist()
        kept = pa.array([not self.is_event(row) for row in listed], pa.bool_())
        touched = [name for name in event_rows.JSON_COLUMNS if any(self._shows(row[name]) for row in listed)]
        columns = {name: [self._blanked_json(row[name]) for row in listed] for name in touched}
        devices = [row["anonymous_id"] for row in listed]
        if any(device and self.has("anonymousId", device) for device in devices):
            columns["anonymous_id"] = [
                None if device and self.has("anonymousId", device) else device for device in devices
            ]
        for name, values in columns.items():
            index = rows.schema.get_field_index(name)
            field = rows.schema.field(index)
            rows = rows.set_column(index, field, pa.array(values, field.type))
        return rows if pc.all(kept).as_py() else rows.filter(kept)

    def _names(self, keys: Mapping[str, tuple[Kind, ...]], values: Mapping[str, Any]) -> bool:
        """Whether one of the identifiers among some values is an erased person's."""
        found = [(kind, values.get(key)) for key, kinds in keys.items() for kind in kinds]
        return any(self.has(kind, value) for kind, value in found if isinstance(value, str) and value)

    def _shows(self, text: str | None) -> bool:
        return bool(text) and any(map(self._is_address, addresses.meant(_unescaped(text or ""))))

    def _blanked_json(self, text: str | None) -> str | None:
        return None if text is None else self._blanked(_unescaped(text)) if self._shows(text) else text

    def _blanked(self, text: str) -> str:
        return addresses.blanked(text, self._is_address, FORGOTTEN_ADDRESS)

    def _is_address(self, address: str) -> bool:
        return self.has("email", address)


def forgotten_people(schema_name: str, key: str | None, pipeline: Pipeline | None = None) -> Forgotten:
    """Who is in the table `forgotten` of a pipeline's dataset, by default of the one that runs now.

    Raises:
        ConfigurationError: there is somebody, and no key.
    """
    if pipeline is None:
        context = Container()[PipelineContext]
        active = context.pipeline() if context.is_active() else None
        if not isinstance(active, Pipeline):
            return Forgotten()
        pipeline = active
    if schema_name not in pipeline.schemas or FORGOTTEN.name not in pipeline.schemas[schema_name].tables:
        return Forgotten()
    rows = pipeline.dataset(schema=schema_name)[FORGOTTEN.name].select("person_hmac").fetchall()
    return Forgotten((str(digest) for (digest,) in rows), key)


def _members(text: str | None) -> dict[str, Any]:
    """The members of `extra`, and of the event that it may hold whole."""
    if not text or ('Id"' not in text and "\\u" not in text):
        return {}
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    whole = found.get(event_rows.WHOLE)
    return found | whole if isinstance(whole, dict) else found


def _unescaped(text: str) -> str:
    r"""JSON in which no address hides behind an escape such as `\\u0040`."""
    if "\\u" not in text:
        return text
    try:
        return msgspec.json.encode(msgspec.json.decode(text)).decode()
    except (ValueError, RecursionError):
        return text
