"""The job `intilery demo`: a real customer base, loaded over HTTP in full and then incrementally."""

import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import customer_tables
from intilery_source import RunReport
from pipelines.command_line import show_tables
from pipelines.destination import opened, target
from pipelines.failures import explain
from pipelines.load import LoadRequest, LoadResult, load
from pipelines.progress import display

if TYPE_CHECKING:
    from cdp_sandbox.process import Running

_MISSING = 'The demo needs its extra packages: pip install "customer-platform-extractor[demo]".'
_DATASET = "intilery"
_RATE = 1000

QUERIES = {
    "Revenue and customers by month": """
SELECT date_trunc('month', event_time)::DATE AS month, count(*) AS orders,
       count(DISTINCT customer_id) AS customers, round(sum((properties->>'total')::DOUBLE), 2) AS revenue
FROM intilery.events WHERE event_name = 'Order Completed' GROUP BY ALL ORDER BY month DESC LIMIT 5""",
    "Who stopped buying: days since the last order, of those with ten or more": """
SELECT customer_id, count(*) AS orders, max(event_time)::DATE AS last_order,
       date_diff('day', max(event_time), (SELECT max(event_time) FROM intilery.events)) AS days_since
FROM intilery.events WHERE event_name = 'Order Completed'
GROUP BY ALL HAVING count(*) >= 10 ORDER BY days_since DESC, customer_id LIMIT 5""",
    "The categories that most households buy": """
SELECT category, count(DISTINCT customer_id) AS households, count(*) AS lines
FROM (SELECT customer_id, unnest(properties->>'$.products[*].category') AS category
      FROM intilery.events WHERE event_name = 'Order Completed')
GROUP BY ALL ORDER BY households DESC, category LIMIT 5""",
}
"""What to try next on the loaded tables; a test runs each."""


def demonstrate(database: Path, world: str) -> int:
    """Serve `world`, load it, let its clock run to the end, load what that revealed; the exit code is returned."""
    try:
        from cdp_sandbox.process import running
    except ImportError:
        print(_MISSING, file=sys.stderr)
        return 2
    try:
        if database.is_file():
            with opened(target("duckdb", database, _DATASET)):
                pass  # it is a DuckDB file, and nobody has it open
            database.unlink()
        with running(world) as sandbox:
            sandbox.change(limits={"rate": _RATE})
            print(
                f"A stand-in of the Intilery API serves {world} on the loopback. It allows {_RATE} requests a second "
                "(the real API 100), so that this takes a minute and not three."
            )
            return _two_loads(sandbox, database)
    except RuntimeError as error:
        print(f"The sandbox did not start: {error}.", file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets one sentence
        code, sentence = explain(error)
        print(sentence, file=sys.stderr)
        return int(code)


def demo_database(database: Path) -> Path:
    """The demo's file with its canonical tables: what of it is missing is made without a word, within two minutes.

    Raises:
        RuntimeError: it cannot be made; the text says why.
    """
    if not database.exists():
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as told:
            code = demonstrate(database, "complete_journey")
        if code:
            raise RuntimeError(f"The demo ended with exit code {code}: {told.getvalue().strip()}")
    with duckdb.connect(str(database), read_only=True) as connection:
        built = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'customer_tables'")
        has_tables = built.fetchall() != [(0,)]
    if not has_tables:
        with duckdb.connect(str(database)) as connection:
            with suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets has no bar to switch off
                connection.execute("SET enable_progress_bar = false")
            customer_tables.build(connection, dataset=_DATASET)
    return database


def _two_loads(sandbox: "Running", database: Path) -> int:
    clock = sandbox.control("GET", "/_sandbox/clock")
    print(f"\n1. Everything known on {clock['now'][:10]}:")
    expected = _visible(sandbox)
    first = _load(sandbox, database)
    sandbox.control("PUT", "/_sandbox/clock", {"now": clock["ends_at"]})
    print(f"\n2. The clock moves on to {clock['ends_at'][:10]}, and the same command loads what is new:")
    revealed = _visible(sandbox)
    second = _load(sandbox, database)

    wrong = []
    for table in ("events", "profiles"):
        new = revealed[table] - expected[table]
        wrong += [] if first.tables.get(table) == expected[table] else [table]
        wrong += [] if second.added.get(table) == new else [table]
        print(f"The world had {expected[table]:,} {table} at first, and revealed {new:,} more.")
    if wrong or first.exit_code or second.exit_code:
        print(f"The loaded rows differ from the world's: {', '.join(sorted(set(wrong)))}.", file=sys.stderr)
        return 1
    print("The tables hold exactly these.")
    _show_queries(database)
    return 0


def _visible(sandbox: "Running") -> dict[str, int]:
    """How many events and profiles the world shows now, by its own account."""
    return {
        "events": len(sandbox.control("GET", "/_sandbox/truth/event_ids")),
        "profiles": len(sandbox.control("GET", "/_sandbox/truth/profiles")),
    }


def _load(sandbox: "Running", database: Path) -> LoadResult:
    settings = {
        "base_url": sandbox.url,
        "client_id": sandbox.client_id,
        "account_id": sandbox.account_id,
        "brand_id": sandbox.brand_id,
        "auth_token": sandbox.token,
        "requests_per_second": _RATE,
    }
    report = RunReport()
    request = LoadRequest(target("duckdb", database, _DATASET), settings=settings)
    with display(report):
        result = load(request, report)
    show_tables(f"Loaded into {request.where}", result.tables, result.added)
    print(f"{report.statistics.requests:,} requests; watermark {result.watermark}.")
    return result


def _show_queries(database: Path) -> None:
    print(f"\n3. Three queries to try next, in Python after `import duckdb; db = duckdb.connect('{database}')`:")
    with duckdb.connect(str(database), read_only=True) as connection:
        for title, query in QUERIES.items():
            print(f"\n-- {title}{query}")
            print(connection.sql(query))
