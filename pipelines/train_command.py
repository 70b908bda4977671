"""The commands `intilery train` and `intilery score`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.score import ScoreResult
    from pipelines.train import TrainResult

EXIT_CODES = (
    "Exit codes: 0 trained, or scored; 1 failed; 2 usage or configuration, too little data, or no model; 4 another "
    "program has the DuckDB file open."
)

Database = Annotated[Path, typer.Option(metavar="FILE", help="The DuckDB file, with its canonical tables.")]
Model = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the model.")]
Event = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Churn is that a customer stops making this (default: Order Completed)."),
]
Value = Annotated[
    str | None, typer.Option(metavar="PROPERTY", help="The event's property that is its value (default: total).")
]
Horizon = Annotated[
    str | None,
    typer.Option(metavar="SPAN", help="Without the event for so long, as in 91d (default: as 95 % of returns take)."),
]
Gap = Annotated[str, typer.Option(metavar="SPAN", help="Time to act in, between a score and the horizon.")]
AtRisk = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Only customers with the event so recently (default: ever).")
]
Traits = Annotated[
    list[str] | None, typer.Option("--trait", metavar="KEY", help="A trait to use, as it was known then; repeatable.")
]
Cutoff = Annotated[str, typer.Option(metavar="T", help="An instant, or now: up to which all events are loaded.")]

_SHOWN = {"auc": "AUC", "pr_auc": "PR-AUC", "lift_5": "lift at 5 %", "lift_10": "lift at 10 %"}


def show_trained(result: "TrainResult", *, as_json: bool) -> None:
    """Print how the model did, beside recency alone."""
    evaluation = result.manifest["evaluation"]
    if as_json:
        manifest = {name: result.manifest[name] for name in ("recipe", "definition_hash", "trained_on", "evaluation")}
        print(json.dumps({"exit_code": 0, "folder": str(result.folder), **manifest}))
        return
    recipe, tested = result.manifest["recipe"], evaluation["by_cutoff"]
    shown = Table(title="Out of time, on all test cutoffs together", title_justify="left")
    for heading in ("", "recency alone", "model"):
        shown.add_column(heading, justify="right" if heading else "left")
    for name, words in _SHOWN.items():
        shown.add_row(words, f"{evaluation['recency'][name]:.3f}", f"{evaluation['model'][name]:.3f}")
    Console().print(shown)
    print(
        f"{evaluation['model']['rows']:,} customers at {len(tested)} test cutoff(s), {tested[0]['cutoff'][:10]} to "
        f"{tested[-1]['cutoff'][:10]}; {evaluation['model']['churn_rate']:.1%} made no {recipe['event']} for "
        f"{recipe['horizon']}; expected calibration error {evaluation['calibration']['error']:.3f}."
    )
    print(f"The model in {result.folder} is trained on all {len(result.manifest['trained_on'])} cutoffs.")


def show_scored(result: "ScoreResult", *, as_json: bool) -> None:
    """Print how many were scored, never whom."""
    if as_json:
        told = {"customers": result.customers, "cutoff": result.cutoff.isoformat(), "model": result.model}
        print(json.dumps({"exit_code": 0, **told, "mean_score": result.mean_score}))
        return
    mean = "" if result.mean_score is None else f", {result.mean_score:.1%} likely to churn on average"
    print(f"{result.customers:,} customers at {result.cutoff:%Y-%m-%d %H:%M} UTC by {result.model}{mean}.")
    print("They are in customer_features.scores.")
