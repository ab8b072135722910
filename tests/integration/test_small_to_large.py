"""Extract small, predict large: capacitances add up over contexts, so an array teaches a larger one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from circuitgcl.data import Design, DesignFiles, load_design
from circuitgcl.data.tensors import design_tensors
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation import evaluate
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.models.capacitance import ModelConfig
from circuitgcl.models.checkpoint import ModelCheckpoint
from circuitgcl.models.encoder import EncoderConfig

CONFIG = FinetuneConfig(
    model=ModelConfig(encoder=EncoderConfig(width=16, layers=2), hidden=32),
    max_epochs=25,
    calibration_folds=2,
)


@pytest.fixture(scope="module")
def large(additive_array: Callable[[int, int], DesignFiles]) -> Design:
    return load_design(additive_array(12, 8))


@pytest.fixture(scope="module")
def trained(
    additive_array: Callable[[int, int], DesignFiles], tmp_path_factory: pytest.TempPathFactory
) -> ModelCheckpoint:
    small = [load_design(additive_array(6, 4)), load_design(additive_array(4, 5))]
    return finetune(small, CONFIG, folder=tmp_path_factory.mktemp("run"), accelerator="cpu")


@pytest.fixture(scope="module")
def metrics(trained: ModelCheckpoint, large: Design) -> dict[str, Any]:
    return evaluate(Predictor(trained, "cpu"), large)


def test_coupling(metrics: dict[str, Any]) -> None:
    assert metrics["match"]["nets_matched"] == 1.0
    assert metrics["coupling"]["n"] > 500
    assert metrics["coupling"]["r2"] > 0.9
    assert metrics["coupling"]["within_x1_5"] > 0.9


def test_net_load(metrics: dict[str, Any]) -> None:
    assert metrics["net_load"]["r2"] > 0.95
    assert metrics["net_load"]["within_x1_25"] > 0.9
    assert abs(metrics["net_load"]["bias_decades"]) < 0.05
    assert metrics["net_load"]["sum_ratio"] == pytest.approx(1.0, abs=0.1)


def test_existence(metrics: dict[str, Any]) -> None:
    assert metrics["existence"]["average_precision"] > 0.9
    assert metrics["existence"]["capacitance_recall_at_1"] > 0.9


def test_bit_lines_grow_with_the_rows(trained: ModelCheckpoint, large: Design) -> None:
    """A bit line of twelve rows: no array of the training has more than six."""
    prediction, _ = Predictor(trained, "cpu").predict(design_tensors(large.graph), 1e-17)
    row = large.graph.circuit.net_names().index("bl_3")
    assert prediction.load.farad[row] == pytest.approx(12 * 0.08e-15, rel=0.2)
    assert prediction.load.lo_farad[row] <= prediction.load.farad[row] <= prediction.load.hi_farad[row]


def test_the_sides_of_a_mirrored_cell_are_told_apart(trained: ModelCheckpoint, large: Design) -> None:
    """The cell's schematic is symmetric, its layout is not: br-nq is fifteen times bl-q."""
    prediction, _ = Predictor(trained, "cpu").predict(design_tensors(large.graph), 1e-17)
    names = large.graph.circuit.net_names()

    def farad(a: str, b: str) -> float:
        pair = sorted((names.index(a), names.index(b)))
        (row,) = np.flatnonzero((prediction.pair == pair).all(axis=1))
        return float(prediction.coupling.farad[row])

    strong = farad("br_2", "xbit_r5_c2/nq")
    weak = farad("bl_2", "xbit_r5_c2/q")
    assert strong == pytest.approx(0.31e-15, rel=0.15)
    assert weak == pytest.approx(0.02e-15, rel=0.5)


def test_known_contexts_carry_it(trained: ModelCheckpoint, metrics: dict[str, Any]) -> None:
    """Pairs of the large array are known by context, and say so."""
    assert metrics["coupling_by_source"]["memory"]["n"] > 0.9 * metrics["coupling"]["n"]
    assert trained.trained_on == ("array_6x4", "array_4x5")
