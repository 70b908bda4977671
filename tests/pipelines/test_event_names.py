"""Events that are named, and those that there are."""

from pathlib import Path

import duckdb
import pytest

from benchmarks.feature_world import write
from customer_features import FeatureError
from pipelines.event_names import check_event


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event 1 is called a once, event 2 b twice, and so on, until l; five have no name, and a third has no number."""
    path = tmp_path_factory.mktemp("names") / "customers.duckdb"
    write(path, 100, 5)
    with duckdb.connect(str(path)) as connection:
        connection.execute("TRUNCATE customer_tables.customer_events")
        connection.execute(
            "INSERT INTO customer_tables.customer_events BY NAME SELECT uuid() AS event_id, "
            """CASE name % 3 WHEN 0 THEN '{"total": "9.5"}' WHEN 1 THEN '{"total": "much"}' ELSE '{}' END """
            "AS properties, chr((96 + name)::INT) AS event_name FROM range(1, 13) AS names (name), range(name)"
        )
        connection.execute(
            "INSERT INTO customer_tables.customer_events BY NAME SELECT 'none' || range AS event_id FROM range(50)"
        )
    return path


def test_the_ten_most_frequent_are_named(database: Path) -> None:
    with pytest.raises(FeatureError) as raised:
        check_event(database, "A")
    names = ", ".join(f"'{letter}'" for letter in "lkjihgfedc")
    assert str(raised.value) == (
        f"No event is called 'A'. There are, the most frequent first, {names}, and 2 more: name one with --event."
    )


def test_one_that_is_there_needs_a_number_only_if_a_value_is_named(database: Path) -> None:
    check_event(database, "a")
    check_event(database, "c", "total")
    for event in "ab":
        with pytest.raises(FeatureError, match="'total' is a number in no event"):
            check_event(database, event, "total")
