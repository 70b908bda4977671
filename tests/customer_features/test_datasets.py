"""What `build` gives: rows at cutoffs, labels that are known, a split by time, and nothing that only now is true."""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from canonical_worlds import CUTOFFS, World, random_world
from raw_customers import RawCustomers, at, deletion, event, snapshot

from benchmarks.feature_world import write
from customer_features import (
    Dataset,
    Events,
    ExtractionTimeError,
    FeatureError,
    FeatureSet,
    Inactivity,
    aggregation,
    build,
    counts,
    current,
    monthly,
    recency,
    trait,
)
from customer_features.errors import FileBusyError
from customer_features.spans import DAY, micros, moment
from customer_features.standard import standard

ORDERS = Events("Order Completed", value="total")
SET = FeatureSet("some", recency(ORDERS), counts(ORDERS, [28, "lifetime"]), aggregation(ORDERS, [91]), trait("plan"))
LABEL = Inactivity(ORDERS, horizon="56d", gap="7d", at_risk="182d")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("features") / "customers.duckdb"
    write(database, 20_000, 150)
    return database


@pytest.fixture(scope="module")
def data(world: Path) -> Iterator[Dataset]:
    with build(SET, LABEL, cutoffs=monthly("2025-01", "2026-01"), on=world) as built:
        yield built


