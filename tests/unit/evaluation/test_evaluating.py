"""Evaluation of a model against extractions made from its own estimates, so that every score is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitgcl.data import Design, DesignFiles, load_design
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import ConfigError, DataError
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation import EvaluateConfig, evaluate, evaluate_all
from circuitgcl.evaluation.evaluating import _end_groups
from circuitgcl.models.checkpoint import load_model

NETLIST = """* a pair of cells; their inner nets meet nowhere
.subckt cell a y vdd gnd
mp y a vdd vdd pmos w=0.6u l=0.05u
m1 y a m gnd nmos w=0.3u l=0.05u
m2 m a gnd gnd nmos w=0.2u l=0.08u
.ends
.subckt pair left right out_l out_r vdd gnd
xl left out_l vdd gnd cell
xr right out_r vdd gnd cell
.ends
"""
Extract = Callable[..., Design]


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(load_model(tiny_model), "cpu")


@pytest.fixture
def extract(predictor: Predictor, tmp_path: Path) -> Extract:
    """A design whose extraction is the model's estimate, times factors, and more cards."""

    def make(*, coupling: float = 1.0, load: float = 1.0, more: str = "") -> Design:
        schematic, extracted = tmp_path / "pair.sp", tmp_path / "pair.pex.sp"
        schematic.write_text(NETLIST)
        graph = load_design(DesignFiles(name="pair", schematic=schematic)).graph
        prediction, _ = predictor.predict(design_tensors(graph), 1e-17)
        names = graph.circuit.net_names()
        cards = [
            f"cc{k} {names[a]} {names[b]} {farad * coupling!r}"
            for k, ((a, b), farad) in enumerate(
                zip(prediction.pair.tolist(), prediction.coupling.farad.tolist(), strict=True)
            )
        ]
        cards += [
            f"cg{net} {names[net]} gnd {float(prediction.load.farad[net]) * load!r}"
            for net in graph.signal_nets.tolist()
        ]
        body = "\n".join([*cards, *more.splitlines()])
        extracted.write_text(f"* extracted\n.subckt pair left right out_l out_r vdd gnd\n{body}\n.ends\n")
        return load_design(DesignFiles(name="pair", schematic=schematic, extracted=extracted))

    return make


def test_a_model_that_is_right_scores_full_marks(predictor: Predictor, extract: Extract):
    metrics = evaluate(predictor, extract())
    assert metrics["coupling"]["n"] > 5
    for group, factors in (("coupling", ("within_x1_5", "within_x2")), ("net_load", ("within_x1_25",))):
        assert metrics[group]["r2"] == pytest.approx(1.0, abs=1e-3)
        assert metrics[group]["mae_decades"] == pytest.approx(0.0, abs=1e-3)
        assert all(metrics[group][factor] == 1.0 for factor in factors)
    assert metrics["net_load"]["n"] == 6
    assert metrics["net_load"]["bias_decades"] == pytest.approx(0.0, abs=1e-3)
    assert metrics["net_load"]["sum_ratio"] == pytest.approx(1.0, abs=1e-3)
    assert metrics["existence"]["average_precision"] == 1.0
    assert metrics["existence"]["capacitance_recall_at_1"] == 1.0
    assert metrics["intervals"]["0.8"]["coverage"] == 1.0
    assert metrics["match"] == {
        "nets_schematic": 8,
        "nets_extracted": 6,  # vdd carries nothing, gnd is the reference node
        "nets_matched": 0.875,
        "capacitance_matched": 1.0,
        "ambiguous": 0,
        "missing": 1,
        "extra": 0,
    }


