"""Couplings of pins: rows by hand, and training and scoring on a pin-level extraction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from circuitgcl.data import Design, DesignFiles, load_design
from circuitgcl.errors import DataError
from circuitgcl.evaluation import pair_scores
from circuitgcl.evaluation.pair_scores import row_scores
from circuitgcl.finetuning import PairTrainingConfig, fit_pair_model, pin_labels
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.pair_model import PairModelConfig
from circuitgcl.models.scaling import CLASS_COUNT, TargetScale

CONFIG = PairModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=32, dropout=0.0)

# the gates of either inverter couple with its output: metal, and the drain of its own transistor
PIECES = """* pin level
*|P x1/mn:G a x1/mn:G
*|P x1/mn:D b x1/mn:D
*|P x2/mn:G b x2/mn:G
*|P x2/mn:D c x2/mn:D
.subckt pair_pex
C1 a b 1f
C2 b c 0.1f
C3 x1/mn:G b 0.2f
C4 x2/mn:G c 0.02f
C5 x1/mn:G x1/mn:D 0.4f
C6 x2/mn:G x2/mn:D 0.04f
C7 a 0 2f
C8 b gnd 4f
C9 c 0 8f
C10 a c 0.002f
.ends
"""


@pytest.fixture
def design(two_inverters: Path, tmp_path: Path) -> Design:
    extracted = tmp_path / "pair.pin.pex.sp"
    extracted.write_text(PIECES)
    return load_design(DesignFiles(name="pair", schematic=two_inverters, extracted=extracted, top="pair"))


def test_rows_by_hand(design: Design):
    labels, circuit = pin_labels(design, CONFIG), design.graph.circuit
    net = {name: number for number, name in enumerate(circuit.net_names())}
    device = {name: number for number, name in enumerate(circuit.device_names())}
    rows = labels.graph.end_row

    def pin(name: str, position: int) -> int:
        return circuit.net_count + int(circuit.pin_offset[device[name]]) + position

    expected = {
        (net["a"], net["b"]): (0, 1.0),
        (net["b"], net["c"]): (0, 0.1),
        (net["a"], net["c"]): (0, 0.002),
        (pin("x1/mn", 1), net["b"]): (1, 0.2),
        (pin("x2/mn", 1), net["c"]): (1, 0.02),
        (pin("x1/mn", 1), pin("x1/mn", 0)): (2, 0.4),
        (pin("x2/mn", 1), pin("x2/mn", 0)): (2, 0.04),
    }
    found = {
        frozenset(ends): (relation, truth)
        for ends, relation, truth in zip(
            labels.ends[labels.pair_row].tolist(),
            labels.relation[labels.pair_row].tolist(),
            labels.truth_ff.tolist(),
            strict=True,
        )
    }
    assert found == {
        frozenset(rows[list(ends)].tolist()): (relation, pytest.approx(truth, rel=1e-6))
        for ends, (relation, truth) in expected.items()
    }
    ends = [list(pair) for pair in expected]
    encoded = {tuple(row) for row in PairStructure(design.graph).encode(torch.tensor(ends).numpy()).tolist()}
    assert {tuple(row) for row in labels.relative.tolist()} == encoded
    assert labels.coupled.sum() == len(expected) - 1  # one lies below the floor
    assert pin_labels(design, CONFIG, floor_farad=1e-16).coupled.sum() == 3
    assert not labels.absent.any()


def test_scores_by_hand(design: Design):
    """All estimates ten times too large; the load of one net, too."""
    labels = pin_labels(design, CONFIG)
    scale = TargetScale.named("wide")
    loads = labels.load_decades.clone()
    loads[labels.graph.net_row[(labels.load_ff == 8.0).nonzero()]] += 1.0
    exact = row_scores(labels, labels.decades, labels.load_decades, scale)
    assert exact["coupling"]["r2"] == exact["coupling_class"]["macro_f1"] == exact["net_load"]["r2"] == 1.0
    found = row_scores(labels, labels.decades + 1.0, loads, scale)
    assert found["coupling"]["n"] == 6  # that of 0.002 fF is below the threshold
    assert {name: part["n"] for name, part in found["by_relation"].items()} == {"n2n": 2, "p2n": 2, "p2p": 2}
    assert all(part["mae_decades"] == pytest.approx(1.0, abs=1e-4) for part in found["by_relation"].values())
    assert found["net_load"] == pytest.approx(found["net_load"] | {"n": 3, "within_x1_5": 0.6667})
    # cuts of couplings: 0.0016, 0.025, 0.40 and 6.3 fF; true classes 3, 2, 2, 1, 3 and 2
    assert found["coupling_class"]["confusion"][1] == [0, 0, 1, 0, 0]
    assert [sum(row) for row in found["coupling_class"]["confusion"]] == [0, 1, 3, 2, 0]
    stated = torch.full_like(labels.relation, 2)
    of_head = row_scores(labels, labels.decades, loads, scale, coupling_class=stated)["coupling_class"]
    assert of_head["accuracy"] == 0.5


def test_it_learns_pins(design: Design, tmp_path: Path):
    labels = pin_labels(design, CONFIG)
    config = PairTrainingConfig(model=CONFIG, max_epochs=150, learning_rate=1e-2, weight_decay=0.0)
    model = fit_pair_model([labels], config, folder=tmp_path / "run", accelerator="cpu")
    found = pair_scores(model, labels)
    assert found["coupling"]["r2"] > 0.9
    assert found["coupling_class"]["macro_f1"] > 0.9
    assert [len(row) for row in found["coupling_class"]["confusion"]] == [CLASS_COUNT] * CLASS_COUNT


def test_nets_alone_have_no_pins(design: Design):
    assert design.labels is not None
    for labels in (None, replace(design.labels, pins=None)):
        with pytest.raises(DataError, match=r"pair\.pin\.pex\.sp.*pair has no pin-level extraction"):
            pin_labels(replace(design, labels=labels), CONFIG)
