"""Contrastive pretraining by hyperspherical representation scattering.

Two encoders of one architecture: the target encoder is pushed to scatter its representations over the sphere,
the online encoder to predict the target's, under the constraint that neighbours stay near (SGRL, NeurIPS
2024; used for circuits by arXiv 2507.06535). The published scattering term equals a centring of the batch,
which two antipodal points already satisfy; the default adds a uniformity and a decorrelation term that do
spread.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import NodeStorage

from circuitgcl.errors import DataError
from circuitgcl.losses import alignment_loss, centre_scattering_loss, decorrelation_loss, uniformity_loss
from circuitgcl.models.encoder import CircuitEncoder
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS, both_directions, multiplicities
from circuitgcl.pretraining.auxiliary import AuxiliaryTasks
from circuitgcl.pretraining.circuits import TrainingCircuit
from circuitgcl.pretraining.config import PretrainConfig, ScatteringPreset
from circuitgcl.pretraining.monitors import class_separability, collapse_reason, representation_figures

log = logging.getLogger(__name__)

WATCHED_CIRCUITS = 24  # looked at after every epoch, however many are trained on
Sampled = dict[str, tuple[Tensor, Tensor]]  # rows of each node type and how much each counts


class DivergedError(DataError):
    """A loss is no number any more."""


class ScatteringModule(lightning.LightningModule):
    """Online encoder, target encoder and predictor.

    One step: scatter the target, align the online encoder to it, then move the target towards the online
    encoder. After every epoch the monitors are taken on fixed nodes of the watched circuits, without dropout
    or masks, and the online encoder is kept if its objective is the lowest so far.

    Attributes:
        watched: circuits of the monitors.
        kept: weights of the online encoder with the lowest objective, None before the first epoch.
        figures: its monitors; of the latest epoch in `latest`.
    """

    def __init__(self, config: PretrainConfig | None = None, watched: Sequence[TrainingCircuit] = ()) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config = config or PretrainConfig()
        width = config.encoder.width
        self.online = CircuitEncoder(config.encoder)
        self.target = copy.deepcopy(self.online)
        self.predictor = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.auxiliary = AuxiliaryTasks(config)
        step = -(-len(watched) // WATCHED_CIRCUITS) if watched else 1
        self.watched = tuple(watched[::step])
        self.kept: dict[str, Tensor] | None = None
        self.figures: dict[str, float] = {}
        self.latest: dict[str, float] = {}

    def fit(self, circuits: Sequence[TrainingCircuit]) -> None:
        """Fit the scales of inputs on the training circuits."""
        self.online.fit_inputs((circuit.nodes for circuit in circuits), self.config.repetition)
        self.target.load_state_dict(self.online.state_dict())
        self.auxiliary.fit(circuits)

    def configure_optimizers(self) -> Any:
        """One optimiser for scattering the target, one for the online side."""
        config = self.config
        online = [
            *self.online.parameters(),
            *self.predictor.parameters(),
            *self.auxiliary.parameters(),
        ]
        return [
            torch.optim.AdamW(self.target.parameters(), lr=config.scattering_rate),
            torch.optim.AdamW(online, lr=config.learning_rate),
        ]

    def scattering(self, representation: Tensor, weights: Tensor | None = None) -> Tensor:
        """Scattering objective of the preset on [B, H] representations of weights [B]."""
        unit = normalize(representation, dim=1)
        loss = centre_scattering_loss(unit, weights)
        if self.config.preset is ScatteringPreset.PUBLISHED:
            return loss
        spread = uniformity_loss(unit, self.config.temperature, weights)
        decorrelation = decorrelation_loss(representation, weights)
        return (
            loss + self.config.uniformity_weight * spread + self.config.decorrelation_weight * decorrelation
        )

    def spread(self, states: Mapping[str, Tensor], sampled: Sampled) -> Tensor:
        """Scattering objective of sampled nodes: the mean over node types, or of all of them together."""
        parts = [(states[name][rows], weights) for name, (rows, weights) in sampled.items()]
        if not self.config.by_type:
            parts = [(torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts]))]
        terms = [self.scattering(rows, weights) for rows, weights in parts if len(rows) > 1]
        return torch.stack(terms).mean()

    def aligned(
        self, states: Mapping[str, Tensor], nodes: HeteroData, sampled: Sampled
    ) -> tuple[Tensor, ...]:
        """Predictions of the online encoder under the topology constraint, and weights, all types stacked."""
        online = stacked(states)
        constrained = online + propagate(online, nodes, self.config.hops)
        chosen = _stacked_rows(sampled, {name: len(rows) for name, rows in states.items()})
        return self.predictor(constrained[chosen]), torch.cat([weights for _, weights in sampled.values()])

    def training_step(self, circuit: TrainingCircuit, _index: int) -> None:
        """One design, two updates and the moving average."""
        optimizers: Any = self.optimizers()
        scatter_optimizer, online_optimizer = optimizers
        sampled = self.sampled(circuit.nodes)
        scattering = self.spread(self.target(circuit.nodes), sampled)
        self._check_finite(circuit, scattering=scattering)
        scatter_optimizer.zero_grad()
        self.manual_backward(scattering)
        scatter_optimizer.step()

        with torch.no_grad():
            goal = _chosen(self.target(circuit.nodes), sampled)
        nodes, hidden = self.auxiliary.masked(circuit.nodes)
        online = self.online(nodes)
        prediction, weights = self.aligned(online, nodes, sampled)
        alignment = alignment_loss(prediction, goal, weights)
        auxiliary = self.auxiliary.losses(circuit, online, hidden, sampled)
        self._check_finite(circuit, alignment=alignment, **auxiliary)
        online_optimizer.zero_grad()
        self.manual_backward(alignment + self.auxiliary.weighted(auxiliary))
        online_optimizer.step()
        self._move_target()
        logged = {"scattering": scattering, "alignment_loss": alignment}
        logged |= {f"{name}_loss": loss for name, loss in auxiliary.items()}
        self.log_dict(
            {name: loss.detach() for name, loss in logged.items()},
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=1,
        )

    def on_train_epoch_end(self) -> None:
        """Take the monitors, keep the encoder if it is the best so far, and say when it collapses."""
        self.latest = self.monitored()
        self.log_dict({key: value for key, value in self.latest.items() if key != "dim"})
        if self.kept is None or self.latest["objective"] < self.figures["objective"]:
            self.figures = {**self.latest, "epoch": float(self.current_epoch)}
            self.kept = {name: value.detach().clone() for name, value in self.online.state_dict().items()}
        if (reason := collapse_reason(self.latest)) is not None:
            log.warning("the representation collapses: %s", reason)

    @torch.no_grad()
    def monitored(self) -> dict[str, float]:
        """Monitors of the encoders as they are, on fixed nodes of the watched circuits.

        Raises:
            DivergedError: the last step left weights behind whose objective is no number.
        """
        was_training = self.training
        self.eval()
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        nets, owned, owners, objectives = (list[Tensor]() for _ in range(4))
        for number, circuit in enumerate(self.watched):
            circuit = circuit.to(self.device)
            sampled = self.sampled(circuit.nodes, torch.Generator().manual_seed(number))
            online, goal = self.online(circuit.nodes), _chosen(self.target(circuit.nodes), sampled)
            prediction, weights = self.aligned(online, circuit.nodes, sampled)
            objective = alignment_loss(prediction, goal, weights) + self.spread(online, sampled)
            self._check_finite(circuit, objective=objective)
            objectives.append(objective)
            parts.append((_chosen(online, sampled), prediction, goal))
            nets.append(online["net"][sampled["net"][0]])
            for name, owner in circuit.owner.items():
                rows = sampled[name][0]
                owned.append(online[name][rows])
                owners.append(owner[rows] + (number << 32))
        self.train(was_training)
        return {
            **representation_figures(*(torch.cat(rows) for rows in zip(*parts, strict=True))),
            "effective_rank_net": representation_figures(*([torch.cat(nets)] * 3))["effective_rank"],
            "separability": class_separability(torch.cat(owned), torch.cat(owners)),
            "objective": float(torch.stack(objectives).mean()),
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the kept encoder and its monitors: a resumed run may find no better one."""
        checkpoint |= {"figures": self.figures, "latest": self.latest, "kept": self.kept}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the kept encoder and the monitors of the interrupted run."""
        self.figures, self.latest = checkpoint["figures"], checkpoint["latest"]
        self.kept = checkpoint["kept"]

    def sampled(self, nodes: HeteroData, generator: torch.Generator | None = None) -> Sampled:
        """Up to `sample` rows of each node type, and how much each counts."""
        config = self.config
        return {
            name: drawn(nodes[name], config.sample, config.repetition, generator) for name in INPUT_WIDTHS
        }

    def _check_finite(self, circuit: TrainingCircuit, **losses: Tensor) -> None:
        """Stop at the first loss that is no number, and name the circuit.

        Raises:
            DivergedError: there is one.
        """
        for name, loss in losses.items():
            if not bool(loss.isfinite()):
                raise DivergedError(
                    f"training broke down in epoch {self.current_epoch} on design {circuit.name}: "
                    f"its {name} loss is {float(loss.detach())}"
                )

    @torch.no_grad()
    def _move_target(self) -> None:
        m = self.config.momentum
        for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
            target.mul_(m).add_(online, alpha=1 - m)


def drawn(
    nodes: NodeStorage, sample: int, repetition: float = 1.0, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Rows of one node type to compare, and how much each counts, [B] twice.

    A row that stands for n nodes counts n^repetition. While there are no more than `sample` rows, all are
    taken and losses are exact. Of more rows, `sample` are drawn in proportion to what they count and count as
    often as they are drawn, so that every weighted mean is right in expectation.
    """
    count = len(nodes.x)
    device = nodes.x.device
    law = torch.ones(count) if "members" not in nodes else nodes.members.double().cpu() ** repetition
    if count <= sample:
        return torch.arange(count, device=device), law.float().to(device)
    if "members" not in nodes or not repetition:
        rows = torch.randperm(count, generator=generator)[:sample]
        return rows.to(device), torch.ones(sample, device=device)
    hits = torch.multinomial(law, sample, replacement=True, generator=generator)
    rows, times = torch.unique(hits, return_counts=True)
    return rows.to(device), times.float().to(device)


