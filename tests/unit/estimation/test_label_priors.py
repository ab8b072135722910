"""Estimates under the law of the training labels, equal labels, and the law of a design nobody labelled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.data import Design, DesignFiles, Labels
from circuitgcl.data.tensors import DesignTensors
from circuitgcl.estimation import EstimateConfig, Estimator, Predictor, Prior
from circuitgcl.evaluation import evaluate
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.checkpoint import load_model
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.label_shift import LabelLaw
from circuitgcl.models.memory import ContextMemory
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import MatchReport

FEMTO = 1e-15
NOISE = 0.4
TRAINING_SHARES, DESIGN_SHARES = torch.tensor([0.95, 0.05]), torch.tensor([0.05, 0.95])


def inverters(path: Path, count: int) -> Path:
    """A design of inverters of many sizes: no two nets are in the same situation."""
    random = np.random.default_rng(0)
    cards = ["* inverters", ".subckt inverters n0 vdd gnd"]
    for k in range(1, count + 1):
        source = random.integers(k)
        width, length = random.uniform(0.1, 10.0), random.choice([0.05, 0.1, 0.2])
        cards.append(f"mn{k} n{k} n{source} gnd gnd nmos w={width:.3f}u l={length}u")
        cards.append(f"mp{k} n{k} n{source} vdd vdd pmos w={2 * width:.3f}u l={length}u")
    path.write_text("\n".join([*cards, ".ends", ""]))
    return path


@pytest.fixture
def graph(tmp_path: Path) -> CircuitGraph:
    return build_graph(flatten(read_netlist(inverters(tmp_path / "inverters.sp", 400))))


def balanced_decades(predictor: Predictor, design: DesignTensors) -> tuple[Tensor, Tensor]:
    """What the networks say of candidate pairs and of nets, with every pair likely."""
    prediction, _ = predictor.predict(design, 1e-17, prior=Prior.BALANCED)
    values = (prediction.coupling.farad, prediction.load.farad)
    pairs, nets = (torch.from_numpy(np.log10(farad / FEMTO)).float() for farad in values)
    return pairs, nets


@pytest.fixture
def predictor(tiny_model: Path, graph: CircuitGraph) -> Predictor:
    """Trained, as it were, on labels of two kinds, most of them small, of which this design has the large."""
    checkpoint = load_model(tiny_model)
    model = checkpoint.model
    model.coupling_memory = type(model.coupling_memory)()
    last: Any = model.context_head[-1]
    with torch.no_grad():
        last.bias[1] = 3.0  # all candidates couple
        for head in (model.context_head, model.load_head):
            final: Any = head[-1]
            final.weight[0] *= 10.0  # random weights say nearly the same of everything
    found = Predictor(checkpoint, "cpu")
    design = found.tensors(graph)
    for law, decades in zip(
        (model.coupling_law, model.load_law), balanced_decades(found, design), strict=True
    ):
        chosen = decades[design.signal[design.net_row]] if len(decades) == design.nets else decades
        low = chosen.quantile(0.5) - 1.0
        means = torch.stack([low, low + 1.0])
        law.set(means, torch.full((2,), 0.05), TRAINING_SHARES, torch.tensor(NOISE))
    return found


def drawn(law: LabelLaw, balanced: Tensor, seed: int) -> Tensor:
    """Labels [X] of which these are balanced estimates, where most are of the large kind."""
    generator = torch.Generator().manual_seed(seed)
    means, variances, noise = law.means[:2], law.variances[:2], law.noise.square()
    spread, offset = variances + noise, balanced[:, None] - means
    log_share = DESIGN_SHARES.log() - 0.5 * offset.square() / spread - 0.5 * spread.log()
    component = torch.multinomial(torch.softmax(log_share, dim=1), 1, generator=generator)
    mean = (means * noise + balanced[:, None] * variances) / spread
    deviation = (variances * noise / spread).sqrt()[component.squeeze(1)]
    return mean.gather(1, component).squeeze(1) + deviation * torch.randn(len(balanced), generator=generator)


def labelled(predictor: Predictor, graph: CircuitGraph, folder: Path) -> Design:
    model, design = predictor.checkpoint.model, predictor.tensors(graph)
    pairs, nets = balanced_decades(predictor, design)
    load = 10.0 ** drawn(model.load_law, nets, 1).double().numpy() * FEMTO
    load[graph.rails != 0] = np.nan
    report = MatchReport(
        nets_schematic=len(nets),
        nets_extracted=len(nets),
        nets_matched_count=len(nets),
        matched_by=(),
        capacitance_total_farad=1.0,
        capacitance_matched_farad=1.0,
        ambiguous=(),
        missing=(),
        extra=(),
    )
    return Design(
        files=DesignFiles(name="inverters", schematic=folder / "inverters.sp", family="inverters"),
        graph=graph,
        labels=Labels(
            pair=graph.contexts.pair,
            coupling_farad=10.0 ** drawn(model.coupling_law, pairs, 2).double().numpy() * FEMTO,
            load_farad=load,
            ground_farad=load,
            report=report,
        ),
    )


def test_shifted_labels_are_met_best_by_their_own_law(
    predictor: Predictor, graph: CircuitGraph, tmp_path: Path
):
    design = labelled(predictor, graph, tmp_path)
    metrics = {prior: evaluate(predictor, design, prior=prior) for prior in Prior}
    for group in ("coupling", "net_load"):
        error = {prior: found[group]["mae_decades"] for prior, found in metrics.items()}
        assert error[Prior.TARGET] < 0.9 * error[Prior.TRAIN]
        assert error[Prior.TARGET] < error[Prior.BALANCED]
    assert [found["prior"] for found in metrics.values()] == ["balanced", "train", "target"]


def test_the_law_of_a_small_design_stays_that_of_training(predictor: Predictor, tmp_path: Path):
    circuit = flatten(read_netlist(inverters(tmp_path / "few.sp", 3)))
    design = predictor.tensors(build_graph(circuit))
    loads = {prior: np.log10(predictor.predict(design, 1e-17, prior=prior)[0].load.farad) for prior in Prior}
    moved, whole = (
        np.abs(loads[prior] - loads[Prior.TRAIN]).max() for prior in (Prior.TARGET, Prior.BALANCED)
    )
    assert 0.0 < moved < 0.2 * whole


def test_copies_are_no_more_evidence(predictor: Predictor, tmp_path: Path):
    """Ten times as many copies of one inverter move the law no further."""
    devices = "mn y a gnd gnd nmos w=0.3u l=0.05u\nmp y a vdd vdd pmos w=0.6u l=0.05u"
    cell = f".subckt cell a y vdd gnd\n{devices}\n.ends"
    found = []
    for count in (60, 600):  # fewer are told apart by their names
        copies = "\n".join(f"x{k} a y{k} vdd gnd cell" for k in range(count))
        path = tmp_path / f"copies{count}.sp"
        path.write_text(f"* copies\n{cell}\n.subckt copies a vdd gnd\n{copies}\n.ends\n")
        design = predictor.tensors(build_graph(flatten(read_netlist(path))))
        own = balanced_decades(predictor, design)[1][-1]
        law = predictor.checkpoint.model.load_law
        law.set(torch.stack([own - 1.0, own]), torch.full((2,), 0.05), TRAINING_SHARES, torch.tensor(NOISE))
        train, target = (
            predictor.predict(design, 1e-17, prior=prior)[0].load.farad[-1]
            for prior in (Prior.TRAIN, Prior.TARGET)
        )
        found.append(float(np.log10(target / train)))
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert found[0] > 0.0


@pytest.mark.parametrize("prior", list(Prior))
def test_equal_on_classes_and_on_all_rows(predictor: Predictor, graph: CircuitGraph, prior: Prior):
    one, other = (
        predictor.predict(predictor.tensors(graph, quotient=quotient), 1e-17, prior=prior)[0]
        for quotient in (True, False)
    )
    np.testing.assert_allclose(one.coupling.farad, other.coupling.farad, rtol=1e-3)
    np.testing.assert_allclose(one.load.farad, other.load.farad, rtol=1e-3)
    np.testing.assert_allclose(one.class_probability, other.class_probability, atol=1e-3)


@pytest.mark.parametrize("level", ["exact", "structural"])
def test_what_the_memory_knows_stays(predictor: Predictor, graph: CircuitGraph, level: str):
    """Its values and its corrections by structure were fitted under the law of training."""
    design, model = predictor.tensors(graph), predictor.checkpoint.model
    keys = np.unique(getattr(design, f"context_{level}").numpy())
    nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
    known = keys, np.full(len(keys), -1.0, np.float32)
    tables = (*known, *nothing) if level == "exact" else (*nothing, *known)
    model.coupling_memory = ContextMemory.from_arrays(*tables, salt=3)
    found = {prior: predictor.predict(design, 1e-17, prior=prior)[0] for prior in Prior}
    for prior in (Prior.BALANCED, Prior.TARGET):
        assert np.array_equal(found[prior].coupling.farad, found[Prior.TRAIN].coupling.farad)
        assert not np.allclose(found[prior].load.farad, found[Prior.TRAIN].load.farad, rtol=0.01, atol=0.0)


def test_the_model_is_left_as_it_was(predictor: Predictor, graph: CircuitGraph):
    before = {name: value.clone() for name, value in predictor.checkpoint.model.state_dict().items()}
    default, _ = predictor.predict(predictor.tensors(graph), 1e-17)
    for prior in (Prior.TARGET, Prior.TRAIN):
        found, _ = predictor.predict(predictor.tensors(graph), 1e-17, prior=prior)
    assert np.array_equal(found.load.farad, default.load.farad)
    after = predictor.checkpoint.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_estimates_take_the_setting(predictor: Predictor, tmp_path: Path):
    estimator = Estimator(predictor.checkpoint, "cpu")
    netlist = inverters(tmp_path / "inverters.sp", 400)
    means = {}
    for prior in Prior:
        nets = estimator.estimate(netlist, config=EstimateConfig(prior=prior)).nets
        means[prior] = float(np.log10(nets["cap_ground_farad"]).mean())
    assert len(set(means.values())) == 3
    assert means[Prior.TRAIN] < means[Prior.TARGET]


# --- models whose contexts are estimated by trees ---


@pytest.fixture
def trees(predictor: Predictor, said_by: Callable[..., ContributionTrees]) -> Predictor:
    """The same networks, beside trees of another opinion."""
    checkpoint = copy.deepcopy(predictor.checkpoint)
    checkpoint.model.coupling_trees, checkpoint.model.load_trees = said_by(0.4, 0.6), said_by(1.4, 1.6)
    return Predictor(checkpoint, "cpu")


def test_the_law_of_training_is_that_of_trees(predictor: Predictor, trees: Predictor, graph: CircuitGraph):
    design, model = trees.tensors(graph), trees.checkpoint.model
    found, _ = trees.predict(design, 1e-17, prior=Prior.TRAIN)
    with torch.no_grad():
        embedding = model.embed(design)
        outputs = model.contexts(design, embedding)
        coupling = model.coupling(design, outputs).of(design.pair_row).farad_log
        load = model.load(design, embedding, outputs).of(design.net_row).farad_log
    np.testing.assert_allclose(found.coupling.farad / FEMTO, coupling.exp().numpy(), rtol=1e-5)
    signal = graph.signal_nets
    np.testing.assert_allclose(found.load.farad[signal] / FEMTO, load.exp().numpy()[signal], rtol=1e-5)
    other, _ = predictor.predict(design, 1e-17, prior=Prior.TRAIN)
    assert not np.allclose(found.coupling.farad, other.coupling.farad, rtol=0.1, atol=0.0)


@pytest.mark.parametrize("prior", [Prior.BALANCED, Prior.TARGET])
def test_other_laws_are_those_of_the_networks(
    predictor: Predictor, trees: Predictor, graph: CircuitGraph, prior: Prior
):
    design = trees.tensors(graph)
    one, other = (each.predict(design, 1e-17, prior=prior)[0] for each in (trees, predictor))
    for name in ("coupling", "load"):
        found, expected = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(found.farad, expected.farad, rtol=1e-5)
        assert np.array_equal(found.source, expected.source)
    assert not trees.checkpoint.model.coupling_trees.is_empty
    assert not trees.checkpoint.model.load_trees.is_empty


@pytest.mark.parametrize("level", ["exact", "structural"])
@pytest.mark.parametrize("quantity", ["coupling", "load"])
def test_what_the_memory_knows_beside_trees_stays(
    trees: Predictor, graph: CircuitGraph, level: str, quantity: str
):
    """A correction by structure was fitted to what the trees say, not the networks."""
    design, model = trees.tensors(graph), trees.checkpoint.model
    rows = {"coupling": "context", "load": "terminal"}[quantity]
    keys = np.unique(getattr(design, f"{rows}_{level}").numpy())
    nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
    known = keys, np.full(len(keys), -1.0, np.float32)
    tables = (*known, *nothing) if level == "exact" else (*nothing, *known)
    setattr(model, f"{quantity}_memory", ContextMemory.from_arrays(*tables, salt=3))
    train, *others = (
        getattr(trees.predict(design, 1e-17, prior=prior)[0], quantity).farad
        for prior in (Prior.TRAIN, Prior.BALANCED, Prior.TARGET)
    )
    chosen = graph.signal_nets if quantity == "load" else slice(None)  # rails join nothing
    for found in others:
        np.testing.assert_allclose(found[chosen], train[chosen], rtol=1e-6)
