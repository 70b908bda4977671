"""Which parts of a profile get columns, and which stay JSON."""

from datetime import UTC, datetime
from typing import Any

import dlt
import duckdb
from hypothesis import given
from hypothesis import strategies as st

from intilery_source import RunReport
from intilery_source.column_names import name_columns
from intilery_source.lossless import KEPT
from intilery_source.profile_columns import ProfileColumns
from intilery_source.tables import PROFILE_TRAITS, UPSERT_CHANGED

TABLE = "profile_traits"
KEYS = st.sampled_from(["a", "b", "c", "d", "aB", "a_b", "A B", "größe", "v_text", "value"])
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.none() | st.integers(0, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
        max_leaves=12,
    ),
    max_size=6,
)


def fresh(max_columns: int = 300) -> tuple[ProfileColumns, RunReport]:
    report = RunReport()
    return ProfileColumns(max_columns, report), report


def found_in(row: dict[str, Any], path: list[Any]) -> Any:
    value: Any = row
    for step in path:
        value = value[step]
    return value


def columns_used(row: dict[str, Any], kept: list[list[Any]], way: tuple[Any, ...] = ()) -> set[str]:
    """The names of a table's columns and child tables that a row needs."""
    used: set[str] = set()
    for name, value in row.items():
        here = (*way, name)
        if name in ("id", "kept_as_json", KEPT) or value is None or value == {}:
            continue
        if isinstance(value, dict) and list(here) not in kept:
            used |= {f"{name}__{inner}" for inner in columns_used(value, kept, here)}
        else:
            used.add(name)
    return used


def same(original: Any, cut: Any, rest: Any, kept: list[list[Any]], way: tuple[Any, ...]) -> None:
    """Check that a part of a document is in its columns, or else in the rest."""
    if isinstance(original, dict) and list(way) not in kept and isinstance(cut, dict):
        names = name_columns(original)
        rest = cut.get("kept_as_json", rest) if isinstance(rest, dict) else cut.get("kept_as_json", {})
        for key, value in original.items():
            left = rest.get(key)
            if names[key] in cut:
                same(value, cut[names[key]], left if isinstance(left, dict) else {}, kept, (*way, names[key]))
            else:
                assert left == value
    elif isinstance(original, list) and list(way) not in kept:
        for number, value in enumerate(original):
            same(value, cut[number], None, kept, (*way, number))
    else:
        assert cut == original


@given(st.lists(DOCUMENTS, max_size=6), st.integers(1, 6) | st.just(300))
def test_every_value_is_in_its_column_or_in_the_rest_and_the_table_is_bounded(documents, max_columns):
    cut, report = fresh(max_columns)
    rows = cut.rows(TABLE, [document | {"id": "p"} for document in documents])
    used: set[str] = set()
    for document, row in zip(documents, rows, strict=True):
        kept = [list(path) for path in row.get(KEPT, [])]
        same(document | {"id": "p"}, row, {}, kept, ())
        used |= columns_used(row, kept)
        for path in kept:
            assert isinstance(found_in(row, path), dict | list)
        assert bool(kept) <= bool(report.kept_as_json)
    assert len(used) <= max_columns


def test_a_small_profile_is_all_columns():
    cut, report = fresh()
    document = {
        "id": "p",
        "firstName": "A",
        "address": {"postalCode": "X", "geo": {"lat": 1.5}},
        "tags": ["a", {"b": 1}],
    }
    assert cut.rows(TABLE, [document]) == [
        {"id": "p", "first_name": "A", "address": {"postal_code": "X", "geo": {"lat": 1.5}}, "tags": ["a", {"b": 1}]}
    ]
    assert report.as_dict()["kept_as_json"] == []


def test_an_object_of_too_many_keys_is_json_from_then_on():
    cut, report = fresh(5)
    large = {f"sku{number}": number for number in range(6)}
    rows = cut.rows(TABLE, [{"id": "1", "a": {"seen": {"sku1": 1}}}, {"id": "2", "a": {"seen": large}}])
    assert rows[0] == {"id": "1", "a": {"seen": {"sku1": 1}}}
    assert rows[1] == {"id": "2", "a": {"seen": large}, KEPT: [("a", "seen")]}
    assert cut.rows(TABLE, [{"id": "3", "a": {"seen": {"sku1": 1}}}])[0][KEPT] == [("a", "seen")]
    assert report.as_dict()["kept_as_json"] == ["profile_traits.a__seen"]


