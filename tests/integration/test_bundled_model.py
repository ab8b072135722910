"""The model inside the package, on designs that no stage of its training has seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgcl.data import DesignFiles, load_design
from circuitgcl.estimation import Estimator, Predictor
from circuitgcl.evaluation import evaluate
from circuitgcl.models.checkpoint import BUNDLED, load_model

NETLISTS = Path(__file__).parents[2] / "netlists"
UNSEEN = ("fpdk45_16x64", "scn4m_16x64", "scn4m_2x16_1rw1r")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model(), "cpu")


def test_it_is_small_and_has_not_seen_the_judged_designs(predictor: Predictor):
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) < 10e6
    assert not [name for name in predictor.checkpoint.trained_on if name.startswith(UNSEEN)]


@pytest.mark.parametrize("design", UNSEEN[:2])
def test_larger_arrays_of_known_cells(predictor: Predictor, design: str):
    files = DesignFiles(
        name=design,
        schematic=NETLISTS / "openram" / f"{design}.sp.gz",
        extracted=NETLISTS / "openram" / f"{design}.pex.sp.gz",
    )
    metrics = evaluate(predictor, load_design(files), min_cap_farad=1e-17)
    assert metrics["match"]["capacitance_matched"] > 0.998
    assert metrics["coupling"]["r2"] >= 0.90
    assert metrics["coupling"]["within_x2"] >= 0.96
    assert metrics["existence"]["capacitance_recall_at_4"] >= 0.90
    assert metrics["net_load"]["r2"] >= 0.95


def test_an_ota_gets_femtofarads_from_the_network():
    estimate = Estimator.from_pretrained(device="cpu").estimate(NETLISTS / "ota_5t.sp")
    nets = estimate.nets.set_index("net")
    assert set(nets.index) == {"inp", "inn", "out", "ibias", "tail", "mir"}
    assert nets["cap_ground_farad"].between(0.02e-15, 20e-15).all()
    assert (nets["source"] == "network").all()
    mirrored = nets.loc[["inp", "inn"], "cap_ground_farad"]
    assert mirrored.max() / mirrored.min() < 1.1  # the input pair is symmetric
