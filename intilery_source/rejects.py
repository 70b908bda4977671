"""Records that could not be read: kept as rows of `rejected_records`, so that one of them does not cost the rest."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from cdp_client.redaction import shape_of
from intilery_source.report import RunReport


class Rejects:
    """Collects the rows of `rejected_records` of one resource; the same record is kept once a run."""

    def __init__(self, report: RunReport, table: str) -> None:
        self._report = report
        self._table = table
        self._seen: set[str] = set()
        self._rows: list[dict[str, Any]] = []

    def add(self, raw: bytes | msgspec.Raw, reason: str) -> None:
        """Reject a record for a `reason` that quotes nothing of it."""
        digest = hashlib.sha256(raw).hexdigest()
        if digest in self._seen:
            return
        self._seen.add(digest)
        try:
            excerpt = shape_of(msgspec.json.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            excerpt = f"{len(bytes(raw))} bytes that are not JSON"
        self._report.count_rejected(self._table, 1)
        self._rows.append(
            {
                "run_id": self._report.run_id,
                "record_hash": digest,
                "table_name": self._table,
                "reason": reason,
                "excerpt": excerpt,
                "rejected_at": datetime.now(UTC),
            }
        )

    def take(self) -> list[dict[str, Any]]:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return rows
