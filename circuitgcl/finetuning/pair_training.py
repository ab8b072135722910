"""Training of the pair model: end to end on the labels of some designs, as a Lightning module."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from circuitgcl.config import name_choices
from circuitgcl.errors import DataError
from circuitgcl.finetuning.pair_rows import PairLabels
from circuitgcl.finetuning.tasks import (
    HUBER_DECADES,
    CapacitanceClasses,
    CapacitanceRegression,
    ClassLoss,
    RegressionLoss,
)
from circuitgcl.losses import huber_loss, mse_loss
from circuitgcl.models.checkpoint import EncoderCheckpoint
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.models.pair_model import PairModel, PairModelConfig, PairOutputs
from circuitgcl.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class PairTrainingConfig:
    """Settings of the training of a pair model."""

    model: PairModelConfig = field(default_factory=PairModelConfig)
    loss: RegressionLoss = RegressionLoss.MSE
    class_loss: ClassLoss = ClassLoss.BSCE  # of the coupling classes
    max_epochs: int = 30
    seed: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    frozen: bool = False  # the encoder stays as it was pretrained

    def __post_init__(self) -> None:
        name_choices(self)


class PairModule(lightning.LightningModule):
    """Trains a pair model, one design per step: coupling, its existence and class, and load."""

    def __init__(self, model: PairModel, designs: Sequence[PairLabels], config: PairTrainingConfig) -> None:
        super().__init__()
        self.model, self.config = model, config
        coupled = torch.cat([d.coupled for d in designs])
        loaded = torch.cat([d.loaded for d in designs])
        self.coupling_loss = WeightedRegression(torch.cat([d.decades for d in designs]), coupled, config.loss)
        self.load_loss = WeightedRegression(torch.cat([d.load_decades for d in designs]), loaded, config.loss)
        counts = torch.stack([d.classes.sum(dim=0) for d in designs]).sum(dim=0)
        self.class_loss = CapacitanceClasses(counts, config.class_loss)
        model.encoder.requires_grad_(not config.frozen)

    def configure_optimizers(self) -> Any:
        """AdamW with a cosine schedule."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def training_step(self, design: PairLabels, _index: int) -> Tensor:
        """Loss of one design."""
        loss = torch.stack(list(self.losses(design).values())).sum()
        self.log("loss", loss.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=1)
        return loss

    def losses(self, design: PairLabels) -> dict[str, Tensor]:
        """Losses of `coupling`, `coupling_class`, `existence` and `load` on one design, scalars."""
        sides = self.model.sides(design.graph)
        outputs = self.model.pairs(sides, design.ends, design.relative)
        load = self.model.load(sides[: design.graph.nets])
        row, place = design.classes.nonzero(as_tuple=True)
        return {
            "coupling": self.coupling_loss(outputs.decades, design.decades, design.coupled),
            "coupling_class": self.class_loss(outputs.class_logits[row], place, design.classes[row, place]),
            "existence": _existence_loss(outputs, design),
            "load": self.load_loss(load, design.load_decades, design.loaded),
        }


def _existence_loss(outputs: PairOutputs, design: PairLabels) -> Tensor:
    """Binary cross-entropy over all pairs of which is known whether they couple."""
    count = design.coupled + design.absent
    if not count.any():
        return outputs.existence_logit.sum() * 0.0
    share = design.coupled / count.clamp(min=1)
    total = nn.functional.binary_cross_entropy_with_logits(
        outputs.existence_logit, share, weight=count, reduction="sum"
    )
    return total / count.sum()


class WeightedRegression(nn.Module):
    """Loss of log10 estimates that count several times each.

    Args:
        decades: [I] training labels.
        count: [I] how often each occurs.
        kind: the loss.
    """

    def __init__(self, decades: Tensor, count: Tensor, kind: RegressionLoss) -> None:
        super().__init__()
        labels = decades.double().numpy().repeat(count.long().numpy())
        self.regression = CapacitanceRegression(10.0**labels, kind, censored_weight=0.0)

    def forward(self, estimate: Tensor, truth: Tensor, count: Tensor) -> Tensor:
        """Mean loss over the rows that count."""
        present = count > 0
        if not present.any():
            return estimate.sum() * 0.0
        estimate, truth, count = estimate[present], truth[present], count[present]
        balanced, density = self.regression.balanced, self.regression.density
        if balanced is not None:
            loss: Tensor = balanced(estimate, truth, count)
            return loss
        if self.regression.kind is RegressionLoss.HUBER:
            return huber_loss(estimate, truth, HUBER_DECADES, count)
        return mse_loss(estimate, truth, count if density is None else count * density(truth))


def fit_pair_model(
    designs: Sequence[PairLabels],
    config: PairTrainingConfig,
    *,
    folder: str | Path,
    encoder: EncoderCheckpoint | None = None,
    widths: Mapping[str, int] = INPUT_WIDTHS,
    accelerator: str = "auto",
) -> PairModel:
    """Train a pair model on labelled designs.

    Args:
        designs: `pair_labels` or `pin_labels` of circuits, or `raw_labels` of public graphs.
        config: settings.
        folder: run folder; an unfinished run in it is resumed.
        encoder: pretrained encoder; untrained weights when absent.
        widths: columns of the node features, where they are not those of our circuit graphs.
        accelerator: Lightning accelerator (`auto`, `cpu`, `cuda`).

    Raises:
        DataError: no coupling or no load above the floor, or an encoder of another make.
    """
    if not any(d.coupled.any() for d in designs) or not any(d.loaded.any() for d in designs):
        raise DataError("no coupling or no load to train a pair model on; do the designs have an extraction?")
    run = RunFolder(Path(folder), config)
    lightning.seed_everything(config.seed, verbose=False)
    model = PairModel(config.model, designs[0].relative.shape[1], widths)
    if encoder is not None:
        if encoder.encoder.config != config.model.encoder:
            raise DataError(
                f"the pretrained encoder is {encoder.encoder.config}, the model asks for "
                f"{config.model.encoder}; set model.encoder to match"
            )
        model.encoder = copy.deepcopy(encoder.encoder)
    else:
        model.encoder.fit_inputs(design.graph.hetero for design in designs)
    _fit_scales(model, designs)
    rows: Any = list(designs)  # a list serves as a data set
    loader: DataLoader[PairLabels] = DataLoader(rows, shuffle=True, collate_fn=_single)
    module = PairModule(model, designs, config)
    run.fit(run.trainer(max_epochs=config.max_epochs, accelerator=accelerator), module, loader)
    run.finish()
    return model.cpu().eval()


def _fit_scales(model: PairModel, designs: Sequence[PairLabels]) -> None:
    """Scales of relative structure and of labels, on the training designs."""
    model.relative_scale.fit(d.relative for d in designs)
    for scale, decades, count in (
        (model.coupling_scale, "decades", "coupled"),
        (model.load_scale, "load_decades", "loaded"),
    ):
        scale.fit(*(torch.cat([getattr(d, name) for d in designs]) for name in (decades, count)))


def _single(batch: list[PairLabels]) -> PairLabels:
    return batch[0]
