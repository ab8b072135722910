"""The published variant of the load: what the extractor calls ground capacitance, from training to files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from circuitgcl.data import Design, Ground, load_design, synthetic_array
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import DataError
from circuitgcl.estimation import Estimator
from circuitgcl.evaluation import compare, evaluate
from circuitgcl.finetuning import CalibrateConfig, FinetuneConfig, calibrate, finetune
from circuitgcl.models.capacitance import ModelConfig
from circuitgcl.models.checkpoint import HEADER_FILE, ModelCheckpoint, load_model
from circuitgcl.models.encoder import EncoderConfig

SHARE = 0.25  # of the load is to the substrate, the rest to a rail


def with_ground(design: Design) -> Design:
    """Every second net has a ground capacitance of the extractor's own."""
    labels = design.labels
    assert labels is not None
    ground = SHARE * labels.load_farad
    ground[::2] = np.where(np.isnan(ground[::2]), np.nan, 0.0)
    return replace(design, labels=replace(labels, ground_farad=ground))


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory) -> list[Design]:
    folder = tmp_path_factory.mktemp("arrays")
    return [with_ground(load_design(synthetic_array(*size).write(folder))) for size in ((2, 2), (3, 3))]


def config(ground: str) -> FinetuneConfig:
    model = ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16, ground=Ground(ground))
    return FinetuneConfig(model=model, max_epochs=2, calibration_folds=0)


@pytest.fixture(scope="module")
def models(designs: list[Design], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models by what they estimate."""
    folders = {ground: tmp_path_factory.mktemp(ground) for ground in ("equivalent", "extractor")}
    for ground, folder in folders.items():
        finetune(designs, config(ground), folder=folder, accelerator="cpu")
    return folders


def test_targets_are_what_the_extractor_wrote(designs: list[Design]):
    design = designs[0]
    assert design.labels is not None
    found = design_tensors(design.graph, design.labels, ground=Ground.EXTRACTOR).labels
    assert found is not None
    expected = design.labels.ground_farad * 1e15
    expected[expected == 0] = np.nan
    np.testing.assert_allclose(found.load_ff.numpy(), expected, rtol=1e-6)


def test_the_header_says_it_and_older_ones_mean_equivalent(models: dict[str, Path]):
    for ground, folder in models.items():
        assert load_model(folder).ground == ground
    path = models["equivalent"] / HEADER_FILE
    header = json.loads(path.read_text())
    assert header["config"].pop("ground") == "equivalent"
    path.write_text(json.dumps(header))
    assert load_model(models["equivalent"]).ground is Ground.EQUIVALENT


def test_it_is_scored_on_what_it_learned(models: dict[str, Path], designs: list[Design]):
    found = {}
    for ground, folder in models.items():
        metrics = evaluate(Estimator.from_pretrained(folder, "cpu").predictor, designs[1])
        assert metrics["ground"] == ground
        found[ground] = metrics["net_load"]
    labels = designs[1].labels
    assert labels is not None
    for ground in Ground:
        assert found[ground]["n"] == (np.nan_to_num(labels.load_of(ground)) > 1e-17).sum()
        # a memory of known cells finds the loads of either kind again, though one is a quarter of the other
        assert abs(found[ground]["bias_decades"]) < 0.1
    assert found["extractor"]["n"] < found["equivalent"]["n"]


def estimated(folder: Path, design: Design) -> Any:
    return Estimator.from_pretrained(folder, "cpu").estimate(design.files.schematic)


def test_outputs_say_which_it_is(
    models: dict[str, Path], designs: list[Design], tmp_path: Path, call: Callable[..., Any]
):
    from circuitgcl.reporting.terminal import print_estimate

    for ground, words in (("equivalent", "to substrate and all rails"), ("extractor", "without the rails")):
        estimate = estimated(models[ground], designs[0])
        tree = estimate.to_dict()
        is_extractor = ground == "extractor"
        assert tree["summary"]["ground"] == ground
        assert any("without the rails" in warning for warning in tree["warnings"]) is is_extractor
        assert {row.get("cap_ground_kind") for row in tree["nets"]} == {"extractor" if is_extractor else None}
        stream = io.StringIO()
        print_estimate(Console(file=stream, width=120), estimate)
        assert words in stream.getvalue()
        assert ("extractor ground" in stream.getvalue()) is is_extractor
        output = tmp_path / f"{ground}.csv"
        call("estimate", designs[0].files.schematic, "--model", models[ground], "-o", output)
        with output.with_suffix(".nets.csv").open(newline="") as file:
            kinds = {row.get("cap_ground_kind") for row in csv.DictReader(file)}
        assert kinds == {"extractor" if is_extractor else None}


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_it_is_not_compared_with_whole_loads(
    suffix: str, models: dict[str, Path], designs: list[Design], tmp_path: Path
):
    from circuitgcl.reporting.tables import write_estimates

    files = designs[0].files
    assert files.extracted is not None
    write_estimates([estimated(models["equivalent"], designs[0])], tmp_path / f"good{suffix}")
    assert compare(tmp_path / f"good{suffix}", files.extracted).scores()["net_ground"]["n"] > 0
    write_estimates([estimated(models["extractor"], designs[0])], tmp_path / f"bad{suffix}")
    with pytest.raises(DataError, match="ground capacitance, without the rails"):
        compare(tmp_path / f"bad{suffix}", files.extracted)


def test_a_model_is_continued_and_calibrated_with_its_own_kind(
    models: dict[str, Path], designs: list[Design], tmp_path: Path
):
    start, other = load_model(models["extractor"]), load_model(models["equivalent"])
    again = finetune(designs, config("equivalent"), folder=tmp_path / "a", start=start, accelerator="cpu")
    assert again.ground is Ground.EXTRACTOR
    with pytest.raises(DataError, match=r"estimates equivalent-ground .* ask for extractor"):
        finetune(designs, config("extractor"), folder=tmp_path / "b", start=other, accelerator="cpu")
    assert calibrated(start, designs[:1], tmp_path / "c").ground is Ground.EXTRACTOR


def calibrated(checkpoint: ModelCheckpoint, designs: list[Design], folder: Path) -> ModelCheckpoint:
    return calibrate(checkpoint, designs, CalibrateConfig(folds=2), folder=folder)


def test_an_extraction_without_ground_capacitance(
    models: dict[str, Path], designs: list[Design], tmp_path: Path
):
    labels = designs[0].labels
    assert labels is not None
    nothing = replace(designs[0], labels=replace(labels, ground_farad=np.zeros_like(labels.ground_farad)))
    with pytest.raises(DataError, match="no load; classes are told apart from two on"):
        finetune([nothing], config("extractor"), folder=tmp_path / "a", accelerator="cpu")
    with pytest.raises(DataError, match="gives no net a ground capacitance of its own"):
        calibrated(load_model(models["extractor"]), [nothing], tmp_path / "b")
    # beside a design that has some, it still teaches couplings
    mixed = finetune([nothing, designs[1]], config("extractor"), folder=tmp_path / "c", accelerator="cpu")
    assert all(bool(parameter.isfinite().all()) for parameter in mixed.model.parameters())
