"""Auxiliary tasks: what is hidden, what the labels say, and that they can be learned."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.feature_schema import DEVICE_FEATURES
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.pretraining import PretrainConfig, pretrain
from circuitgcl.pretraining.auxiliary import AuxiliaryTasks
from circuitgcl.pretraining.circuits import FAR, training_circuit

CONFIG = PretrainConfig(
    encoder=EncoderConfig(width=8, layers=2),
    masked_weight=1.0,
    distance_weight=1.0,
    membership_weight=1.0,
    mask_share=0.5,
)


def devices_between(graph: CircuitGraph, start: int) -> dict[int, int]:
    """Devices on the shortest way to every net, by breadth-first search that no rail lets through."""
    circuit = graph.circuit
    nets_of: dict[int, list[int]] = {}
    devices_of: dict[int, list[int]] = {}
    for device, net in zip(circuit.pin_device.tolist(), circuit.pin_net.tolist(), strict=True):
        if graph.rails[net] == 0:
            nets_of.setdefault(device, []).append(net)
            devices_of.setdefault(net, []).append(device)
    steps, queue = {start: 0}, deque([start])
    while queue:
        net = queue.popleft()
        for device in devices_of.get(net, []):
            for other in nets_of[device]:
                if other not in steps:
                    steps[other] = steps[net] + 1
                    queue.append(other)
    return steps


@pytest.mark.parametrize("index", [0, 1])
def test_distances_are_those_of_a_breadth_first_search(graphs: list[CircuitGraph], index: int) -> None:
    graph = graphs[index]
    circuit = training_circuit(graph, replace(CONFIG, quotient=False))
    assert len(circuit.pair) > 100
    found = set()
    for (a, b), distance in zip(circuit.pair.tolist(), circuit.distance.tolist(), strict=True):
        steps = devices_between(graph, a).get(b, 99)
        assert distance == (steps - 1 if steps <= FAR else FAR)
        found.add(distance)
    assert len(found) >= 3


def test_pairs_and_owners_of_the_quotient_are_those_of_its_nodes(tmp_path: Path) -> None:
    graph = build_graph(flatten(read_netlist(synthetic_array(4, 4).write(tmp_path).schematic)))
    classes = training_circuit(graph, CONFIG)
    nodes = training_circuit(graph, replace(CONFIG, quotient=False))
    assert classes.counts[1] == nodes.counts[0] > classes.counts[0]
    assert torch.equal(classes.distance, nodes.distance)
    row = dict(zip(nodes.pair.flatten().tolist(), classes.pair.flatten().tolist(), strict=True))
    for net, k in row.items():
        assert torch.equal(classes.nodes["net"].x[k], nodes.nodes["net"].x[net])
    definitions = [definition.name for definition in graph.circuit.definitions]
    for owner in (nodes.owner["device"], classes.owner["device"]):
        assert {definitions[k] for k in owner.tolist()} == {
            definitions[k] for k in graph.circuit.instance_definition[graph.circuit.device_instance]
        }
    assert (nodes.owner["net"] == -1).numpy().tolist() == (graph.rails != 0).tolist()


class TestMasked:
    def test_hides_parameters_behind_their_means(self, graphs: list[CircuitGraph]) -> None:
        torch.manual_seed(1)
        circuits = [training_circuit(graph, CONFIG) for graph in graphs]
        tasks = AuxiliaryTasks(CONFIG)
        tasks.fit(circuits)
        before = circuits[0].nodes["device"].x.clone()
        hidden, rows = tasks.masked(circuits[0].nodes)
        assert torch.equal(circuits[0].nodes["device"].x, before)  # the circuit itself stays whole
        first = [feature.name for feature in DEVICE_FEATURES].index("multiplier")
        mean = torch.cat([c.nodes["device"].x for c in circuits]).mean(dim=0)
        chosen = rows["device"]
        assert 0 < len(chosen) < len(before)
        torch.testing.assert_close(hidden["device"].x[chosen, first:], mean[first:].expand(len(chosen), -1))
        assert torch.equal(hidden["device"].x[:, :first], before[:, :first])
        others = torch.ones(len(before), dtype=torch.bool)
        others[chosen] = False
        assert torch.equal(hidden["device"].x[others], before[others])
        assert torch.equal(hidden["pin"].x, circuits[0].nodes["pin"].x)
        assert hidden["pin", "on", "net"].edge_index is circuits[0].nodes["pin", "on", "net"].edge_index

    def test_loss_is_the_huber_distance_to_the_deviations(self, graphs: list[CircuitGraph]) -> None:
        """With decoders that answer nothing, of standardised values v: v²/2 below one, |v| - 1/2 above."""
        config = replace(CONFIG, distance_weight=0.0, membership_weight=0.0)
        circuit = training_circuit(graphs[0], config)
        tasks = AuxiliaryTasks(config)
        tasks.fit([circuit])
        with torch.no_grad():
            for parameter in tasks.parameters():
                parameter.zero_()
        rows = {"net": torch.tensor([1, 2]), "device": torch.zeros(0, dtype=torch.int64)}
        states = {name: torch.randn(len(circuit.nodes[name].x), 8) for name in ("net", "device", "pin")}
        x = circuit.nodes["net"].x.double().numpy()
        deviation = x.std(axis=0)
        v = np.abs((x[1:3] - x.mean(axis=0)) / np.where(deviation > 1e-6, deviation, 1.0))
        expected = np.where(v < 1, v**2 / 2, v - 0.5).mean()
        found = tasks.losses(circuit, states, rows, {})
        assert found["masked"].item() == pytest.approx(expected, rel=1e-4)


def test_no_weight_no_task(graphs: list[CircuitGraph]) -> None:
    config = replace(CONFIG, masked_weight=0.0, distance_weight=0.0, membership_weight=0.0)
    tasks, circuit = AuxiliaryTasks(config), training_circuit(graphs[0], config)
    assert list(tasks.parameters()) == []
    assert tasks.masked(circuit.nodes) == (circuit.nodes, {})
    assert tasks.losses(circuit, {}, {}, {}) == {}
    assert len(circuit.pair) == 0


def test_sum_is_weighted() -> None:
    tasks = AuxiliaryTasks(replace(CONFIG, masked_weight=2.0, distance_weight=0.5))
    losses = {"masked": torch.tensor(3.0), "distance": torch.tensor(4.0), "membership": torch.tensor(0.25)}
    assert float(tasks.weighted(losses)) == pytest.approx(6.0 + 2.0 + 0.25)


def test_every_task_is_learned_and_logged(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    encoder = EncoderConfig(width=16, layers=2)
    config = replace(CONFIG, encoder=encoder, max_epochs=60, learning_rate=1e-2, patience=None)
    pretrain(graphs, config, folder=tmp_path / "run", accelerator="cpu")
    log = pd.read_csv(tmp_path / "run/log/metrics.csv").groupby("epoch").first()
    for task in ("masked_loss", "distance_loss", "membership_loss"):
        assert log[task].iloc[-10:].mean() < 0.93 * log[task].iloc[:3].mean(), task
