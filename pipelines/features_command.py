"""The commands `intilery features build`, `prove` and `explain`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import train_command
from pipelines.ending import explained
from pipelines.exit_codes import ExitCode

if TYPE_CHECKING:
    from customer_features import Dataset

EXIT_CODES = (
    "Exit codes: 0 built, or proved; 1 failed, or a feature sees what was not known; 2 usage or configuration, or "
    "tables are missing; 4 another program has the DuckDB file open."
)

app = typer.Typer(no_args_is_help=True, help="Features and labels that see only what was known at their cutoffs.")

_Cutoffs = Annotated[
    list[str] | None,
    typer.Option(
        "--cutoff", metavar="T", help="An instant, months as 2025-01..2026-06, or now (default: now); repeatable."
    ),
]
_Definition = Annotated[
    Path | None,
    typer.Option(metavar="FILE.py", help="Python that defines features, and label (default: the shipped set)."),
]
_Horizon = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Label as churned who is without the event so long, as in 91d.")
]
_Gap = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Time to act in, between a cutoff and the horizon (default: 0d).")
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]


def _dataset(
    database: Path,
    cutoff: list[str] | None,
    definition: Path | None,
    event: str | None,
    value: str | None,
    horizon: str | None,
    gap: str | None,
    at_risk: str | None,
    traits: list[str] | None,
) -> "Dataset":
    from pipelines.features import FeaturesRequest, dataset

    return dataset(
        FeaturesRequest(
            database, tuple(cutoff or ()), definition, event, value, horizon, gap, at_risk, tuple(traits or ())
        )
    )


@app.command(name="build", epilog=EXIT_CODES)
def build_command(
    database: train_command.Database = Path("customers.duckdb"),
    cutoff: _Cutoffs = None,
    definition: _Definition = None,
    event: train_command.Event = None,
    value: train_command.Value = None,
    horizon: _Horizon = None,
    gap: _Gap = None,
    at_risk: train_command.AtRisk = None,
    traits: train_command.Traits = None,
    name: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="In customer_features (default: features_<set>).")
    ] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Parquet file instead.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Write features, and labels if a horizon is given, of every customer at risk at each cutoff."""
    with explained("build", as_json):
        from customer_features.storing import check_writable

        if parquet is None:
            check_writable(database)
        with _dataset(database, cutoff, definition, event, value, horizon, gap, at_risk, traits) as data:
            if parquet is not None:
                data.parquet(parquet)
                written = str(parquet)
            else:
                written = f"customer_features.{data.table(name)}"
            rows, manifest, number = (
                data.ibis().count().to_pyarrow().as_py(),
                data.manifest,
                len(data.features.features),
            )
    if as_json:
        print(json.dumps({"exit_code": 0, "written": written, "rows": rows, "manifest": manifest}))
        return
    print(f"{rows:,} rows of {number} features at {len(manifest['cutoffs'])} cutoffs are in {written}.")
    told = manifest["counts"]
    print(
        f"{told['customers']:,} customers, {told['deleted']:,} of them deleted, {told['merged']:,} profiles merged "
        f"into others; {told['events_of_nobody']:,} of {told['events']:,} events are of nobody known."
    )
    if told["known_at_imputed"]:
        print(
            f"When they were known is imputed, from the lateness of the others, of {told['known_at_imputed']:,} events."
        )


@app.command(name="prove", epilog=EXIT_CODES)
def prove_command(
    database: train_command.Database = Path("customers.duckdb"),
    cutoff: _Cutoffs = None,
    definition: _Definition = None,
    event: train_command.Event = None,
    value: train_command.Value = None,
    horizon: _Horizon = None,
    gap: _Gap = None,
    at_risk: train_command.AtRisk = None,
    traits: train_command.Traits = None,
    customers: Annotated[int, typer.Option("--sample-customers", min=1, help="How many to try.")] = 50,
    tried: Annotated[int, typer.Option("--sample-cutoffs", min=1, help="How many of the cutoffs.")] = 2,
    seed: Annotated[int, typer.Option(help="Which of them are chosen.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Show that no feature sees what was not known: build again without the future, with another one, and shuffled."""
    with (
        explained("proof", as_json),
        _dataset(database, cutoff, definition, event, value, horizon, gap, at_risk, traits) as data,
    ):
        proof = data.prove(customers=customers, cutoffs=tried, seed=seed)
    code = ExitCode.LOADED if proof.holds else ExitCode.FAILED
    print(json.dumps({"exit_code": int(code), **proof.to_dict()}, default=str) if as_json else str(proof))
    raise typer.Exit(int(code))


@app.command(name="explain", epilog=EXIT_CODES)
def explain_command(
    customer: Annotated[str, typer.Option(metavar="ID", help="The customer's identifier.")],
    feature: Annotated[str, typer.Option(metavar="NAME", help="The feature, as in orders_28d.")],
    database: train_command.Database = Path("customers.duckdb"),
    cutoff: Annotated[str, typer.Option(metavar="T", help="An instant, or now.")] = "now",
    definition: _Definition = None,
    event: train_command.Event = None,
    value: train_command.Value = None,
    traits: train_command.Traits = None,
    as_json: _AsJson = False,
) -> None:
    """Show the rows behind the value of one feature of one customer at one cutoff."""
    with explained("explanation", as_json):
        from pipelines.features import one_cutoff

        at = [one_cutoff(cutoff)]
        with _dataset(database, at, definition, event, value, None, None, None, traits) as data:
            seen = data.explain(customer, data.manifest["cutoffs"][0], feature)
    told = {"feature": feature, "value": seen.attrs["value"], "words": seen.attrs["words"]}
    if as_json:
        rows = json.loads(seen.to_json(orient="records", date_format="iso", date_unit="us"))
        print(json.dumps({"exit_code": 0, **told, "rows": rows}, default=str))
        return
    print(f"{feature} = {told['value']}: {told['words']}; from {len(seen)} rows:")
    print(seen.drop(columns=["customer_id"], errors="ignore").to_string(index=False))
