"""Auxiliary self-supervision beside scattering: what a circuit knows of itself without any label.

Each task has a weight in `PretrainConfig`; at 0 it costs nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData

from circuitgcl.graph.feature_schema import DEVICE_FEATURES
from circuitgcl.losses import membership_contrast_loss
from circuitgcl.losses.weighting import weighted_mean
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.models.scaling import Standardiser
from circuitgcl.pretraining.circuits import FAR, TrainingCircuit
from circuitgcl.pretraining.config import PretrainConfig
from circuitgcl.schema import DeviceType

PAIRS_PER_STEP = 512
_FIRST_PARAMETER = {"net": 0, "device": len(DeviceType)}  # a masked device keeps its type
assert [f.name for f in DEVICE_FEATURES[: len(DeviceType)]] == [f"is_{t.name.lower()}" for t in DeviceType]


class AuxiliaryTasks(nn.Module):
    """Masked inputs, distances between nets and membership in subcircuits, from the online representation.

    - Masked: of a share of nets and devices the statistics (of devices all but the type) are replaced by
      their means; the embedding must say what they were, in deviations.
    - Distance: from the embeddings of two nets, the number of devices on the shortest way between them (1 is
      a shared device, up to 4, or more): what the pair head of a capacitance model has to know.
    - Membership: nets and devices of one definition are drawn together up to a margin, so that the
      structural classes inside it stay apart (`membership_contrast_loss`).
    """

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.config = config
        width = config.encoder.width
        if config.masked_weight:
            widths = {name: INPUT_WIDTHS[name] for name in _FIRST_PARAMETER}
            self.scales = nn.ModuleDict({name: Standardiser(size) for name, size in widths.items()})
            self.decoders = nn.ModuleDict(
                {name: _network(width, size - _FIRST_PARAMETER[name]) for name, size in widths.items()}
            )
        if config.distance_weight:
            self.distance_head = _network(2 * width, FAR + 1)
        if config.membership_weight:
            self.projection = _network(width, width)

    def fit(self, circuits: Iterable[TrainingCircuit]) -> None:
        """Take means and deviations of the inputs, each structure counted once."""
        if self.config.masked_weight:
            circuits = list(circuits)
            for name, scale in self.scales.items():
                assert isinstance(scale, Standardiser)
                scale.fit(circuit.nodes[name].x for circuit in circuits)

    def masked(self, nodes: HeteroData) -> tuple[HeteroData, dict[str, Tensor]]:
        """Nodes with some of their inputs masked, and which, as rows of each type."""
        if not self.config.masked_weight:
            return nodes, {}
        hidden = copy.copy(nodes)
        chosen: dict[str, Tensor] = {}
        for name, scale in self.scales.items():
            x, first = nodes[name].x, _FIRST_PARAMETER[name]
            rows = torch.rand(len(x), device=x.device) < self.config.mask_share
            chosen[name] = rows.nonzero().squeeze(1)
            covered = x.clone()
            covered[chosen[name], first:] = scale.mean[first:].to(x)  # type: ignore[index]
            hidden[name].x = covered
        return hidden, chosen

    def losses(
        self,
        circuit: TrainingCircuit,
        states: Mapping[str, Tensor],
        hidden: Mapping[str, Tensor],
        sampled: Mapping[str, tuple[Tensor, Tensor]],
    ) -> dict[str, Tensor]:
        """Unweighted losses of the tasks that are switched on.

        Args:
            circuit: the circuit.
            states: [N_t, H] representations by node type.
            hidden: rows whose inputs were masked.
            sampled: rows of each type that are compared, and how much each counts.
        """
        config, found = self.config, dict[str, Tensor]()
        if config.masked_weight:
            found["masked"] = self._masked_loss(circuit.nodes, states, hidden)
        if config.distance_weight and len(circuit.pair):
            drawn = torch.randint(len(circuit.pair), (PAIRS_PER_STEP,), device=circuit.pair.device)
            a, b = states["net"][circuit.pair[drawn]].unbind(dim=1)
            logits = self.distance_head(torch.cat([a + b, (a - b).abs()], dim=1))
            found["distance"] = functional.cross_entropy(logits, circuit.distance[drawn])
        if config.membership_weight:
            rows = {name: sampled[name] for name in circuit.owner}
            kept = {name: circuit.owner[name][row] >= 0 for name, (row, _) in rows.items()}
            u = torch.cat([self.projection(states[name][row[kept[name]]]) for name, (row, _) in rows.items()])
            owner = torch.cat([circuit.owner[name][row[kept[name]]] for name, (row, _) in rows.items()])
            weights = torch.cat([weight[kept[name]] for name, (_, weight) in rows.items()])
            found["membership"] = membership_contrast_loss(u, owner, weights)
        return found

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor | float:
        """Sum of the losses, each times its weight in the settings."""
        total: Tensor | float = 0.0
        for name, loss in losses.items():
            total = total + getattr(self.config, f"{name}_weight") * loss
        return total

    def _masked_loss(
        self, nodes: HeteroData, states: Mapping[str, Tensor], hidden: Mapping[str, Tensor]
    ) -> Tensor:
        losses = []
        for name, rows in hidden.items():
            truth = self.scales[name](nodes[name].x[rows])[:, _FIRST_PARAMETER[name] :]
            guess = self.decoders[name](states[name][rows])
            losses.append(functional.smooth_l1_loss(guess, truth, reduction="none").mean(dim=1))
        joined = torch.cat(losses)
        return weighted_mean(joined) if len(joined) else sum_of_nothing(states)


def sum_of_nothing(states: Mapping[str, Tensor]) -> Tensor:
    """A zero that has a gradient."""
    total: Tensor = sum((rows.sum() * 0.0 for rows in states.values()), torch.zeros(()))
    return total


def _network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, inputs), nn.GELU(), nn.Linear(inputs, outputs))
