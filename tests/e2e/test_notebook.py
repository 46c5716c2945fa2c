"""docs/notebook.ipynb is executed as it is committed: without outputs, in an empty folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.e2e.conftest import environment

pytestmark = pytest.mark.e2e

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def outputs_of(cells: list[Any]) -> list[Any]:
    """All that stands below the cells."""
    return [output for cell in cells for output in cell.outputs]


def data_of(cell: Any) -> dict[str, str]:
    """What a cell shows as its result, by MIME type."""
    found: dict[str, str] = {}
    for output in cell.outputs:
        found |= dict(output.get("data", {}))
    return found


# Jupyter's own: paths of another version, a channel that the kernel's end leaves.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_runs_from_a_table_to_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONWARNINGS")  # which the kernel would show below its cells
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "it is committed without outputs"
    folder = tmp_path / "work"
    folder.mkdir()
    began = time.monotonic()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    seconds = time.monotonic() - began

    shown = [data_of(cell) for cell in code]
    page = next(each for each, cell in zip(shown, code, strict=True) if cell.source == "found.report()")
    assert page["text/html"].startswith('<iframe sandbox="allow-scripts"')
    search = next(each for each, cell in zip(shown, code, strict=True) if "tune_polar.search(" in cell.source)
    assert " of 3 configurations finished, 0 open, 0 failed" in search["text/html"]
    streams = {(output["name"], "#0 " in output["text"]) for output in outputs_of(code) if "name" in output}
    assert ("stdout", True) in streams, "progress is told in lines"
    assert "stderr" not in {name for name, _ in streams}, "and nothing in the colour of errors"
    predicted = next(each for each, cell in zip(shown, code, strict=True) if "found.predict(" in cell.source)
    assert predicted["text/html"].count("<tr") == 3
    assert "planned=4" in shown[-1]["text/plain"]
    assert "is_complete=True" in shown[-1]["text/plain"]
    assert not [name for name in os.listdir(folder) if name not in ("tweets.csv", "searches")]
    assert seconds < 90 * float(os.environ.get("TUNE_POLAR_PATIENCE", "4")), "ninety seconds where nothing else runs"
