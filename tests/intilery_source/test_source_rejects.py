"""Records that could not be read: their shape is kept, and nothing that stands in them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intilery_source import RunReport, event_rows, profile_rows
from intilery_source.rejects import Rejects

VALUES = st.text(st.characters(categories=("L", "Nd")), min_size=1).map(lambda text: f"§{text}§") | st.integers(10**9)
RECORDS = st.dictionaries(
    st.sampled_from(["eventId", "eventTime", "id", "rawData", "properties", "email"]),
    st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    ),
)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for inner in (value.values() if isinstance(value, dict) else value) for leaf in leaves(inner)]
    return [value]


@settings(max_examples=40)
@given(RECORDS | st.lists(RECORDS, max_size=2) | VALUES)
def test_no_leaf_of_a_record_is_in_its_row(record):
    report = RunReport()
    rejects = Rejects(report, "events")
    raw = json.dumps(record).encode()
    for read in (lambda: event_rows.read(raw, 0, of_profiles=True), lambda: profile_rows.read_listed(msgspec.Raw(raw))):
        try:
            read()
        except ValueError as error:
            rejects.add(raw, str(error))
    for row in rejects.take():
        shown = json.dumps([row["reason"], row["excerpt"], row["table_name"]], ensure_ascii=False)
        for leaf in leaves(record):
            assert str(leaf) not in shown


def test_a_row_says_what_where_when_and_why():
    report = RunReport()
    rejects = Rejects(report, "events")
    raw = b'{"eventId": 7, "rawData": {"event": "alice", "properties": {"a": 1}}, "ok": true, "none": null}'
    rejects.add(raw, "eventId is missing or no text")
    (row,) = rejects.take()
    assert datetime.now(UTC) - row.pop("rejected_at") < timedelta(seconds=5)
    assert row == {
        "run_id": report.run_id,
        "record_hash": hashlib.sha256(raw).hexdigest(),
        "table_name": "events",
        "reason": "eventId is missing or no text",
        "excerpt": {
            "eventId": "number",
            "rawData": {"event": "string of 5", "properties": "object of 1"},
            "ok": "boolean",
            "none": "null",
        },
    }


def test_a_record_is_kept_and_counted_once():
    report = RunReport()
    rejects = Rejects(report, "events")
    for raw in (b"{}", msgspec.Raw(b"{}"), b"[]", b"{}"):
        rejects.add(raw, "not a JSON object")
    assert report.rejected == 2
    assert len(rejects.take()) == 2
    rejects.add(b"{}", "not a JSON object")
    assert rejects.take() == []
    assert report.rejected == 2


@pytest.mark.parametrize("raw", [b"alice", b'{"alice": ', b'{"a": "\xff alice"}', b'{"a": 1e999}', b"[" * 9999])
def test_bytes_that_cannot_be_read_are_only_counted(raw):
    rejects = Rejects(RunReport(), "events")
    rejects.add(raw, "not a JSON object")
    (row,) = rejects.take()
    assert row["excerpt"] == f"{len(raw)} bytes that are not JSON"
