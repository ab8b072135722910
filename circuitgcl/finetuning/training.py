"""Training of the capacitance heads on labelled designs, as a Lightning module."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import lightning
import torch
from torch import Tensor, nn

from circuitgcl.config import name_choices
from circuitgcl.data.tensors import DesignTensors
from circuitgcl.errors import ConfigError
from circuitgcl.finetuning.memory_fitting import MemoryConfig, MemoryTarget, fit_memory, joining, meeting
from circuitgcl.finetuning.pair_contrast import last_inputs, pair_contrast
from circuitgcl.finetuning.task_weights import TaskWeights, UncertaintyWeights
from circuitgcl.finetuning.tasks import (
    ClassLoss,
    CouplingTask,
    LoadTask,
    RegressionLoss,
)
from circuitgcl.finetuning.tree_fitting import TreesConfig, fit_trees
from circuitgcl.graph.feature_schema import COLUMNS
from circuitgcl.losses import BalancedMSEKind
from circuitgcl.models.capacitance import (
    DECADE,
    CapacitanceModel,
    ContextOutputs,
    CouplingOutputs,
    LoadOutputs,
    ModelConfig,
    coupling_tree_inputs,
    load_tree_inputs,
)
from circuitgcl.models.extents import meet_in_leaf_cells
from circuitgcl.models.memory import ContextMemory
from circuitgcl.models.scaling import FLOOR_FF, TargetScale

IS_LEAF = COLUMNS["terminal"]["is_leaf"]
# natural logarithms, of a body beside a leaf cell
BODY_GUESS = -3.0
BODY_LOAD_GUESS = -1.0  # wires between cells have load of their own
GOLDEN_STEP = (math.sqrt(5.0) - 1.0) / 2.0  # fills the unit interval evenly
FORCED_LOAD_NOISE = 0.03  # decades, about what known cells are wrong by
_BY_EPOCH: Any = {"on_step": False, "on_epoch": True, "batch_size": 1, "sync_dist": True}


class Contributions(StrEnum):
    """What estimates the capacitance of contexts and terminals."""

    TREES = "trees"  # boosted trees; the networks tell existence and classes, and other label laws
    NETWORKS = "networks"


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """Settings of a finetuning run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    contributions: Contributions = Contributions.TREES
    trees: TreesConfig = field(default_factory=TreesConfig)
    max_epochs: int = 60
    seed: int = 0
    learning_rate: float = 2e-3
    encoder_learning_rate: float = 0.0  # 0 keeps the pretrained encoder as it is
    encoder_layers: int = 0  # of the encoder, from the last one, that learn; all when 0
    noise_learning_rate: float = 2e-3  # of the noise scale of balanced losses
    weight_decay: float = 1e-3
    # train on structural classes: the same losses, sooner; but rows of one class share what dropout drops,
    # so with dropout it is another model
    quotient: bool = False
    step_nets: int = 1500  # smaller designs share a step
    stop_on: str = ""  # families, as 'a*,b', that train no network but tell when to stop
    patience: int = 5  # epochs without a better loss on these
    loss: RegressionLoss = RegressionLoss.GAI
    class_loss: ClassLoss = ClassLoss.BSCE
    censored_weight: float = 0.01
    task_weights: TaskWeights = TaskWeights.EQUAL
    conr_weight: float = 0.0  # of what keeps pairs of different coupling apart (`losses.conr`)
    calibration_folds: int = 3  # family-wise folds whose held-out errors make the intervals; 0 for none

    def __post_init__(self) -> None:
        name_choices(self)
        if not (self.conr_weight >= 0 and math.isfinite(self.conr_weight)):
            raise ConfigError(f"conr_weight = {self.conr_weight:g}; expected a number of at least 0")


