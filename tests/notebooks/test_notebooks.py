"""The notebooks run from top to bottom, their figures hold, and what is committed is what they show."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from journey import Journey
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
KEY_FIGURES = {
    "01_explore": "{'customers': int(events.customers.max()), 'horizon': quantiles[0.95]}",
    "02_churn_features": "{'auc': scores.AUC.to_list(), 'refused': refused, 'explained': len(behind)}",
    "03_churn_model": "{'house': house.iloc[:, :4].astype(float).values.tolist(), 'auc': figures.auc.to_list(), "
    "'pr_auc': figures.pr_auc.to_list(), 'months': by_month.values.tolist(), 'calibration': calibrated.error}",
    "04_cdnow": "{'agreement': agreement.customers.to_list(), 'fitted': fitted.ours.to_list(), "
    "'auc': figures.auc.to_list(), 'example': float(model.expected_more(39, 2, 30.43, 38.86))}",
}
_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*|-?\.\d+")


def executed(notebook: Path, folder: Path) -> tuple[Any, Any]:
    """A notebook as it is after it was run in a folder, and its key figures."""
    book = nbformat.read(notebook, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(f"print({KEY_FIGURES[notebook.stem]})"))
    NotebookClient(book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return book, ast.literal_eval(book.cells.pop().outputs[0]["text"])


def shown(cell: Any) -> list[str]:
    """What a cell prints, and the kinds and texts of what it displays."""
    # one print may come as several streams, and before or after a display
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    found = [" ".join(printed.split())]
    for data in (output.data for output in cell.outputs if output.output_type != "stream"):
        found += [*sorted(data), "" if "image/png" in data else " ".join(data["text/plain"].split())]
    return found


def test_there_is_a_figure_for_every_notebook() -> None:
    """None is left out."""
    assert [notebook.stem for notebook in NOTEBOOKS] == sorted(KEY_FIGURES)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_it_shows_what_is_committed(notebook: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No cell fails or warns, the outputs are those of the repository, and the key figures are right."""
    if "demo_database" in notebook.read_text():
        loaded: Journey = request.getfixturevalue("complete_journey")
        (tmp_path / "demo.duckdb").symlink_to(loaded.database)
    (tmp_path / "notebooks").mkdir()
    book, figures = executed(notebook, tmp_path / "notebooks")
    committed = nbformat.read(notebook, as_version=4)
    for now, then in zip(book.cells, committed.cells, strict=True):
        if now.cell_type != "code":
            continue
        assert not [output for output in now.outputs if output.get("name") == "stderr"]
        assert [_NUMBER.sub("#", text) for text in shown(now)] == [_NUMBER.sub("#", text) for text in shown(then)]
        np.testing.assert_allclose(_numbers(now), _numbers(then), rtol=0.02, atol=0.003)
    _CHECKS[notebook.stem](figures)


def _numbers(cell: Any) -> list[float]:
    return [float(number.replace(",", "").rstrip(".")) for text in shown(cell) for number in _NUMBER.findall(text)]


def _explore(figures: Any) -> None:
    assert figures == {"customers": 2469, "horizon": 21}


def _features(figures: Any) -> None:
    assert figures["auc"] == pytest.approx([0.8145, 0.795], abs=0.002)
    assert "true only when the data were read" in figures["refused"]
    assert figures["explained"] == 4


def _model(figures: Any) -> None:
    """The house baselines; the model beats both single features on AUC and PR-AUC, in each month and in all."""
    assert figures["house"][0] == pytest.approx([2446, 0.168, 0.8145, 0.8581], abs=0.002)
    assert figures["house"][1] == pytest.approx([2446, 0.292, 0.7793, 0.8399], abs=0.002)
    for name in ("auc", "pr_auc"):
        model, *alone = figures[name]
        assert model > max(alone) + 0.02
    for _, auc, auc_alone, pr_auc, pr_auc_alone in figures["months"]:
        assert auc > auc_alone + 0.03
        assert pr_auc > pr_auc_alone + 0.01
    assert figures["calibration"] < 0.02


def _cdnow(figures: Any) -> None:
    assert figures["agreement"] == [2357] * 5
    assert figures["fitted"] == pytest.approx([0.243, 4.414, 0.793, 2.426, -9582.4], rel=0.005)
    assert figures["auc"][:2] == pytest.approx([0.7714, 0.7576], abs=0.002)
    assert figures["example"] == pytest.approx(1.226, abs=0.001)


_CHECKS = {"01_explore": _explore, "02_churn_features": _features, "03_churn_model": _model, "04_cdnow": _cdnow}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_what_is_committed_is_whole_and_names_nobody(notebook: Path) -> None:
    """Every code cell was run in order, and no output has a path of a machine, an address or an identifier."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    pictures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert pictures >= 1
    text = " ".join(part for cell in cells for part in shown(cell))
    html = " ".join(str(output.get("data", {}).get("text/html", "")) for cell in cells for output in cell.outputs)
    for forbidden in (r"/(home|root|tmp|work|Users)\b", r"\S@\S+\.\S", r"[0-9a-f]{8}-[0-9a-f]{4}-", r"[0-9a-f]{24}"):
        assert not re.search(forbidden, text + html), forbidden
    assert not [node for cell in cells for node in ast.walk(ast.parse(cell.source)) if isinstance(node, _DEFINITIONS)]


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