def test_a_constant_error_shows_as_bias(predictor: Predictor, extract: Extract):
    metrics = evaluate(predictor, extract(coupling=4.0, load=0.1))
    assert metrics["coupling"]["mae_decades"] == pytest.approx(np.log10(4), abs=1e-3)
    assert metrics["coupling"]["within_x2"] == 0.0
    assert metrics["net_load"]["bias_decades"] == pytest.approx(1.0, abs=1e-3)
    assert metrics["net_load"]["sum_ratio"] == pytest.approx(10.0, rel=1e-3)
    assert metrics["intervals"]["0.8"]["coverage"] == 0.0
    assert metrics["net_load_intervals"]["0.8"]["coverage"] == 0.0


def test_pairs_the_model_did_not_propose_are_scored(predictor: Predictor, extract: Extract):
    far = "cfar xl/m xr/m 1e-15"
    without, with_far = evaluate(predictor, extract()), evaluate(predictor, extract(more=far))
    assert "distant" not in without["coupling_by_source"]
    assert with_far["coupling_by_source"]["distant"]["n"] == 1
    assert with_far["coupling"]["n"] == without["coupling"]["n"] + 1
    found = with_far["existence"]["capacitance_recall_at_4"]
    coupled = without["net_total"]["n"]
    assert coupled == 6
    assert found < without["existence"]["capacitance_recall_at_4"] == 1.0


def test_capacitance_to_the_supply_is_load(predictor: Predictor, extract: Extract):
    half = extract(load=0.5)
    assert half.labels is not None
    names, load = half.graph.circuit.net_names(), half.labels.load_farad.tolist()
    more = "\n".join(f"cv{net} {names[net]} vdd {load[net]!r}" for net in half.graph.signal_nets.tolist())
    metrics = evaluate(predictor, extract(load=0.5, more=more))
    assert metrics["net_load"]["mae_decades"] == pytest.approx(0.0, abs=1e-3)


def test_threshold_moves_pairs_out_of_the_score(predictor: Predictor, extract: Extract):
    design = extract()
    assert design.labels is not None
    farads = np.sort(design.labels.coupling_farad)
    middle = float(farads[len(farads) // 2 - 1 : len(farads) // 2 + 1].mean())
    metrics = evaluate(predictor, design, min_cap_farad=middle)
    assert metrics["coupling"]["n"] == int((farads > middle).sum())
    assert metrics["min_cap_farad"] == middle
    nothing = evaluate(predictor, design, min_cap_farad=1.0)
    assert nothing["coupling"]["n"] == 0
    assert nothing["coupling"]["r2"] is nothing["coupling"]["ceiling_r2"] is None
    assert set(nothing["existence"].values()) == {None}
    assert nothing["net_load"]["n"] == 6


def test_ceiling_knows_which_pairs_structure_tells_apart(predictor: Predictor, extract: Extract):
    design = extract()
    nets = {name: k for k, name in enumerate(design.graph.circuit.net_names())}

    def pairs(*names: tuple[str, str]) -> np.ndarray:
        return np.array([[nets[a], nets[b]] for a, b in names])

    groups = _end_groups(
        design, pairs(("xl/m", "right"), ("right", "xl/m"), ("xl/m", "xr/m"), ("left", "xr/m"))
    )
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_evaluate_all_keeps_the_order_and_takes_a_generator(predictor: Predictor, extract: Extract):
    designs = [extract(coupling=factor) for factor in (1.0, 4.0)]
    metrics = evaluate_all(predictor, (design for design in designs))
    assert metrics == [evaluate(predictor, design) for design in designs]


def test_evaluation_repeats_exactly(predictor: Predictor, extract: Extract, tiny_model: Path):
    design = extract(coupling=1.7)
    assert evaluate(Predictor(load_model(tiny_model), "cpu"), design) == evaluate(predictor, design)


def test_design_without_labels(predictor: Predictor, extract: Extract):
    design = extract()
    bare = Design(files=design.files, graph=design.graph, labels=None)
    with pytest.raises(DataError, match="pair has no extraction"):
        evaluate(predictor, bare)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_threshold_is_checked(value: Any):
    with pytest.raises(ConfigError, match="min_cap_farad"):
        EvaluateConfig(min_cap_farad=value)