def test_one_row_a_customer_at_risk_and_cutoff(data: Dataset, world: Path) -> None:
    rows = data.pandas()
    assert not rows.duplicated(["customer_id", "cutoff"]).any()
    assert rows["cutoff"].nunique() == 13
    assert list(rows.columns) == ["customer_id", "cutoff", *SET.describe(), "label", "horizon_end", "censor_reason"]
    with duckdb.connect(str(world), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        expected = connection.execute(
            "SELECT customer_id, count(*) FILTER (event_at >= TIMESTAMPTZ '2025-03-04'), count(*) "
            "FROM customer_tables.customer_events "
            "WHERE event_name = 'Order Completed' AND event_at < TIMESTAMPTZ '2025-04-01' "
            "AND known_at <= TIMESTAMPTZ '2025-04-01' GROUP BY 1 HAVING max(event_at) >= TIMESTAMPTZ '2024-10-01'"
        ).fetchall()
    at = rows[rows["cutoff"] == pd.Timestamp("2025-04-01", tz="UTC")]
    found = at[["customer_id", "orders_28d", "orders_lifetime"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(expected)


def test_labels_are_known_once_their_horizon_has_passed(data: Dataset, world: Path) -> None:
    rows = data.pandas()
    known = rows["horizon_end"] <= pd.Timestamp("2026-01-04", tz="UTC")
    assert rows.loc[known, "label"].isin([0, 1]).all()
    assert rows.loc[~known, "label"].isna().all()
    assert set(rows.loc[~known, "censor_reason"]) == {"immature"}
    assert set(rows.loc[known, "label"]) == {0, 1}
    with duckdb.connect(str(world), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        active = connection.execute(
            "SELECT DISTINCT customer_id FROM customer_tables.customer_events WHERE event_name = 'Order Completed' "
            "AND event_at >= TIMESTAMPTZ '2025-04-08' AND event_at < TIMESTAMPTZ '2025-06-03'"
        ).fetchall()
    at = rows[rows["cutoff"] == pd.Timestamp("2025-04-01", tz="UTC")]
    assert {(key,) for key in at.loc[at["label"] == 0, "customer_id"]} == set(active) & {
        (k,) for k in at["customer_id"]
    }


def test_deleted_customers_are_nobody_afterwards_and_not_known_before(world: Path, tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 20_000, 150)
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "UPDATE customer_tables.customers SET deleted_at = TIMESTAMPTZ '2025-03-10' WHERE customer_id IN "
            "(FROM customer_tables.customers SELECT customer_id ORDER BY customer_id LIMIT 60)"
        )
        connection.execute(
            "DELETE FROM customer_tables.customer_events WHERE event_at > TIMESTAMPTZ '2025-03-10' AND customer_id IN "
            "(FROM customer_tables.customers SELECT customer_id WHERE deleted_at IS NOT NULL)"
        )
        connection.execute(
            "INSERT INTO customer_tables.customer_absences FROM customer_tables.customers "
            "SELECT customer_id, deleted_at, NULL WHERE deleted_at IS NOT NULL"
        )
        deleted = {k for (k,) in connection.execute("FROM customer_tables.customers SELECT customer_id "
                                                    "WHERE deleted_at IS NOT NULL").fetchall()}  # fmt: skip
    with build(SET, LABEL, cutoffs=["2025-03-01", "2025-04-01"], on=database) as data:
        rows = data.pandas()
        assert data.manifest["counts"]["deleted"] == 60
    before = rows[(rows["cutoff"] < pd.Timestamp("2025-03-15", tz="UTC")) & rows["customer_id"].isin(deleted)]
    after = rows[(rows["cutoff"] > pd.Timestamp("2025-03-15", tz="UTC")) & rows["customer_id"].isin(deleted)]
    assert len(before) > 30
    assert after.empty
    gone = before["censor_reason"] == "deleted"
    assert gone.any()
    assert before.loc[gone, "label"].isna().all()
    assert (before.loc[~gone, "label"] == 0).all()


def test_a_return_changes_no_row_of_the_past(tmp_path: Path) -> None:
    raw = RawCustomers(tmp_path / "customers.duckdb")
    day, features = 24, FeatureSet("some", counts(ORDERS, ["lifetime"]))

    def rows() -> list[tuple[str, datetime, str | None]]:
        raw.build()
        cutoffs = [at(day * days) for days in (5, 20, 50)]
        with build(features, Inactivity(ORDERS, "15d"), cutoffs=cutoffs, on=raw.database) as data:
            data.prove().assert_holds()
            found = data.arrow().sort_by([("cutoff", "ascending"), ("customer_id", "ascending")]).to_pylist()
        return [(row["customer_id"], row["cutoff"], row["censor_reason"]) for row in found]

    # given two customers who were found deleted on day 10
    gone = {"A", "B"}
    raw.load(
        events=[event(f"e{who}", 0, customer_id=who) for who in sorted(gone)] + [event("z", day * 80)],
        profile_deletions=[deletion(who, day * 10) for who in sorted(gone)],
        profile_trait_history=[snapshot(who, hours, said) for who in sorted(gone) for hours, said in
                               ((1, {"plan": "x"}), (day * 10, None))],
    )  # fmt: skip
    before = rows()
    assert before == [("A", at(day * 5), "deleted"), ("B", at(day * 5), "deleted")]
    # when one of them is back on day 45, then it is there from that day on, and nothing of the past is different
    raw.load(profiles=[{"id": "A"}], profile_trait_history=[snapshot("A", day * 45, {"plan": "x"})])
    assert rows() == [*before, ("A", at(day * 50), None)]


def test_scoring_sees_what_training_saw(world: Path) -> None:
    features = standard(traits=["plan"])
    with build(features, LABEL, cutoffs=monthly("2025-06", "2025-08"), on=world) as training:
        trained = training.pandas().set_index(["customer_id", "cutoff"]).sort_index()
    with build(features, cutoffs=["2025-08-01"], on=world) as scoring:
        scored = scoring.pandas().set_index(["customer_id", "cutoff"]).sort_index()
    trained = trained.loc[trained.index.get_level_values("cutoff") == pd.Timestamp("2025-08-01", tz="UTC")]
    both = trained.index.intersection(scored.index)
    assert len(both) == len(trained) > 100
    pd.testing.assert_frame_equal(trained.loc[both, scored.columns], scored.loc[both], check_exact=True)


def test_building_twice_gives_the_same_bits(world: Path) -> None:
    def built() -> Any:
        with build(standard(), cutoffs=["2025-08-01"], on=world) as data:
            return data.arrow()

    first = built()
    assert all(first.equals(built()) for _ in range(2))


def test_what_is_true_only_now_is_refused_at_a_past_cutoff(world: Path) -> None:
    now = FeatureSet("now", current("plan"))
    with pytest.raises(ExtractionTimeError, match=r"current_plan.*2025-08-01.*trait\('plan'\)"):
        build(now, cutoffs=["2025-08-01", "now"], on=world)
    with build(now, cutoffs=["now"], on=world) as data:
        assert set(data.pandas()["current_plan"]) == {"free", "plus", "pro"}


def test_a_cutoff_after_the_watermark_is_refused(world: Path) -> None:
    with pytest.raises(
        FeatureError, match=r"2026-01-04T00:00:00.000001\+00:00 is later than the data.*Use the cutoff 'now'"
    ):
        build(SET, cutoffs=["2025-08-01", "2026-01-04T00:00:00.000001Z"], on=world)
    with build(SET, cutoffs=["2026-01-04"], on=world) as at_the_end, build(SET, cutoffs=["now"], on=world) as now:
        assert at_the_end.arrow().equals(now.arrow())


def test_a_split_by_time_trains_on_nothing_that_ends_later(data: Dataset) -> None:
    parts = data.split("2025-09")
    assert parts.test["cutoff"].min() == pd.Timestamp("2025-09-01", tz="UTC")
    assert parts.train["horizon_end"].max() <= pd.Timestamp("2025-09-01", tz="UTC")
    assert parts.train["label"].notna().all()
    assert parts.test["label"].notna().all()
    for wrong in ("2026-05", "2025-01"):
        with pytest.raises(FeatureError, match="split at"):
            data.split(wrong)


def test_explain_shows_the_rows_behind_a_value(data: Dataset) -> None:
    rows = data.pandas()
    row = rows[(rows["orders_28d"] > 1) & (rows["cutoff"] == pd.Timestamp("2025-04-01", tz="UTC"))].iloc[0]
    seen = data.explain(row["customer_id"], "2025-04-01", "orders_28d")
    assert seen.attrs["value"] == row["orders_28d"] == len(seen)
    assert seen["at"].between("2025-03-04", "2025-03-31 23:59:59.999999").all()
    spent = data.explain(row["customer_id"], "2025-04-01", "revenue_91d")
    assert math.isclose(float(spent["value"].sum()), row["revenue_91d"])
    plan = data.explain(row["customer_id"], "2025-04-01", "trait_plan")
    assert json.loads(plan["value"].iloc[-1]) == row["trait_plan"]
    with pytest.raises(FeatureError, match="no row"):
        data.explain("nobody", "2025-04-01", "orders_28d")
    with pytest.raises(FeatureError, match="orders_28d, orders_lifetime"):
        data.explain(row["customer_id"], "2025-04-01", "orders_30d")


def test_results_as_parquet_and_as_a_table_keep_their_manifest(world: Path, tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 2_000, 20)
    with build(SET, LABEL, cutoffs=["2025-04-01"], on=database) as data:
        data.parquet(tmp_path / "rows.parquet")
        assert data.table() == "features_some"
        assert data.table() == "features_some"
        with pytest.raises(FeatureError, match="cannot name"):
            data.table("manifest")
        rows = data.arrow()
    held = pq.read_table(tmp_path / "rows.parquet")
    assert held.equals(rows)
    assert json.loads(held.schema.metadata[b"customer_features"])["features_hash"] == SET.hash()
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM customer_features.features_some").fetchall() == [(len(rows),)]
        spine = connection.execute(
            "SELECT count(*), count(DISTINCT customer_id) FROM customer_features.spine"
        ).fetchone()
        labels = connection.execute("SELECT count(*), count(label) FROM customer_features.labels").fetchone()
        assert spine == labels == (len(rows), len(rows))
        manifests = connection.execute(
            "SELECT name, definition_hash, manifest FROM customer_features.manifest"
        ).fetchall()
    assert [name for name, _, _ in manifests] == ["features_some"] * 2
    told = json.loads(manifests[0][2])
    assert told["cutoffs"] == ["2025-04-01T00:00:00+00:00"]
    assert told["watermark"] == "2026-01-04T00:00:00+00:00"
    assert told["columns"] == SET.describe()


def test_missing_files_and_tables_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="intilery load"):
        build(SET, cutoffs=["2025-04-01"], on=tmp_path / "none.duckdb")
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(FeatureError, match="intilery tables build"):
        build(SET, cutoffs=["2025-04-01"], on=tmp_path / "empty.duckdb")


@pytest.mark.parametrize(
    ("features", "label", "cutoffs", "said"),
    [
        ([recency(ORDERS)], None, "now", "build: features must be a set, as FeatureSet('churn', recency(orders)) is"),
        (recency(ORDERS), None, "now", "this is a value of type Recency."),
        (
            SET,
            "91d",
            "now",
            "build: label must be one, as Inactivity(orders, horizon='91d') is, or None; this",
        ),
        (SET, None, None, "cutoffs: None is no instant: give a date"),
        (SET, None, [pd.NaT], "cutoffs: NaT is no instant: give a date"),
        (SET, None, pd.NaT, "cutoffs: NaT is no instant: give a date"),
        (SET, None, ["2025-04-01", None], "cutoffs: None is no instant"),
        (SET, None, [], "cutoffs: give at least one"),
        (SET, None, ["2025-03", "2025-04-01", "2025-04"], "cutoffs: 2025-04-01T00:00:00+00:00 is there 2 times"),
        (SET, None, ["now", "now", "now"], "cutoffs: now is there 3 times"),
    ],
)
def test_what_cannot_be_built_says_what_can(features: Any, label: Any, cutoffs: Any, said: str, world: Path) -> None:
    with pytest.raises(FeatureError, match=re.escape(said)):
        build(features, label, cutoffs=cutoffs, on=world)


def test_one_cutoff_is_one(world: Path) -> None:
    small = FeatureSet("small", recency(ORDERS))
    for given in (date(2025, 4, 1), datetime(2025, 4, 1, tzinfo=UTC), pd.Timestamp("2025-04-01"), "2025-04"):
        with build(small, cutoffs=given, on=world) as data:
            assert data.cutoffs == (micros("2025-04-01"),)


def test_booleans_are_pandas_own(tmp_path: Path) -> None:
    world = World()
    for customer in ("a", "b", "c"):
        world.customer(customer, CUTOFFS[0] - 9 * DAY)
    for customer, vip in (("a", "true"), ("b", "false")):
        world.trait(customer, "vip", CUTOFFS[0] - DAY, CUTOFFS[0] - DAY, vip)
    features = FeatureSet("s", trait("vip", "boolean"))
    with build(features, cutoffs=moment(CUTOFFS[0]), on=world.write(tmp_path / "c.duckdb")) as data:
        vip = data.pandas()["trait_vip"]
    assert vip.dtype == pd.BooleanDtype()
    assert vip.tolist() == [True, False, pd.NA]
    assert vip.mean() == 0.5


def test_sql_runs_as_it_is_printed(tmp_path: Path) -> None:
    # given customers of whom some were not known at the cutoff, or found deleted by then
    database = random_world(3, customers=30).write(tmp_path / "c.duckdb")
    features = standard(traits=["plan"])
    with build(features, cutoffs=moment(CUTOFFS[0]), on=database) as data:
        expected, sql = data.arrow().drop(["cutoff"]).to_pylist(), data.sql("duckdb")
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(sql).to_arrow_table().to_pylist()
        ((everybody,),) = connection.execute("SELECT count(*) FROM customer_tables.customers").fetchall()
    assert sorted(found, key=lambda row: str(row["customer_id"])) == expected
    assert 0 < len(expected) < everybody


def test_a_file_that_is_open_elsewhere_is_busy(world: Path, tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 2_000, 20)
    with build(SET, cutoffs=["2025-04-01"], on=database) as first, build(SET, cutoffs=["2025-05-01"], on=database):
        with pytest.raises(FileBusyError, match=r"data\.close\(\)"):
            first.table()
        assert len(first.pandas())
    with duckdb.connect(str(database)), pytest.raises(FileBusyError, match="Close that first"):
        build(SET, cutoffs=["2025-04-01"], on=database)


def test_the_manifest_counts_imputed_times_of_knowledge(tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 2_000, 20)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "UPDATE customer_tables.customer_events SET known_at_imputed = TRUE WHERE event_id <= 'event-2'"
        )
        ((expected,),) = connection.execute(
            "SELECT count(*) FROM customer_tables.customer_events WHERE known_at_imputed"
        ).fetchall()
    with build(SET, cutoffs=["2025-04-01"], on=database) as data:
        assert data.manifest["counts"]["known_at_imputed"] == expected > 0


def test_other_tables_are_not_replaced(tmp_path: Path) -> None:
    database = tmp_path / "customers.duckdb"
    write(database, 2_000, 20)
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE SCHEMA customer_features; CREATE TABLE customer_features.mine AS SELECT 1 AS n")
    with build(SET, cutoffs=["2025-04-01"], on=database) as data:
        for name, said in (("mine", "not made as features"), ("scores", "cannot name")):
            with pytest.raises(FeatureError, match=said):
                data.table(name)


def test_a_label_may_wait_for_what_comes_late(world: Path) -> None:
    late = Inactivity(ORDERS, horizon="56d", at_risk="182d", settle="30d")
    with build(SET, late, cutoffs=["2025-09-01", "2025-11-01"], on=world) as data:
        rows = data.pandas().groupby("cutoff")["censor_reason"].agg(lambda found: set(found.dropna()))
    assert rows.tolist() == [set(), {"immature"}]
