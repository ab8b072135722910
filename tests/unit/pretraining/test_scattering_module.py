"""The scattering objective, its topology constraint and its moving average, one piece at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.config import load_config
from circuitgcl.errors import ConfigError
from circuitgcl.graph import CircuitGraph
from circuitgcl.losses import centre_scattering_loss, decorrelation_loss, uniformity_loss
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset
from circuitgcl.pretraining.circuits import TrainingCircuit, training_circuit
from circuitgcl.pretraining.scattering import ScatteringModule, propagate
from circuitgcl.runs import RunFolder

TINY = EncoderConfig(width=8, layers=2)
STILL = PretrainConfig(encoder=TINY, learning_rate=0.0, scattering_rate=0.0)


@pytest.fixture
def circuit(graphs: list[CircuitGraph]) -> HeteroData:
    return graphs[0].to_hetero()


def node_count(data: HeteroData) -> int:
    return sum(int(data[name].num_nodes) for name in INPUT_WIDTHS)


def dense_adjacency(data: HeteroData) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    counts = [int(data[name].num_nodes) for name in INPUT_WIDTHS]
    start = dict(zip(INPUT_WIDTHS, np.cumsum([0, *counts]), strict=False))
    matrix = np.zeros((sum(counts), sum(counts)))
    for target, relation in (("device", "of"), ("net", "on")):
        for pin, other in data["pin", relation, target].edge_index.T.tolist():
            matrix[start["pin"] + pin, start[target] + other] = 1.0
    return matrix + matrix.T


class TestPropagation:
    @pytest.mark.parametrize("hops", [0, 1, 2, 3])
    def test_equals_the_dense_power(self, circuit: HeteroData, hops: int) -> None:
        adjacency = dense_adjacency(circuit)
        looped = adjacency + np.eye(len(adjacency))
        scale = np.diag(looped.sum(axis=1) ** -0.5)
        operator = np.linalg.matrix_power(scale @ looped @ scale, hops)
        states = torch.randn(len(adjacency), 3, generator=torch.Generator().manual_seed(0)).double()
        np.testing.assert_allclose(propagate(states, circuit, hops), operator @ states.numpy(), atol=1e-12)

    def test_leaves_out_the_rails(self, circuit: HeteroData) -> None:
        assert dense_adjacency(circuit).sum() == 2 * (
            circuit["pin"].num_nodes + circuit["pin", "on", "net"].edge_index.shape[1]
        )
        assert circuit["pin", "tied", "rail"].edge_index.shape[1] > 0  # they are there, and unused

    def test_an_isolated_node_keeps_its_state(self, circuit: HeteroData) -> None:
        rails = circuit["rail"].net
        states = torch.randn(node_count(circuit), 2)
        moved = propagate(states, circuit, 2)
        assert next(iter(INPUT_WIDTHS)) == "net"
        torch.testing.assert_close(moved[rails], states[rails])

    def test_gradient_flows(self, circuit: HeteroData) -> None:
        states = torch.randn(
            sum(int(circuit[name].num_nodes) for name in INPUT_WIDTHS), 2, requires_grad=True
        )
        propagate(states, circuit, 2).square().sum().backward()
        assert states.grad is not None
        assert (states.grad.abs().sum(dim=1) > 0).all()


class TestObjective:
    @pytest.fixture
    def rows(self) -> Tensor:
        return torch.randn(30, 8, generator=torch.Generator().manual_seed(7)) + 0.5

    def module(self, **settings: object) -> ScatteringModule:
        return ScatteringModule(PretrainConfig(encoder=TINY, **settings))  # type: ignore[arg-type]

    def test_published_is_the_centre_loss_alone(self, rows: Tensor) -> None:
        module = self.module(preset=ScatteringPreset.PUBLISHED)
        centre = torch.nn.functional.normalize(rows, dim=1).mean(dim=0)
        assert module.scattering(rows).item() == pytest.approx(centre.square().sum().item() - 1.0, rel=1e-5)

    def test_default_adds_what_spreads(self, rows: Tensor) -> None:
        module = self.module(temperature=3.0, uniformity_weight=0.7, decorrelation_weight=0.2)
        expected = (
            centre_scattering_loss(rows) + 0.7 * uniformity_loss(rows, 3.0) + 0.2 * decorrelation_loss(rows)
        )
        assert module.scattering(rows).item() == pytest.approx(expected.item(), rel=1e-6)

    def test_antipodes_satisfy_the_published_objective_only(self) -> None:
        """Both arrangements have their centre in the origin; one uses a single direction."""
        line = torch.zeros(16, 8)
        line[::2, 0], line[1::2, 0] = 1.0, -1.0
        spread = torch.cat([torch.eye(8), -torch.eye(8)])
        published, ours = self.module(preset=ScatteringPreset.PUBLISHED), self.module()
        assert published.scattering(line).item() == pytest.approx(
            published.scattering(spread).item(), abs=1e-6
        )
        assert ours.scattering(line).item() > ours.scattering(spread).item() + 0.5

    def test_preset_comes_from_a_setting(self) -> None:
        assert load_config(PretrainConfig, None, ["preset=published"]).preset is ScatteringPreset.PUBLISHED
        with pytest.raises(ConfigError, match="published"):
            load_config(PretrainConfig, None, ["preset=publishd"])


def module_on(graph: CircuitGraph, config: PretrainConfig) -> tuple[ScatteringModule, TrainingCircuit]:
    circuit = training_circuit(graph, replace(config, quotient=False))
    return ScatteringModule(config, [circuit]), circuit


def step_once(folder: Path, module: ScatteringModule, circuit: TrainingCircuit) -> None:
    run = RunFolder(folder, module.config)
    rows: list[TrainingCircuit] = [circuit]
    loader = torch.utils.data.DataLoader(rows, collate_fn=lambda batch: batch[0])  # type: ignore[arg-type]
    run.fit(run.trainer(max_epochs=1, accelerator="cpu"), module, loader)


class TestStep:
    def test_target_follows_the_online_encoder(self, tmp_path: Path, graphs: list[CircuitGraph]) -> None:
        """With learning rates of 0 nothing else moves: θ_g = m θ_g + (1 - m) θ_f."""
        torch.manual_seed(0)
        module, circuit = module_on(graphs[0], replace(STILL, momentum=0.9))
        with torch.no_grad():
            for parameter in module.target.parameters():
                parameter.add_(torch.randn_like(parameter))
        target = [p.detach().clone() for p in module.target.parameters()]
        online = [p.detach().clone() for p in module.online.parameters()]
        step_once(tmp_path / "run", module, circuit)
        for before, follows, after, unmoved in zip(
            target, online, module.target.parameters(), module.online.parameters(), strict=True
        ):
            assert torch.equal(follows, unmoved)
            torch.testing.assert_close(after, 0.9 * before + 0.1 * follows)

    def test_both_encoders_start_alike(self) -> None:
        module = ScatteringModule(PretrainConfig(encoder=TINY))
        for online, target in zip(module.online.parameters(), module.target.parameters(), strict=True):
            assert torch.equal(online, target)
            assert online is not target

    def test_each_side_has_its_own_optimiser(self) -> None:
        module = ScatteringModule(PretrainConfig(encoder=TINY))
        scatter, align = (
            {id(p) for group in optimizer.param_groups for p in group["params"]}
            for optimizer in module.configure_optimizers()
        )
        assert scatter == {id(p) for p in module.target.parameters()}
        assert align == {id(p) for part in (module.online, module.predictor) for p in part.parameters()}

    @pytest.mark.parametrize("auxiliary", [0.0, 1.0])
    def test_everything_learns(self, tmp_path: Path, graphs: list[CircuitGraph], auxiliary: float) -> None:
        torch.manual_seed(0)
        config = PretrainConfig(
            encoder=TINY,
            masked_weight=auxiliary,
            distance_weight=auxiliary,
            membership_weight=auxiliary,
            mask_share=0.5,
        )
        module, circuit = module_on(graphs[0], config)
        before = {name: p.detach().clone() for name, p in module.named_parameters()}
        step_once(tmp_path / "run", module, circuit)
        still = [name for name, p in module.named_parameters() if torch.equal(p, before[name])]
        assert still == []

    def test_sample_is_bounded_per_type(self, circuit: HeteroData) -> None:
        found = ScatteringModule(PretrainConfig(encoder=TINY, sample=5)).sampled(circuit)
        for name, (rows, weights) in found.items():
            assert len(rows) == len(rows.unique()) == min(5, circuit[name].num_nodes)
            assert weights.tolist() == [1.0] * len(rows)
        whole = ScatteringModule(PretrainConfig(encoder=TINY, sample=10_000)).sampled(circuit)
        for name, (rows, _) in whole.items():
            assert torch.equal(rows, torch.arange(circuit[name].num_nodes))


class TestCollapse:
    def test_is_said(
        self, tmp_path: Path, graphs: list[CircuitGraph], caplog: pytest.LogCaptureFixture
    ) -> None:
        """An encoder that answers the same for every node: all rows in the origin."""
        config = replace(STILL, encoder=EncoderConfig(width=32, layers=1), hops=0)
        module, circuit = module_on(graphs[0], config)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
        with caplog.at_level("WARNING", logger="circuitgcl"):
            step_once(tmp_path / "run", module, circuit)
        assert "collapses: effective rank 1.0 of 32" in caplog.text

    def test_is_not_said_of_a_spread_one(
        self, tmp_path: Path, graphs: list[CircuitGraph], caplog: pytest.LogCaptureFixture
    ) -> None:
        torch.manual_seed(0)
        with caplog.at_level("WARNING", logger="circuitgcl"):
            step_once(tmp_path / "run", *module_on(graphs[0], PretrainConfig(encoder=TINY)))
        assert "collapse" not in caplog.text


class TestMonitors:
    def test_are_the_same_however_often_they_are_taken(self, graphs: list[CircuitGraph]) -> None:
        """Dropout, masks and sampling play no part, and training goes on drawing as before."""
        config = PretrainConfig(encoder=EncoderConfig(width=8, layers=2, dropout=0.5), sample=6)
        module, _ = module_on(graphs[0], config)
        module.train()
        state = torch.get_rng_state()
        assert module.monitored() == module.monitored()
        assert torch.equal(torch.get_rng_state(), state)
        assert module.training

    def test_objective_is_alignment_plus_scattering(self, graphs: list[CircuitGraph]) -> None:
        module, circuit = module_on(graphs[0], PretrainConfig(encoder=TINY))
        module.eval()
        states = module.online(circuit.nodes)
        parts = [module.scattering(states[name]) for name in INPUT_WIDTHS]
        stacked_states = torch.cat([states[name] for name in INPUT_WIDTHS])
        prediction = module.predictor(stacked_states + propagate(stacked_states, circuit.nodes, 2))
        target = torch.cat([module.target(circuit.nodes)[name] for name in INPUT_WIDTHS])
        cosine = torch.nn.functional.cosine_similarity(prediction, target, dim=1).mean()
        expected = torch.stack(parts).mean() - cosine
        assert module.monitored()["objective"] == pytest.approx(expected.item(), abs=1e-5)

    def test_many_circuits_are_watched_in_part(self, graphs: list[CircuitGraph]) -> None:
        circuits = [training_circuit(graphs[k % 2], PretrainConfig(encoder=TINY)) for k in range(60)]
        watched = ScatteringModule(PretrainConfig(encoder=TINY), circuits).watched
        assert watched == tuple(circuits[::3])