class FinetuneModule(lightning.LightningModule):
    """Trains the heads of a `CapacitanceModel`, one design per step; memories stay empty meanwhile."""

    def __init__(
        self, model: CapacitanceModel, designs: Sequence[DesignTensors], config: FinetuneConfig
    ) -> None:
        super().__init__()
        self.model, self.config = model, config
        scale = TargetScale.named(model.config.target_scale)
        kind, censored = config.loss, config.censored_weight
        references = [model.reference_log(design) for design in designs]
        self.coupling_task = CouplingTask(designs, kind, censored, references=references)
        self.load_task = LoadTask(designs, scale, kind, censored, config.class_loss, references=references)
        is_learned = config.task_weights is TaskWeights.UNCERTAINTY
        self.task_weights = UncertaintyWeights() if is_learned else None
        self._embeddings: dict[int, Tensor] = {}
        if not config.encoder_learning_rate:
            model.encoder.requires_grad_(False)
        elif config.encoder_layers:
            keep_lower_layers(model.encoder, config.encoder_layers)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Training mode for everything that learns; a frozen encoder drops nothing."""
        super().train(mode)
        if not self.config.encoder_learning_rate:
            self.model.encoder.eval()
        return self

    def configure_optimizers(self) -> Any:
        """AdamW with a rate of its own for the encoder, and a cosine schedule."""
        config = self.config
        encoder = list(self.model.encoder.parameters())
        noise = [p for name, p in self.named_parameters() if "log_noise_scale" in name]
        elsewhere = {id(parameter) for parameter in (*encoder, *noise)}
        heads = [p for p in self.parameters() if id(p) not in elsewhere]
        groups: list[dict[str, Any]] = [{"params": heads, "lr": config.learning_rate}]
        if config.encoder_learning_rate:
            learning = [p for p in encoder if p.requires_grad]
            groups.append({"params": learning, "lr": config.encoder_learning_rate})
        if noise:  # decay would pull the scale towards one decade
            groups.append({"params": noise, "lr": config.noise_learning_rate, "weight_decay": 0.0})
        optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def embedding(self, design: DesignTensors) -> Tensor:
        """Net embeddings; computed once per design while the encoder is frozen."""
        if self.config.encoder_learning_rate:
            return self.model.embed(design)
        key = id(design.hetero)
        if key not in self._embeddings:
            with torch.no_grad():
                self._embeddings[key] = self.model.embed(design)
        return self._embeddings[key]

    def training_step(self, designs: list[DesignTensors], _index: int) -> Tensor:
        """Mean loss of the designs of one step, by their nets."""
        nets = [design.nets for design in designs]
        losses = [
            self.loss(design) * (count / sum(nets)) for design, count in zip(designs, nets, strict=True)
        ]
        loss = torch.stack(losses).sum()
        self.log("loss", loss.detach(), prog_bar=True, **_BY_EPOCH)
        return loss

    def validation_step(self, designs: list[DesignTensors], _index: int) -> None:
        """Loss of a design that tells when to stop, on the balanced scale as in training."""
        self.model.training = True
        # learned weights drift from epoch to epoch, and would be judged instead of the model
        self.log("held_out_loss", _total(self.losses(designs[0])), **_BY_EPOCH)
        self.model.training = False

    def loss(self, design: DesignTensors) -> Tensor:
        """Weighted sum of the losses of all tasks on one design."""
        if not self.config.conr_weight:
            return self._weighted(self.losses(design))
        with last_inputs(self.model.context_head) as described:
            losses, coupling = self._losses(design)
        contrast = pair_contrast(design, torch.cat(described), coupling.farad_log)
        return self._weighted(losses) + self.config.conr_weight * contrast

    def _weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        if self.task_weights is None:
            return _total(losses)
        balanced = {
            "coupling": self.coupling_task.regression.balanced,
            "load": self.load_task.regression.balanced,
        }
        noise = {name: task.noise_scale for name, task in balanced.items() if task is not None}
        weighted: Tensor = self.task_weights(losses, noise)
        return weighted

    def losses(self, design: DesignTensors) -> dict[str, Tensor]:
        """Losses of the tasks on one design."""
        return self._losses(design)[0]

    def _losses(self, design: DesignTensors) -> tuple[dict[str, Tensor], CouplingOutputs]:
        """Losses of the tasks, and what is said of the pair rows."""
        labels = design.labels
        assert labels is not None
        embedding = self.embedding(design)
        outputs = self.model.contexts(design, embedding)
        load = self.model.load(design, embedding, outputs).of(design.net_row)
        load = self._forced(design, embedding, load)
        coupling, reference = self.model.coupling(design, outputs), self.model.reference_log(design)
        flat = coupling.of(design.pair_row)
        found = self.coupling_task.losses(flat, labels.candidate_ff, reference)
        return found | self.load_task.losses(load, labels.load_ff, reference), coupling

    def _forced(self, design: DesignTensors, embedding: Tensor, load: LoadOutputs) -> LoadOutputs:
        """Classes told by the labelled load and noise.

        The networks' load is on the balanced scale, and the trees' is not there yet.
        """
        labels = design.labels
        assert labels is not None
        truth = labels.load_ff.clamp(min=FLOOR_FF).log()
        told = truth + FORCED_LOAD_NOISE * DECADE * _even_noise(len(truth)).to(truth)
        told = told.where(torch.isfinite(told), load.farad_log)
        return replace(load, class_logits=self.model.class_logits(design, embedding, told, design.net_row))

    def set_label_laws(self) -> None:
        """Hand the training label laws to the model, which needs them to leave the balanced scale again."""
        model = self.model
        for task, law in ((self.coupling_task, model.coupling_law), (self.load_task, model.load_law)):
            balanced = task.regression.balanced
            if balanced is not None and balanced.kind is BalancedMSEKind.GAI:
                law.set(balanced.places, balanced.variances, balanced.weights, balanced.noise_scale.detach())


def _even_noise(count: int) -> Tensor:
    """[count] normal numbers that are the same for every design and process: quantiles in golden steps."""
    place = (0.5 + GOLDEN_STEP * torch.arange(count, dtype=torch.double)) % 1.0
    noise: Tensor = torch.special.ndtri(place.clamp(1e-6, 1.0 - 1e-6))
    return noise


def _total(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def keep_lower_layers(encoder: nn.Module, layers: int) -> None:
    """Let only the last layers of an encoder learn: lower ones hold what all circuits share."""
    encoder.requires_grad_(False)
    for part in encoder.children():
        if isinstance(part, nn.ModuleList):
            part[-layers:].requires_grad_(True)


def fit_scales(model: CapacitanceModel, designs: Sequence[DesignTensors]) -> None:
    """Fit the feature scales on the training designs; classes count as often as they occur."""
    signal_rows = [d.net_row[d.signal[d.net_row]] for d in designs]
    model.net_scale.fit(d.net_features[rows] for d, rows in zip(designs, signal_rows, strict=True))
    model.terminal_scale.fit(d.terminal_features[d.terminal_row] for d in designs)
    model.pair_scale.fit(d.context_features[d.context_row] for d in designs)
    model.encoder.eval()
    with torch.no_grad():
        model.embedding_scale.fit(model.embed(d)[rows] for d, rows in zip(designs, signal_rows, strict=True))


def fit_contribution_trees(
    model: CapacitanceModel, designs: Sequence[DesignTensors], config: TreesConfig, *, seed: int
) -> None:
    """Grow the trees of a model on labelled designs; those it has stay, and the new ones add to them.

    They add to what a calibration has put on contexts and terminals, too.
    """
    coupling = []
    for design in designs:
        start = model.adjustment(model.tree_start(design), design.context_features)
        coupling.append(meeting(design, start))
    inputs = [coupling_tree_inputs(design) for design in designs]
    guess = [coupling_guess(design) for design in designs]
    model.coupling_trees = fit_trees(
        coupling, inputs, config, seed=seed, guess=guess, older=model.coupling_trees
    )
    load = []
    for design, outputs in zip(designs, _outputs(model, designs), strict=True):
        start = model.reference_log(design) + model.adjustment.load
        start = start.expand(len(design.terminal_features))
        load.append(joining(design, start, model.tied_load(design, outputs)))
    inputs = [load_tree_inputs(design) for design in designs]
    guess = [torch.where(d.terminal_features[:, IS_LEAF] > 0, 0.0, BODY_LOAD_GUESS) for d in designs]
    model.load_trees = fit_trees(load, inputs, config, seed=seed, guess=guess, older=model.load_trees)


def coupling_guess(design: DesignTensors) -> Tensor:
    """What contexts contribute before anything is learned, [K] natural logarithms.

    Two nets that meet in leaf cells meet in the bodies above as well. What they have in a leaf cell they have
    wherever it stands, so a body is asked only for what leaf cells do not explain.
    """
    return torch.where(meet_in_leaf_cells(design), 0.0, BODY_GUESS)


def fit_memories(
    model: CapacitanceModel, designs: Sequence[DesignTensors], config: MemoryConfig, *, salt: int
) -> None:
    """Fit the three memories of a model with trained networks."""
    for name in ("coupling_memory", "existence_memory", "load_memory"):
        setattr(model, name, ContextMemory())
    found = _outputs(model, designs)
    coupling = [meeting(design, outputs.weight) for design, outputs in zip(designs, found, strict=True)]
    existence = [meeting(design, outputs.hazard) for design, outputs in zip(designs, found, strict=True)]
    model.coupling_memory = fit_memory(coupling, MemoryTarget.CAPACITANCE, config, salt=salt)
    model.existence_memory = fit_memory(existence, MemoryTarget.EXISTENCE, config, salt=salt)
    load = [  # with what the memories of couplings say of rails
        joining(design, outputs.load, model.tied_load(design, outputs))
        for design, outputs in zip(designs, found, strict=True)
    ]
    model.load_memory = fit_memory(load, MemoryTarget.CAPACITANCE, config, salt=salt)


@torch.no_grad()
def _outputs(model: CapacitanceModel, designs: Sequence[DesignTensors]) -> list[ContextOutputs]:
    """What the model says of the contexts and terminals of every design."""
    model.eval()
    return [model.contexts(design, model.embed(design)) for design in designs]
