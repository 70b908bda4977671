"""DuckDB and Spark give the same rows: integers, text, booleans and lists exactly, numbers to 1e-9."""

import json
import math
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import stdev
from typing import Any

import ibis
import ibis.expr.types as ir
import odd_customers
import places
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from accounts import Account
from journey import Journey

from cdp_sandbox.process import running
from customer_features import (
    ACTIVITY,
    LIFETIME,
    NOW,
    Events,
    FeatureSet,
    Inactivity,
    OrderItems,
    active_days,
    aggregation,
    build,
    consent,
    counts,
    current,
    custom,
    first_value,
    gaps,
    last_value,
    most_frequent,
    observed,
    recency,
    repurchase,
    sessions,
    tenure,
    trait,
    unique_count,
    unique_list,
    variety,
)
from customer_features.engine_functions import FUNCTIONS
from customer_features.engine_spark import SparkEngine
from customer_features.families.family import Family, Known, spread
from customer_features.standard import ORDERS, VIEWS, standard
from pipelines.tables import build_tables

LABEL = Inactivity(ORDERS, horizon="60d", gap="7d", at_risk="182d")
_COMPARED = [
    [("total", ">", 10), ("total", "<=", 99.99)],
    [("total", "<", 100), ("total", ">=", 2.5)],
    [("total", "!=", 1)],
    [("total", "=", 1000)],
    [("total", ">=", 10**12)],
    [("total", "in", [9007199254740993, 1e22, 1.5e-7])],
    [("channel", "=", 'it\'s "quoted"')],
    [("channel", "!=", "Zebra"), ("coupon", ">", "M")],
    [("coupon", "in", ["Århus", "7", "1000.0", "12345678.25"])],
    [("gift@home", "=", True)],
    [("channel.of", "=", "3")],
]
CONDITIONS = [Events(None, where=where, name=f"where_{number}") for number, where in enumerate(_COMPARED)]
ODD_KEYS = ("odd key-1", "été", "$price", "0", "gift@home", "SUM", "a:b")


def _span(known: Known) -> ir.Table:
    seen = known.visible(ORDERS)
    return seen.group_by("customer_id").aggregate(span=(seen.at.max() - seen.at.min()).cast("float64"))