def test_a_profile_of_too_many_keys_keeps_its_identifiers():
    cut, report = fresh(5)
    document = {f"t{number}": number for number in range(6)}
    (row,) = cut.rows(TABLE, [{"id": "1", "externalId": "E", "email": "a@b"} | document])
    assert row == {"id": "1", "external_id": "E", "email": "a@b", "kept_as_json": document, KEPT: [("kept_as_json",)]}
    assert report.as_dict()["kept_as_json"] == ["profile_traits"]


def test_a_table_that_is_full_keeps_what_is_new_as_it_is_spelled():
    cut, _ = fresh(4)
    first = {"id": "1", "a": 1, "o": {"x": 1, "z": 1, "w": 1}}
    rows = cut.rows(TABLE, [first, {"id": "2", "a": 2, "newKey": 3, "o": {"x": 4, "yY": 5}}])
    assert rows[0] == first
    assert rows[1] == {
        "id": "2",
        "a": 2,
        "o": {"x": 4},
        "kept_as_json": {"newKey": 3, "o": {"yY": 5}},
        KEPT: [("kept_as_json",)],
    }


def test_large_items_of_a_list_are_json_values():
    cut, report = fresh(2)
    large = {"a": 1, "b": 2, "c": 3}
    (row,) = cut.rows(TABLE, [{"id": "1", "l": [{"a": 1}, large, {"a": 1}]}])
    assert row["l"] == [{"a": 1}, large, {"a": 1}]
    assert row[KEPT] == [("l", 1), ("l", 2)]
    assert report.as_dict()["kept_as_json"] == ["profile_traits__l.value"]


def test_lists_get_tables_four_levels_deep():
    cut, _ = fresh()
    (row,) = cut.rows(TABLE, [{"id": "1", "l": [[[[[1]]]]]}])
    assert row == {"id": "1", "l": [[[[[1]]]]], KEPT: [("l", 0, 0, 0, 0)]}


def test_a_text_that_is_an_instant_becomes_one():
    cut, _ = fresh()
    texts = ["2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00.5Z", "2026-01-01 08:00:00"]
    (row,) = cut.rows(TABLE, [{"id": "1", "l": texts}])
    assert row["l"] == [datetime(2026, 1, 1, 8, 0, 0, half, UTC) for half in (0, 500_000, 0)]
    for text in (
        "2026-01-01",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+02:00",
        "2026-01-01T00:00:00.1234567Z",
        "2026",
    ):
        assert cut.rows(TABLE, [{"id": "1", "a": text}])[0]["a"] == text


def test_a_run_goes_by_the_destination_and_not_by_what_a_failed_one_would_have_added():
    cut, _ = fresh(2)
    for key in ("a", "b"):
        cut.begin(None, "s")
        assert cut.rows(TABLE, [{"id": "1", key: {"x": 1, "y": 2}}]) == [{"id": "1", key: {"x": 1, "y": 2}}]


def test_names_that_the_destination_shortened_are_known_again(tmp_path):
    # given a destination that takes names of 40 characters
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        destination = dlt.destinations.duckdb(connection)
        ask = destination.capabilities

        def short(config: Any = None, naming: Any = None) -> Any:
            found = ask(config, naming)
            found.max_identifier_length = found.max_column_identifier_length = 40
            return found

        destination.capabilities = short
        pipeline = dlt.pipeline("short", destination=destination, dataset_name="d", pipelines_dir=str(tmp_path))
        key = "a_key_that_is_longer_than_what_the_destination_takes"
        document = {"id": "1", key: 1, "o": {key: 2, "b": 4}, "l" + key: [3]}
        cut, report = fresh(4)
        for _ in range(2):
            cut.begin(pipeline, "short")
            rows = cut.rows(TABLE, [document])
            # then the second run knows what the first one added, although no more fits
            assert rows == [document]
            resource = dlt.resource([PROFILE_TRAITS.first(rows)], name="r", write_disposition=UPSERT_CHANGED)
            pipeline.run(resource, loader_file_format="parquet")
        assert report.as_dict()["kept_as_json"] == []
