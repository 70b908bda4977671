"""The command `intilery`."""

import json
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from pipelines import export_command, features_command, forget_command, tables_command, train_command
from pipelines.ending import end, explained
from pipelines.exit_codes import ExitCode
from pipelines.memory import do_without_pandas

if TYPE_CHECKING:
    from intilery_source import RunReport
    from pipelines.destination import Target
    from pipelines.load import LoadRequest

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Load customers' profiles and events from Intilery into DuckDB or a warehouse.",
    pretty_exceptions_enable=False,
)

app.add_typer(features_command.app, name="features")
tables_app = typer.Typer(no_args_is_help=True, help="The canonical tables: customers, their events, traits, orders.")
app.add_typer(tables_app, name="tables")

_EXIT_CODES = (
    "Exit codes: 0 loaded; 1 failed, what was loaded before stays; 2 usage or configuration; 3 loaded, but not wholly "
    "(records rejected over the threshold, look-ups pending, no complete list of profiles); 4 another run holds the "
    "lock, or another program the DuckDB file."
)

_VERIFY_CODES = (
    "Exit codes: 0 the API, the table and the ledger agree; 1 they do not, or it failed; 2 usage or configuration, or "
    "nothing was loaded; 4 a load is writing to the DuckDB file."
)

_Destination = Annotated[str, typer.Option(help="duckdb, parquet, postgres, or any destination of dlt by its name.")]
_Database = Annotated[Path | None, typer.Option(metavar="FILE", help="The DuckDB file (default: customers.duckdb).")]
_Path = Annotated[str | None, typer.Option(metavar="DIR_OR_URL", help="Where --destination parquet has its tables.")]
_Dataset = Annotated[str, typer.Option(help="The schema that holds the tables.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]

_OF_FEATURES = {"train", "score", "features"}
_RESERVED = frozenset({"information_schema", "pg_catalog", "system", "temp"})


@app.command(name="load", epilog=_EXIT_CODES)
def load_command(
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    only: Annotated[
        str | None, typer.Option(metavar="TABLES", help="Some tables only, as in events,profiles (default: all).")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="T", help="Read again the events that happened from T on (inclusive), as a range apart."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="Read only events that happened before T (exclusive).")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Load nothing: estimate how many events there are, and how long it takes.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Load what is new: profiles with their traits and metadata, and events since the last load."""
    # dlt and its kin take a second to import, which --help and usage errors need not wait for
    from cdp_client import ConfigurationError
    from intilery_source import RunReport
    from pipelines.load import TABLES, LoadRequest, load
    from pipelines.progress import display
    from pipelines.summary import kept_as_json_sentence, lateness_sentence, lookback_warning, schema_sentence

    try:
        tables = _tables(only, TABLES)
        bounds = _bounds(since, until)
        request = LoadRequest(_target(destination, database, dataset, path), tables, *bounds)
    except ConfigurationError as error:
        end(ExitCode.USAGE, str(error), as_json)
    report = RunReport()
    if plan:
        _show_plan(request, report, as_json)
    with explained("load", as_json), display(report):
        result = load(request, report)
    if as_json:
        outcome: dict[str, Any] = {
            "exit_code": int(result.exit_code),
            "reasons": result.reasons,
            "destination": destination,
            "dataset": dataset,
            "tables": result.tables,
            "added": result.added,
            "loads": result.loads,
            "watermark": result.watermark,
            **report.as_dict(),
        }
        print(json.dumps(outcome))
    else:
        show_tables(f"Loaded into {request.where}", result.tables, result.added)
        print(f"{report.statistics.requests:,} requests in {result.loads} load(s); watermark {result.watermark}.")
        for sentence in filter(
            None, [lateness_sentence(report), schema_sentence(report), kept_as_json_sentence(report)]
        ):
            print(sentence)
    for reason in [*result.reasons, *filter(None, [lookback_warning(report)])]:
        print(reason, file=sys.stderr)
    raise typer.Exit(int(result.exit_code))


@app.command(name="verify", epilog=_VERIFY_CODES)
def verify_command(
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    windows: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="So many windows at random (default: 10; with a range, all of it)."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Only what happened from T on (inclusive).")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Only what happened before T (exclusive).")] = None,
    seed: Annotated[int | None, typer.Option(help="Choose the same windows as a verification before.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Read windows of the ledger again from the API, and compare them with the table; nothing is changed."""
    from cdp_client import ConfigurationError
    from intilery_source import RunReport
    from pipelines.verify import VerifyRequest, verify

    try:
        bounds = _bounds(since, until)
        request = VerifyRequest(_target(destination, database, dataset, path), windows, *bounds, seed)
    except ConfigurationError as error:
        end(ExitCode.USAGE, str(error), as_json)
    report = RunReport()
    with explained("verification", as_json):
        result = verify(request, report)
    if as_json:
        print(json.dumps(result.as_dict() | report.statistics.as_dict()))
    else:
        print("\n".join(result.lines(report.statistics.requests)))
    for reason in result.reasons():
        print(reason, file=sys.stderr)
    raise typer.Exit(int(result.exit_code))


@app.command(name="export", epilog=export_command.EXIT_CODES)
def export_tables_command(
    parquet: export_command.Parquet,
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    as_json: _AsJson = False,
) -> None:
    """Write all tables as Parquet files, the events in a folder a day: a snapshot that is never seen half."""
    from pipelines.export import export

    with explained("export", as_json):
        result = export(_target(destination, database, dataset, path), parquet)
    export_command.show(result, as_json=as_json)


@app.command(name="forget", epilog=forget_command.EXIT_CODES)
def forget_person_command(
    ids: forget_command.Ids = None,
    user_ids: forget_command.UserIds = None,
    emails: forget_command.Emails = None,
    file: forget_command.File = None,
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    exports: forget_command.Exports = None,
    dry_run: forget_command.DryRun = False,
    as_json: _AsJson = False,
) -> None:
    """Erase people from every table, export and working folder, and keep the next loads from bringing them back."""
    from pipelines.forget import ForgetRequest, configured_key, forget
    from pipelines.parquet_erasure import folder_of
    from pipelines.people import people

    with explained("erasure", as_json):
        whom = people(forget_command.given(ids, user_ids, emails, file))
        folders = [folder_of(path) for path in exports or ()]
        where = _target(destination, database, dataset, path)
        result = forget(ForgetRequest(where, whom, configured_key(), folders, dry_run))
    forget_command.show(result, dry_run=dry_run, as_json=as_json)


@app.command(name="train", epilog=train_command.EXIT_CODES)
def train_model_command(
    model: train_command.Model,
    database: train_command.Database = Path("customers.duckdb"),
    event: train_command.Event = None,
    value: train_command.Value = None,
    horizon: train_command.Horizon = None,
    gap: train_command.Gap = "0d",
    at_risk: train_command.AtRisk = None,
    traits: train_command.Traits = None,
    as_json: _AsJson = False,
) -> None:
    """Train a baseline churn model, tested at past months beside recency alone, and save it with its manifest."""
    with explained("training", as_json):
        from pipelines.train import TrainRequest, train

        result = train(TrainRequest(database, model, event, value, horizon, gap, at_risk, tuple(traits or ())))
    train_command.show_trained(result, as_json=as_json)


@app.command(name="score", epilog=train_command.EXIT_CODES)
def score_customers_command(
    model: train_command.Model,
    database: train_command.Database = Path("customers.duckdb"),
    cutoff: train_command.Cutoff = "now",
    as_json: _AsJson = False,
) -> None:
    """Write how likely each customer at risk is to churn, by a trained model, into customer_features.scores."""
    with explained("scoring", as_json):
        from pipelines.score import score

        result = score(database, model, cutoff)
    train_command.show_scored(result, as_json=as_json)


@tables_app.command(name="build", epilog=tables_command.BUILD_CODES)
def build_tables_command(
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    full: tables_command.Full = False,
    as_json: _AsJson = False,
) -> None:
    """Make the canonical tables from what was loaded, or bring them up to date with what is new."""
    from pipelines.tables import build_tables

    with explained("build", as_json):
        result = build_tables(_target(destination, database, dataset, path), full=full)
    tables_command.show_build(result, as_json=as_json)


@tables_app.command(name="check", epilog=tables_command.CHECK_CODES)
def check_tables_command(
    destination: _Destination = "duckdb",
    database: _Database = None,
    path: _Path = None,
    dataset: _Dataset = "intilery",
    clock_skew: tables_command.ClockSkew = 24.0,
    as_json: _AsJson = False,
) -> None:
    """Hold the canonical tables against their contract: keys, references, times; nothing is changed."""
    from pipelines.tables import check_tables

    with explained("check", as_json):
        findings = check_tables(_target(destination, database, dataset, path), timedelta(hours=clock_skew))
    raise typer.Exit(tables_command.show_check(findings, as_json=as_json))


@app.command(name="sandbox")
def sandbox_command(
    world: Annotated[
        str, typer.Option(help="complete_journey, shop, shop:CUSTOMERS, people, people:PERSONS or flat:EVENTS.")
    ] = "shop",
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 1,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
) -> None:
    """Run a local stand-in of the Intilery API on the loopback until interrupted."""
    from pipelines.sandbox import serve

    raise typer.Exit(serve(world, seed, port))


@app.command(name="demo")
def demo_command(
    database: Annotated[
        Path, typer.Option(metavar="FILE", help="The DuckDB file to write; one that exists is replaced.")
    ] = Path("demo.duckdb"),
    world: Annotated[str, typer.Option(help="The history to serve.")] = "complete_journey",
) -> None:
    """Load real customers' history from a local stand-in into DuckDB, in full and then incrementally."""
    from pipelines.demo import demonstrate

    raise typer.Exit(demonstrate(database, world))


def show_tables(title: str, tables: dict[str, int], added: dict[str, int]) -> None:
    """Print the number of rows of each table, and how many are new."""
    shown = Table(title=title, title_justify="left")
    for heading in ("table", "rows", "added"):
        shown.add_column(heading, justify="left" if heading == "table" else "right")
    for name, rows in sorted(tables.items()):
        shown.add_row(name, f"{rows:,}", f"{added.get(name, 0):+,}")
    Console().print(shown)


def main() -> None:
    """The console script."""
    if _OF_FEATURES & set(sys.argv[1:2]):
        # as Ctrl-C does, so that what they keep on the disk while they compute is gone afterwards
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    else:
        do_without_pandas()
    app()


def _tables(only: str | None, allowed: tuple[str, ...]) -> list[str]:
    from cdp_client import ConfigurationError

    if only is None:
        return list(allowed)
    named = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in named if name not in allowed]
    if unknown or not named:
        what = f"names no table {unknown[0]!r}" if unknown else "names no table"
        raise ConfigurationError(f"--only {what}; allowed are {', '.join(allowed)}.")
    return list(dict.fromkeys(named))


def _bounds(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    from cdp_client import ConfigurationError
    from intilery_source.settings import read_instant

    bounds = read_instant(since, "--since"), read_instant(until, "--until")
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        raise ConfigurationError("--since must be earlier than --until: since is inclusive, until exclusive.")
    return bounds


def _target(destination: str, database: Path | None, dataset: str, path: str | None) -> "Target":
    from cdp_client import ConfigurationError
    from pipelines.destination import target

    if not dataset.isidentifier() or dataset.lower() in _RESERVED:
        raise ConfigurationError(
            "--dataset must be a name of letters, digits and _ that no database has taken for itself, such as intilery."
        )
    return target(destination, database, dataset, path)


def _show_plan(request: "LoadRequest", report: "RunReport", as_json: bool) -> NoReturn:
    from pipelines.plan import plan

    with explained("estimate", as_json):
        found = plan(request, report)
    print(json.dumps(found.as_dict()) if as_json else "\n".join(found.sentences()))
    raise typer.Exit(int(ExitCode.LOADED))
