"""Extract small, predict large: capacitances add up over contexts, so an array teaches a larger one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from circuitgcl.data import Design, DesignFiles, load_design
from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.data.tensors import design_tensors
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation import evaluate
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import ModelConfig
from circuitgcl.models.checkpoint import ModelCheckpoint
from circuitgcl.models.encoder import EncoderConfig

CONFIG = FinetuneConfig(
    model=ModelConfig(encoder=EncoderConfig(width=16, layers=2), hidden=32),
    trees=TreesConfig(least_leaf=3),  # two small arrays have few distinct contexts
    max_epochs=25,
    calibration_folds=2,
)

LARGE = 12, 8  # rows and columns


@pytest.fixture(scope="module")
def large(write_array: Callable[[int, int], DesignFiles]) -> Design:
    return load_design(write_array(*LARGE))


@pytest.fixture(scope="module")
def trained(
    write_array: Callable[[int, int], DesignFiles], tmp_path_factory: pytest.TempPathFactory
) -> ModelCheckpoint:
    small = [load_design(write_array(6, 4)), load_design(write_array(4, 5))]
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
    known = synthetic_array(*LARGE)
    prediction, _ = Predictor(trained, "cpu").predict(design_tensors(large.graph), 1e-17)
    names = large.graph.circuit.net_names()
    load = prediction.load
    for net in ("bl[3]", "br[4]", "wl[7]"):
        row = names.index(net)
        assert load.farad[row] == pytest.approx(known.load_farad[net], rel=0.15)
        assert load.lo_farad[row] <= load.farad[row] <= load.hi_farad[row]
    assert known.load_farad["bl[3]"] > 1.5 * synthetic_array(6, 4).load_farad["bl[3]"]


def test_the_sides_of_a_mirrored_cell_are_told_apart(trained: ModelCheckpoint, large: Design) -> None:
    """The bit's schematic is symmetric, its layout is not: memory tells bl-q from br-nq."""
    known = synthetic_array(*LARGE).coupling_farad
    prediction, _ = Predictor(trained, "cpu").predict(design_tensors(large.graph), 1e-17)
    names = large.graph.circuit.net_names()
    inside = "xcore/xbit_r5_c2"
    truth, found = [], []
    for a, b in (("bl[2]", "q"), ("br[2]", "nq"), ("wl[5]", "q"), ("wl[5]", "nq")):
        pair = sorted((names.index(a), names.index(f"{inside}/{b}")))
        (row,) = np.flatnonzero((prediction.pair == pair).all(axis=1))
        truth.append(known.get((a, f"{inside}/{b}"), 0.0))
        found.append(prediction.coupling.farad[row] * prediction.probability[row])
    assert max(truth[:2]) > 1.5 * min(truth[:2]) or max(truth[2:]) > 1.5 * min(truth[2:])
    np.testing.assert_allclose(found, truth, rtol=0.3, atol=1e-17)


def test_known_contexts_carry_it(trained: ModelCheckpoint, metrics: dict[str, Any]) -> None:
    """Pairs of the large array are known by context, and say so."""
    assert metrics["coupling_by_source"]["memory"]["n"] > 0.9 * metrics["coupling"]["n"]
    assert trained.trained_on == ("synthetic_6x4_s0", "synthetic_4x5_s0")
