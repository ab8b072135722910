"""The notebooks run from the first cell to the last, and are committed without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from circuitgcl.models.checkpoint import BUNDLED, HEADER_FILE

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
NEEDS_BUNDLED = {"quickstart"}

needs_model = pytest.mark.skipif(
    not (BUNDLED / HEADER_FILE).is_file(), reason="this checkout has no bundled model"
)


def test_there_are_some() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {"quickstart", "pretrain_finetune"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_committed_without_outputs(path: Path) -> None:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=[needs_model] if p.stem in NEEDS_BUNDLED else []) for p in NOTEBOOKS],
)
def test_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ipykernel", "matplotlib"):
        pytest.importorskip(module)
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert len(shown) >= 3