def stacked(states: Mapping[str, Tensor]) -> Tensor:
    """All nodes in the order of `INPUT_WIDTHS`, [N, H]."""
    return torch.cat([states[name] for name in INPUT_WIDTHS])


def _chosen(states: Mapping[str, Tensor], sampled: Sampled) -> Tensor:
    return torch.cat([states[name][rows] for name, (rows, _) in sampled.items()])


def _stacked_rows(sampled: Sampled, counts: Mapping[str, int]) -> Tensor:
    """Sampled rows as rows of the stacked nodes."""
    start, found = 0, []
    for name in INPUT_WIDTHS:
        found.append(start + sampled[name][0])
        start += counts[name]
    return torch.cat(found)


def propagate(states: Tensor, data: HeteroData, hops: int) -> Tensor:
    r"""Topology constraint :math:`\hat A^k h` over all node types.

    :math:`\hat A = D^{-1/2}(A+I)D^{-1/2}` is the normalised adjacency of the circuit.

    Args:
        states: [N, H], nodes stacked in the order of `INPUT_WIDTHS`.
        data: the circuit.
        hops: k.
    """
    start, offset = 0, {}
    for name in INPUT_WIDTHS:
        offset[name] = start
        start += int(data[name].num_nodes)
    pairs, counts = [], []
    for relation, index in both_directions(data).items():
        pairs.append(torch.stack([index[0] + offset[relation[0]], index[1] + offset[relation[2]]]))
        counts.append(multiplicities(data, relation, index))
    row, column = torch.cat(pairs, dim=1)
    count = torch.cat(counts).to(states.dtype)
    degree = torch.ones(len(states), dtype=states.dtype, device=states.device).index_add(0, column, count)
    scale = degree.rsqrt().unsqueeze(1)
    for _ in range(hops):
        scaled = states * scale
        heard = torch.zeros_like(states).index_add(0, column, scaled[row] * count.unsqueeze(1))
        states = (scaled + heard) * scale
    return states
