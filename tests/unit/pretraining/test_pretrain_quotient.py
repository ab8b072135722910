"""Pretraining on a quotient graph sees what pretraining on the full graph sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import NodeStorage

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.quotient import QuotientGraph, quotient_graph, structural_colours
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.pretraining import PretrainConfig, pretrain
from circuitgcl.pretraining.scattering import ScatteringModule, drawn, propagate

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


def losses_of(states: dict[str, torch.Tensor], module: ScatteringModule, data: HeteroData) -> torch.Tensor:
    return module.spread(states, module.sampled(data))


@pytest.mark.parametrize("by_type", [False, True])
def test_weighted_losses_are_those_of_the_full_graph(
    quotient: QuotientGraph, array: CircuitGraph, by_type: bool
) -> None:
    """All classes, each as often as it has members: the value on all nodes, without drawing any."""
    torch.manual_seed(4)
    encoder = EncoderConfig(width=8, layers=LAYERS)
    config = PretrainConfig(encoder=encoder, repetition=1.0, by_type=by_type, sample=10**6)
    module = ScatteringModule(config).eval()
    with torch.no_grad():
        full, found = (
            losses_of(module.online(data), module, data) for data in (array.to_hetero(), quotient.to_hetero())
        )
    torch.testing.assert_close(found, full, rtol=1e-4, atol=1e-4)


class TestDrawing:
    def nodes(self, members: list[int]) -> NodeStorage:
        data = HeteroData()
        data["net"].x = torch.zeros(len(members), 1)
        data["net"].members = torch.tensor(members)
        return data["net"]

    def test_few_rows_are_all_taken(self) -> None:
        for repetition, expected in ((1.0, [1.0, 9, 4]), (0.5, [1.0, 3, 2]), (0.0, [1.0, 1, 1])):
            rows, weights = drawn(self.nodes([1, 9, 4]), 3, repetition)
            assert rows.tolist() == [0, 1, 2]
            assert weights.tolist() == pytest.approx(expected)

    @pytest.mark.parametrize(("repetition", "power"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
    def test_weighted_means_are_right_in_expectation(self, repetition: float, power: float) -> None:
        """Of more rows than asked for, each is drawn in proportion to what it counts."""
        members = [1, 2, 3, 10, 40, 7, 5, 1]
        torch.manual_seed(0)
        mean = torch.zeros(len(members))
        for _ in range(3000):
            rows, weights = drawn(self.nodes(members), 4, repetition)
            assert len(rows) == len(rows.unique())
            assert weights.sum() == 4
            mean[rows] += weights / 4 / 3000
        law = torch.tensor(members).float() ** power
        torch.testing.assert_close(mean, law / law.sum(), atol=0.015, rtol=0)

    def test_a_generator_decides(self) -> None:
        picks = [
            drawn(self.nodes([3] * 50), 7, repetition, torch.Generator().manual_seed(1))
            for repetition in (1.0, 1.0, 0.0, 0.0)
        ]
        assert torch.equal(picks[0][0], picks[1][0])
        assert torch.equal(picks[2][0], picks[3][0])


def test_losses_are_those_of_the_full_graph(array: CircuitGraph, tmp_path):
    """All nodes compared, one step, no dropout: both ways end at the same encoder."""
    weights = []
    for quotient in (True, False):
        config = PretrainConfig(
            encoder=EncoderConfig(width=8, layers=LAYERS),
            max_epochs=1,
            sample=10**6,
            quotient=quotient,
            repetition=1.0,
        )
        found = pretrain([array], config, folder=tmp_path / str(quotient), accelerator="cpu")
        weights.append({**found.encoder.state_dict()})
        assert found.metrics["effective_rank"] > 1
    for name, value in weights[0].items():
        # the first AdamW step is as long as the learning rate whatever the gradient: tiny ones may flip it
        flipped = ((value - weights[1][name]).abs() > 1e-4).float().mean()
        assert flipped < 0.02, name
