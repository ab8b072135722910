"""Training of the pair model: end to end on the labels of some designs, as a Lightning module.

Pairs that the model cannot tell apart are one row with the mean of their labels, weighted by how many there
are; with a squared error that changes no gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable
from circuitgcl.errors import DataError
from circuitgcl.finetuning.tasks import HUBER_DECADES, CapacitanceRegression, RegressionLoss
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.hashing import combined, hashed, row_hashes, unordered
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.losses import huber_loss, mse_loss
from circuitgcl.models.checkpoint import EncoderCheckpoint
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.models.pair_model import PairGraph, PairModel, PairModelConfig
from circuitgcl.models.scaling import FLOOR_FF
from circuitgcl.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class PairTrainingConfig:
    """Settings of the training of a pair model."""

    model: PairModelConfig = field(default_factory=PairModelConfig)
    loss: RegressionLoss = RegressionLoss.MSE
    max_epochs: int = 30
    seed: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    frozen: bool = False  # the encoder stays as it was pretrained


@dataclass(frozen=True, kw_only=True)
class PairLabels:
    """Rows of one design: R distinct pairs, N rows of nets, P of pins."""

    graph: PairGraph
    ends: Tensor  # [R, 2] rows of nets, or N + rows of pins
    relative: Tensor  # [R, F]
    decades: Tensor  # [R] mean log10 of femtofarad of the pairs that couple
    coupled: Tensor  # [R] how many couple above the floor
    absent: Tensor  # [R] how many candidates do not
    load_decades: Tensor  # [N] mean log10 of femtofarad
    loaded: Tensor  # [N] how many nets of the row have load above the floor

    def to(self, device: torch.device | str) -> PairLabels:
        """The same design on another device."""
        return PairLabels(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def pair_graph(graph: CircuitGraph, layers: int) -> PairGraph:
    """Quotient of a circuit graph for an encoder of so many layers."""
    circuit, rails, features = graph.circuit, graph.rails, graph.net_features
    colours = structural_colours(circuit, rails, features, layers)
    quotient = quotient_graph(circuit, rails, features, colours)
    return PairGraph(
        hetero=quotient.to_hetero(),
        net_row=torch.from_numpy(quotient.net.row_class.astype(np.int64)),
    )


def pair_labels(table: PairTable, config: PairModelConfig) -> PairLabels:
    """What a pair model learns from a design."""
    graph = pair_graph(table.graph, config.encoder.layers)
    net_row = graph.net_row.numpy()
    ends = net_row[table.pair]
    key = unordered(hashed(ends[:, 0]), hashed(ends[:, 1]))
    if config.relative:
        key = combined(key, row_hashes(table.relative))
    _, first, row = np.unique(key, return_index=True, return_inverse=True)
    truth = table.truth_ff
    candidate = np.arange(len(truth)) < table.candidates
    decades, coupled = _means(row.ravel(), truth, len(first))
    assert table.design.labels is not None
    load, loaded = _means(net_row, table.design.labels.load_farad / FARAD_PER_FEMTO, graph.nets)
    absent = np.bincount(row.ravel()[candidate & (truth <= FLOOR_FF)], minlength=len(first))
    return PairLabels(
        graph=graph,
        ends=torch.from_numpy(ends[first]),
        relative=torch.from_numpy(table.relative[first]),
        decades=decades,
        coupled=coupled,
        absent=torch.from_numpy(absent).float(),
        load_decades=load,
        loaded=loaded,
    )


def _means(row: NDArray[np.integer], truth_ff: NDArray[np.float64], rows: int) -> tuple[Tensor, Tensor]:
    """Mean log10 and number of the labels above the floor, by row; 0 where there is none."""
    present = truth_ff > FLOOR_FF
    count = np.bincount(row[present], minlength=rows)
    total = np.bincount(row[present], weights=np.log10(truth_ff[present]), minlength=rows)
    return torch.from_numpy(total / np.maximum(count, 1)).float(), torch.from_numpy(count).float()


class PairModule(lightning.LightningModule):
    """Trains a pair model, one design per step: coupling, its existence, and load."""

    def __init__(self, model: PairModel, designs: Sequence[PairLabels], config: PairTrainingConfig) -> None:
        super().__init__()
        self.model, self.config = model, config
        coupled = torch.cat([d.coupled for d in designs])
        loaded = torch.cat([d.loaded for d in designs])
        self.coupling_loss = WeightedRegression(torch.cat([d.decades for d in designs]), coupled, config.loss)
        self.load_loss = WeightedRegression(torch.cat([d.load_decades for d in designs]), loaded, config.loss)
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
        sides = self.model.sides(design.graph)
        outputs = self.model.pairs(sides, design.ends, design.relative)
        loss: Tensor = self.coupling_loss(outputs.decades, design.decades, design.coupled)
        loss = loss + self.load_loss(
            self.model.load(sides[: design.graph.nets]), design.load_decades, design.loaded
        )
        count = design.coupled + design.absent
        if count.any():
            share = design.coupled / count.clamp(min=1)
            existence = nn.functional.binary_cross_entropy_with_logits(
                outputs.existence_logit, share, weight=count, reduction="sum"
            )
            loss = loss + existence / count.sum()
        self.log("loss", loss.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=1)
        return loss


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
        designs: `pair_labels` of circuits, or `raw_labels` of public graphs.
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