ALL = FeatureSet(
    "everything",
    *standard(traits=["plan", "address.city", "address.geo"]).families,
    trait("age", "number"),
    trait("vip", "boolean"),
    consent(["push"]),
    *(counts(source, [28, LIFETIME]) for source in CONDITIONS),
    aggregation(OrderItems(), [91, LIFETIME]),
    repurchase(VIEWS),
    gaps(ACTIVITY),
    sessions([91], source=VIEWS, pause="12h").__class__(Events(None), (182,), "20d"),
    variety(ORDERS, "channel", [91, LIFETIME], ["distinct", "entropy", "favourite", "list"]),
    most_frequent(ORDERS, "coupon"),
    *(unique_list(ORDERS, key) for key in ODD_KEYS),
    unique_count(ACTIVITY, "total"),
    first_value(VIEWS, "channel"),
    last_value(ORDERS, "channel"),
    last_value(OrderItems(), "sku"),
    custom("span", "from the first order to the last", _span, needs=(ORDERS,)),
)
SMALL = FeatureSet("small", recency(ORDERS), counts(ORDERS, [28]), trait("plan"), unique_list(ORDERS, "channel"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The odd customers as a DuckDB file and as a folder of Parquet files."""
    folder = tmp_path_factory.mktemp("odd")
    odd_customers.write(folder / "odd.duckdb")
    return folder / "odd.duckdb", odd_customers.export(folder / "odd.duckdb", folder / "tables")


def _differences(one: pa.Table, other: pa.Table) -> list[str]:
    assert one.schema.equals(other.schema), (one.schema, other.schema)
    assert one.num_rows == other.num_rows
    found = []
    for name in one.column_names:
        pairs = list(zip(one[name].to_pylist(), other[name].to_pylist(), strict=True))
        wrong = [pair for pair in pairs if not _same(*pair)]
        if wrong:
            found.append(f"{name}: {len(wrong)} of {len(pairs)}, such as {wrong[:3]}")
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


def test_every_family_of_odd_customers(odd: tuple[Path, Path], spark_session: Any) -> None:
    database, folder = odd
    cutoffs = odd_customers.CUTOFFS[1:]
    with (
        build(ALL, LABEL, cutoffs=cutoffs, on=database) as duckdb,
        build(ALL, LABEL, cutoffs=cutoffs, on=SparkEngine(folder, spark_session)) as spark,
    ):
        expected, found = duckdb.arrow(), spark.arrow()
        assert _differences(expected, found) == []
        assert duckdb.manifest["counts"] == spark.manifest["counts"]
        assert duckdb.manifest["watermark"] == spark.manifest["watermark"]
        # what is compared is there: every feature has values
        names = ALL.describe()
        assert [name for name in names if found[name].null_count == found.num_rows] == []


def test_several_cutoffs_and_labels_of_odd_customers(odd: tuple[Path, Path], spark_session: Any) -> None:
    database, folder = odd
    with (
        build(SMALL, LABEL, cutoffs=odd_customers.CUTOFFS, on=database) as duckdb,
        build(SMALL, LABEL, cutoffs=odd_customers.CUTOFFS, on=SparkEngine(folder, spark_session)) as spark,
    ):
        found = spark.arrow()
        assert _differences(duckdb.arrow(), found) == []
        assert set(found["label"].to_pylist()) == {0, 1, None}
        assert set(found["cutoff"].to_pylist()) == set(odd_customers.CUTOFFS)
        assert len(set(found["censor_reason"].to_pylist())) > 1


def test_shop(spark_session: Any, tmp_path: Path) -> None:
    """The sandbox's shop, loaded and built as Delta tables, which Spark reads."""
    place = places.delta_place(tmp_path)
    with running("shop:60", 1) as server:
        server.change(limits={"rate": None})
        Account(server, tmp_path / "none.duckdb", elsewhere=place.target).load()
    build_tables(place.target, full=False)
    assert place.target.folder is not None
    folder = Path(place.target.folder) / "customer_tables"
    odd_customers.from_delta(folder, tmp_path / "shop.duckdb")
    with build(FeatureSet("all", tenure()), cutoffs=NOW, on=tmp_path / "shop.duckdb") as data:
        now = datetime.fromisoformat(data.manifest["watermark"])
    label = Inactivity(ORDERS, horizon="28d")
    _compare(
        standard(traits=["plan", "first_name"]), label, [now - timedelta(days=60)], tmp_path / "shop.duckdb",
        SparkEngine(folder, spark_session),
    )  # fmt: skip


def test_the_complete_journey(complete_journey: Journey, spark_session: Any, tmp_path: Path) -> None:
    database = odd_customers.some_of(complete_journey.database, 10, tmp_path / "some.duckdb")
    folder = odd_customers.export(database, tmp_path / "tables")
    label = Inactivity(ORDERS, horizon="30d")
    _compare(standard(), label, ["2017-10-01"], database, SparkEngine(folder, spark_session))


def _compare(
    features: FeatureSet, label: Inactivity, cutoffs: Sequence[str | datetime], database: Path, engine: SparkEngine
) -> None:
    with build(features, label, cutoffs=cutoffs, on=engine) as spark:
        found = spark.arrow()
    with build(features, label, cutoffs=cutoffs, on=database) as duckdb:
        expected = duckdb.arrow()
    assert expected.num_rows > 10
    assert {0, 1} <= set(expected["label"].to_pylist())
    assert _differences(expected, found) == []


def test_no_family_is_left_out() -> None:
    def below(family: type[Family]) -> Iterable[type[Family]]:
        for one in family.__subclasses__():
            yield one
            yield from below(one)

    shipped = {
        one for one in below(Family) if one.__module__.startswith("customer_features.") and not one.__subclasses__()
    }
    assert shipped == {type(family) for family in (*ALL.families, current("plan"))}


def test_now_without_labels(odd: tuple[Path, Path], spark_session: Any) -> None:
    database, folder = odd
    features = FeatureSet(
        "now", current("plan"), current("age", "number"), tenure(), observed([91]), active_days(VIEWS)
    )
    with (
        build(features, cutoffs=NOW, on=database) as duckdb,
        build(features, cutoffs=NOW, on=SparkEngine(folder, spark_session)) as spark,
    ):
        assert duckdb.arrow().num_rows > 10
        assert _differences(duckdb.arrow(), spark.arrow()) == []


def test_what_datasets_give(odd: tuple[Path, Path], spark_session: Any, tmp_path: Path) -> None:
    database, folder = odd
    cutoff = odd_customers.CUTOFFS[0]
    with (
        build(SMALL, cutoffs=[cutoff], on=database) as duckdb,
        build(SMALL, cutoffs=[cutoff], on=SparkEngine(folder, spark_session)) as spark,
    ):
        rows = spark.arrow()
        spark.parquet(tmp_path / "rows.parquet")
        assert pq.read_table(tmp_path / "rows.parquet").equals(rows)
        assert spark.pandas().astype(str).equals(duckdb.pandas().astype(str))
        busy = rows.filter(pc.greater(rows["orders_28d"], 0))["customer_id"][0].as_py()
        for name in SMALL.describe():
            told, expected = spark.explain(busy, cutoff, name), duckdb.explain(busy, cutoff, name)
            assert told.attrs == expected.attrs
            assert told.astype(str).equals(expected[told.columns].astype(str)), name

        # the SQL, over tables of those names
        session = spark_session.newSession()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        for name in odd_customers.TABLES:
            session.read.parquet(f"{folder}/{name}.parquet").createOrReplaceTempView(name)
        by_sql = session.sql(spark.sql("spark")).toArrow().cast(rows.drop(["cutoff"]).schema).to_pylist()
        by_customer = {row["customer_id"]: row for row in by_sql}
        assert [by_customer[row["customer_id"]] for row in rows.drop(["cutoff"]).to_pylist()] == rows.drop(
            ["cutoff"]
        ).to_pylist()


def test_the_proof(odd: tuple[Path, Path], spark_session: Any) -> None:
    """Changed rows of a sample are put in the place of others, and all is computed again."""
    features = FeatureSet("one", recency(ORDERS))
    with build(features, cutoffs=odd_customers.CUTOFFS[:1], on=SparkEngine(odd[1], spark_session)) as spark:
        spark.prove(customers=5, cutoffs=1).assert_holds()


def test_text_and_numbers_in_json(spark_session: Any) -> None:
    odds = random.Random(3)
    keys = ["a", "b c", "é", "0", "$", "x.y"]
    # no number is 1e400: each engine has another text for it
    documents = [
        '{"b c": 1e400}',
        *(
            f'{{"a": "{text}"}}'
            for text in ("1e400", "1e-400", "1.7976931348623157e308", "-Infinity", "1d", "\\u00a07")
        ),
        *(f'{{"a": {value}}}' for value in odd_customers.VALUES),
        *odd_customers.VALUES[:20],
        None,
    ]
    for _ in range(2000):
        value = odds.choice([*odd_customers.VALUES, _number(odds), json.dumps(_number(odds))])
        documents.append(f'{{"{odds.choice(keys)}": {value}}}')
    given = pa.table({"place": range(len(documents)), "document": pa.array(documents, pa.string())})
    duckdb, spark = ibis.duckdb.connect(), ibis.pyspark.connect(spark_session.newSession())
    spark._session.createDataFrame(given).createOrReplaceTempView("given")
    here = duckdb.create_table("given", given)

    def read(table: ir.Table, document: Any, engine: str) -> ir.Table:
        functions = FUNCTIONS[engine]
        texts = {f"text_{place}": functions.text(document, *key.split(".")) for place, key in enumerate(keys)}
        numbers = {f"number_{place}": functions.number(text) for place, text in enumerate(texts.values())}
        numbers |= {f"double_{place}": functions.double(text) for place, text in enumerate(texts.values())}
        whole = functions.whole_text(document)
        return table.select("place", **texts, **numbers, whole=whole).order_by("place")

    expected = read(here, here.document.cast("json"), "duckdb").to_pyarrow().to_pylist()
    there = spark.table("given")
    found = spark._session.sql(spark.compile(read(there, there.document, "spark"))).toArrow().to_pylist()
    for document, one, other in zip(documents, expected, found, strict=True):
        if document is not None and "1e400" in document:
            one, other = one | {"text_1": None}, other | {"text_1": None}
        if document is not None and document.startswith("{"):
            # numbers inside a whole document are spelt as each engine does
            one, other = one | {"whole": None}, other | {"whole": None}
        assert one == other, document


def _number(odds: random.Random) -> str:
    digits = str(odds.randint(1, 10 ** odds.randint(1, 15)))
    point = odds.randint(0, len(digits) - 1)
    spelt = f"{digits[0]}{digits[1:point]}.{digits[point:]}" if point else digits
    exponent = odds.choice(["", "", f"e{odds.randint(-12, 25)}", f"e{odds.randint(-330, 290)}"])
    return odds.choice(["", "-"]) + spelt + exponent


def test_spreads_that_are_small_beside_their_amounts(spark_session: Any) -> None:
    """Both engines give nine digits of the standard deviation, of 99,999.89 and 99,999.91, too."""
    odds = random.Random(2)
    groups: dict[int, list[Decimal]] = {}
    for group in range(200):
        mean, over_mean = odds.choice([1e-3, 1, 100, 1e4, 1e5, 1e8, -1e5, 5e8]), odds.choice([1e-6, 1e-4, 1e-2, 0.3])
        amounts = [mean * (1 + over_mean * odds.gauss(0, 1)) for _ in range(odds.choice([1, 2, 3, 10, 200]))]
        digits = odds.choice([2, 6])
        groups[group] = [Decimal(f"{amount:.{digits}f}") for amount in amounts]
    rows = [(group, amount) for group, amounts in groups.items() for amount in amounts]
    given = pa.table(
        {"group": [row[0] for row in rows], "value": pa.array([row[1] for row in rows], pa.decimal128(18, 6))}
    )
    duckdb, spark = ibis.duckdb.connect(), ibis.pyspark.connect(spark_session.newSession())
    spark._session.createDataFrame(given).createOrReplaceTempView("given")

    def read(table: ir.Table) -> ir.Table:
        return table.group_by("group").aggregate(spread=spread(table.value)).order_by("group")

    found = spark._session.sql(spark.compile(read(spark.table("given")))).toArrow()["spread"].to_pylist()
    expected = read(duckdb.create_table("given", given)).to_pyarrow()["spread"].to_pylist()
    assert [pair for pair in zip(expected, found, strict=True) if not _same(*pair)] == []
    for amounts, one in zip(groups.values(), found, strict=True):
        assert one is None if len(amounts) == 1 else one == pytest.approx(float(stdev(amounts)), rel=1e-9, abs=0)
