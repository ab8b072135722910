"""Pretraining on a quotient graph sees what pretraining on the full graph sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.quotient import QuotientGraph, quotient_graph, structural_colours
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.pretraining import PretrainConfig, pretrain
from circuitgcl.pretraining.scattering import ScatteringModule, propagate

LAYERS, HOPS = 2, 2


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(5, 4).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic)))


@pytest.fixture(scope="module")
def quotient(array: CircuitGraph) -> QuotientGraph:
    colours = structural_colours(array.circuit, array.rails, array.net_features, LAYERS + HOPS)
    return quotient_graph(array.circuit, array.rails, array.net_features, colours)


def classes(quotient: QuotientGraph, array: CircuitGraph) -> dict[str, np.ndarray]:
    circuit = array.circuit
    return {
        "net": quotient.net_class,
        "device": quotient.device_class(circuit),
        "pin": quotient.pin_class(circuit),
    }


def stacked_rows(quotient: QuotientGraph, array: CircuitGraph) -> torch.Tensor:
    """Stacked class of every stacked flat node."""
    start, rows = 0, []
    for name in INPUT_WIDTHS:
        rows.append(start + classes(quotient, array)[name])
        start += getattr(quotient, name).count
    return torch.from_numpy(np.concatenate(rows))


def test_members_are_counted(quotient: QuotientGraph, array: CircuitGraph):
    for name, expected in classes(quotient, array).items():
        assert quotient.members()[name].tolist() == np.bincount(expected).tolist()


def test_the_topology_constraint_is_that_of_the_full_graph(quotient: QuotientGraph, array: CircuitGraph):
    torch.manual_seed(1)
    model = CircuitEncoder(EncoderConfig(width=8, layers=LAYERS)).eval()
    results = []
    with torch.inference_mode():
        for data in (array.to_hetero(), quotient.to_hetero()):
            states = model(data)
            stacked = torch.cat([states[name] for name in INPUT_WIDTHS])
            results.append(propagate(stacked, data, HOPS))
    torch.testing.assert_close(results[1][stacked_rows(quotient, array)], results[0], rtol=1e-5, atol=1e-5)


def test_members_are_drawn_as_often_as_they_are(quotient: QuotientGraph):
    """Every flat node once when there are fewer than asked for; in proportion when there are more."""
    torch.manual_seed(2)
    data, members = quotient.to_hetero(), quotient.members()
    every = ScatteringModule(PretrainConfig(encoder=EncoderConfig(width=8), sample=10**6))._sampled(data)
    counts = torch.bincount(every).tolist()
    assert counts == [count for name in INPUT_WIDTHS for count in members[name].tolist()]
    few = ScatteringModule(PretrainConfig(encoder=EncoderConfig(width=8), sample=20))
    drawn = torch.stack([torch.bincount(few._sampled(data), minlength=len(counts)) for _ in range(400)])
    nets = slice(0, len(members["net"]))
    share = drawn[:, nets].double().mean(dim=0) / 20
    assert torch.allclose(share, torch.tensor(counts[nets]).double() / sum(counts[nets]), atol=0.02)


def test_losses_are_those_of_the_full_graph(array: CircuitGraph, tmp_path):
    """All nodes compared, one step, no dropout: both ways end at the same encoder."""
    weights = []
    for quotient in (True, False):
        config = PretrainConfig(
            encoder=EncoderConfig(width=8, layers=LAYERS), max_epochs=1, sample=10**6, quotient=quotient
        )
        found = pretrain([array], config, folder=tmp_path / str(quotient), accelerator="cpu")
        weights.append({**found.encoder.state_dict()})
        assert found.metrics["effective_rank"] > 1
    for name, value in weights[0].items():
        # the first AdamW step is as long as the learning rate whatever the gradient: tiny ones may flip it
        flipped = ((value - weights[1][name]).abs() > 1e-4).float().mean()
        assert flipped < 0.02, name
