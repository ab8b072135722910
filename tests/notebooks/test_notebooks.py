"""The notebooks run from the first cell to the last, and those that teach are committed with light outputs.

They are executed anew, outputs and all, by

    jupyter execute --inplace --NotebookClient.record_timing=False notebooks/0*.ipynb
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from circuitgcl.models.checkpoint import BUNDLED, HEADER_FILE

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SHOWN = [path for path in NOTEBOOKS if path.stem[0].isdigit()]  # with outputs
BARE = [path for path in NOTEBOOKS if path not in SHOWN]  # what they show changes with the bundled model
NEEDS_BUNDLED = {"quickstart"}
MOST_BYTES = 300_000

needs_model = pytest.mark.skipif(
    not (BUNDLED / HEADER_FILE).is_file(), reason="this checkout has no bundled model"
)


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def complaints(outputs: list[dict[str, Any]]) -> list[str]:
    """What went to standard error, and errors: a reader should see neither."""
    return [
        str(output.get("text") or output.get("evalue"))
        for output in outputs
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]


def test_there_are_some() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {
        "quickstart",
        "01_netlist_to_graph",
        "02_scattering_pretraining",
        "03_finetune_and_transfer",
    }


@pytest.mark.parametrize("path", BARE, ids=lambda path: path.stem)
def test_is_committed_without_outputs(path: Path) -> None:
    code = code_cells(path)
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_is_committed_as_run_from_top_to_bottom(path: Path) -> None:
    code = code_cells(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert complaints(outputs) == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_outputs_are_light_and_name_no_folder_of_the_run(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    text = path.read_text(encoding="utf-8")
    for place in ("/tmp/", "site-packages", "ipykernel_"):
        assert place not in text


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=[needs_model] if p.stem in NEEDS_BUNDLED else []) for p in NOTEBOOKS],
)
def test_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ipykernel", "matplotlib"):
        pytest.importorskip(module)
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures become outputs
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # matrices are small, and other tests may run beside it
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(cell.outputs) for cell in code) >= 3
    assert complaints([output for cell in code for output in cell.outputs]) == []
