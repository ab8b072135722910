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
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import NodeStorage

from circuitgcl.losses import alignment_loss, centre_scattering_loss, decorrelation_loss, uniformity_loss
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS, both_directions, multiplicities
from circuitgcl.pretraining.monitors import representation_figures

log = logging.getLogger(__name__)

COLLAPSED_RANK_SHARE = 0.05


class ScatteringPreset(StrEnum):
    """Which scattering objective to use."""

    DEFAULT = "default"
    PUBLISHED = "published"


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of a pretraining run."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    preset: ScatteringPreset = ScatteringPreset.DEFAULT
    max_epochs: int = 30
    seed: int = 0
    learning_rate: float = 1e-3
    momentum: float = 0.99  # m of the exponential moving average
    hops: int = 2  # k of the topology constraint
    temperature: float = 2.0  # t of the uniformity term
    uniformity_weight: float = 1.0
    decorrelation_weight: float = 0.1
    sample: int = 512  # nodes of each type per step: uniformity compares all pairs
    quotient: bool = (
        True  # encode structural classes, each as often as it has members; the same losses, sooner
    )


class ScatteringModule(lightning.LightningModule):
    """Online encoder, target encoder and predictor.

    One step: scatter the target, align the online encoder to it, then move the target towards the online
    encoder.
    """

    def __init__(self, config: PretrainConfig | None = None) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config = config or PretrainConfig()
        width = config.encoder.width
        self.online = CircuitEncoder(config.encoder)
        self.target = copy.deepcopy(self.online)
        self.predictor = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.figures: dict[str, float] = {}
        self._steps: list[dict[str, float]] = []

    def configure_optimizers(self) -> Any:
        """One optimiser for scattering the target, one for the online side."""
        rate = self.config.learning_rate
        online = [*self.online.parameters(), *self.predictor.parameters()]
        return [torch.optim.AdamW(self.target.parameters(), lr=rate), torch.optim.AdamW(online, lr=rate)]

    def scattering(self, representation: Tensor) -> Tensor:
        """Scattering objective of the preset on [B, H] representations."""
        unit = normalize(representation, dim=1)
        loss = centre_scattering_loss(unit)
        if self.config.preset is ScatteringPreset.PUBLISHED:
            return loss
        spread = uniformity_loss(unit, self.config.temperature)
        decorrelation = decorrelation_loss(representation)
        return (
            loss + self.config.uniformity_weight * spread + self.config.decorrelation_weight * decorrelation
        )

    def training_step(self, batch: HeteroData, _index: int) -> None:
        """One design, two updates and the moving average."""
        optimizers: Any = self.optimizers()
        scatter_optimizer, online_optimizer = optimizers
        rows = self._sampled(batch)
        target = _stacked(self.target(batch))[rows]
        scattering = self.scattering(target)
        scatter_optimizer.zero_grad()
        self.manual_backward(scattering)
        scatter_optimizer.step()

        with torch.no_grad():
            goal = _stacked(self.target(batch))[rows]
        online = _stacked(self.online(batch))
        constrained = online + propagate(online, batch, self.config.hops)
        prediction = self.predictor(constrained[rows])
        alignment = alignment_loss(prediction, goal)
        online_optimizer.zero_grad()
        self.manual_backward(alignment)
        online_optimizer.step()
        self._move_target()
        self._steps.append(representation_figures(online[rows].detach(), prediction.detach(), goal))
        self.log("scattering", scattering.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=1)
        self.log(
            "alignment_loss", alignment.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=1
        )

    def on_train_epoch_end(self) -> None:
        """Average the monitors over the designs and say so when the representation collapses."""
        self.figures = {key: sum(s[key] for s in self._steps) / len(self._steps) for key in self._steps[0]}
        self._steps.clear()
        self.log_dict({key: value for key, value in self.figures.items() if key != "dim"})
        if self.figures["effective_rank"] < COLLAPSED_RANK_SHARE * self.figures["dim"]:
            log.warning(
                "the representation collapses: effective rank %.1f of %d dimensions",
                self.figures["effective_rank"],
                int(self.figures["dim"]),
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the monitors: a run killed after its last epoch has no step left to measure them in."""
        checkpoint["figures"] = self.figures

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the monitors of the interrupted run."""
        self.figures = checkpoint["figures"]

    def _sampled(self, batch: HeteroData) -> Tensor:
        """Rows of the stacked nodes to compare: up to `sample` of each type.

        On a quotient graph the members of a class are drawn, not the classes: the losses see what they would
        see on the full graph. Dropout masks are those of classes, alike for all members.
        """
        rows, start = [], 0
        for name in INPUT_WIDTHS:
            count = batch[name].num_nodes
            rows.append(start + _drawn(batch[name], self.config.sample, self.device))
            start += count
        return torch.cat(rows)

    @torch.no_grad()
    def _move_target(self) -> None:
        m = self.config.momentum
        for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
            target.mul_(m).add_(online, alpha=1 - m)


def _drawn(nodes: NodeStorage, sample: int, device: torch.device) -> Tensor:
    """Rows of up to `sample` flat nodes, none twice."""
    if "members" not in nodes:
        return torch.randperm(nodes.num_nodes, device=device)[:sample]
    ends = nodes.members.cumsum(0)
    chosen = torch.randperm(int(ends[-1]), device=device)[:sample]
    return torch.searchsorted(ends, chosen, right=True)


def _stacked(states: dict[str, Tensor]) -> Tensor:
    return torch.cat([states[name] for name in INPUT_WIDTHS])


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
