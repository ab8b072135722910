"""The methods of the benchmark: each trains on the tables of some designs and estimates others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from split_suite.definitions import Split

from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable, PairView
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation.baselines import BaselineTreesConfig, BoostedTrees, RelationMean
from circuitgcl.evaluation.protocol import DesignEstimate, model_estimate, pair_model_estimate
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.calibration import CalibrateConfig, calibrate
from circuitgcl.finetuning.pair_rows import pair_labels
from circuitgcl.finetuning.pair_training import PairTrainingConfig, fit_pair_model
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.finetuning.training import Contributions
from circuitgcl.models.checkpoint import EncoderCheckpoint, ModelCheckpoint, load_encoder, load_model
from circuitgcl.models.convolutions import LayerKind
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.pair_model import PairModelConfig
from circuitgcl.pretraining.config import PretrainConfig, ScatteringPreset, preset_config
from circuitgcl.pretraining.running import pretrain

Estimator = Callable[[PairTable], DesignEstimate]
PRETRAINING_STEPS, FINETUNING_STEPS = 100, 300  # designs x epochs, about
EPOCHS = {"pretraining": (4, 20), "finetuning": (8, 200), "pairs": (5, 50)}  # least and most


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a method is given: labelled designs and where runs go."""

    tables: Sequence[PairTable]
    seed: int
    folder: Path  # of these training designs and this seed
    folds: int  # of families, for calibrated intervals
    calibrating: Sequence[PairTable] = ()  # designs with a few labels
    labels: int = 0  # how many couplings, and loads

    @cached_property
    def primary(self) -> list[PairTable]:
        """The training designs but for the blocks cut out of another one, told by name: `macro__block`."""
        names = {table.design.files.name for table in self.tables}
        return [t for t in self.tables if t.design.files.name.rpartition("__")[0] not in names]

    def encoder(self, config: PretrainConfig) -> EncoderCheckpoint:
        """An encoder pretrained on the whole training designs, without labels; once for all methods."""
        folder = self.folder / f"encoder-{config.preset}"
        if (folder / "metrics.json").is_file():
            return load_encoder(folder)
        graphs = [table.graph for table in self.primary]
        return pretrain(graphs, replace(config, seed=self.seed), folder=folder, accelerator="cpu")


def _epochs(stage: str, steps: int, designs: int) -> int:
    least, most = EPOCHS[stage]
    return min(max(steps // designs, least), most)


def relation_mean(training: Training) -> Estimator:
    """Mean by relation."""
    return RelationMean.fit(training.tables).estimate


def trees(view: PairView) -> Callable[[Training], Estimator]:
    """Boosted trees with one view of the pairs."""

    def fit(training: Training) -> Estimator:
        return BoostedTrees.fit(training.tables, BaselineTreesConfig(view=view, seed=training.seed)).estimate

    return fit


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The capacitance model, pretrained and finetuned on the training designs, calibrated where asked."""

    contributions: Contributions = Contributions.TREES
    loss: RegressionLoss = RegressionLoss.GAI

    def config(self, training: Training) -> FinetuneConfig:
        """Settings of the finetuning."""
        return FinetuneConfig(
            seed=training.seed,
            contributions=self.contributions,
            loss=self.loss,
            max_epochs=_epochs("finetuning", FINETUNING_STEPS, len(training.tables)),
            calibration_folds=training.folds,
        )

    def __call__(self, training: Training) -> Estimator:
        """Train it, or take what was trained for another split on the same designs."""
        folder = training.folder / f"{self.contributions}-{self.loss}"
        checkpoint = (
            load_model(folder) if (folder / "metrics.json").is_file() else self.trained(training, folder)
        )
        if training.calibrating:
            config = CalibrateConfig(labels=training.labels, seed=training.seed)
            # a diode cell has no coupling to calibrate with
            designs = [
                table.design
                for table in training.calibrating
                if (table.truth_ff * FARAD_PER_FEMTO > config.min_cap_farad).any()
            ]
            checkpoint = calibrate(checkpoint, designs, config, folder=folder / f"labels-{training.labels}")
        predictor = Predictor(checkpoint, "cpu")
        if training.folds or training.calibrating:
            return lambda table: model_estimate(predictor, table)
        # intervals that no held-out error made would be the widest there are
        return lambda table: replace(
            model_estimate(predictor, table), coupling_interval=None, load_interval=None
        )

    def trained(self, training: Training, folder: Path) -> ModelCheckpoint:
        """A model trained from scratch."""
        config = self.config(training)
        epochs = _epochs("pretraining", PRETRAINING_STEPS, len(training.primary))
        encoder = training.encoder(PretrainConfig(encoder=config.model.encoder, max_epochs=epochs))
        designs = [table.design for table in training.tables]
        return finetune(designs, config, folder=folder, encoder=encoder, accelerator="cpu")


@dataclass(frozen=True, kw_only=True)
class PairMethod:
    """A graph network with a pair head, trained end to end on the whole training designs."""

    encoder: EncoderConfig
    relative: bool = False
    loss: RegressionLoss = RegressionLoss.MSE
    pretraining: PretrainConfig | None = None  # none when absent
    steps: int = 150  # designs x epochs, about

    def config(self, designs: int, seed: int) -> PairTrainingConfig:
        """Settings for so many designs."""
        return PairTrainingConfig(
            model=PairModelConfig(encoder=self.encoder, relative=self.relative),
            loss=self.loss,
            max_epochs=_epochs("pairs", self.steps, designs),
            seed=seed,
        )

    def __call__(self, training: Training) -> Estimator:
        """Train it."""
        config = self.config(len(training.primary), training.seed)
        encoder = None if self.pretraining is None else training.encoder(self.pretraining)
        labels = [pair_labels(table, config.model) for table in training.primary]
        with tempfile.TemporaryDirectory(dir=training.folder) as folder:
            model = fit_pair_model(labels, config, folder=folder, encoder=encoder, accelerator="cpu")
        return lambda table: pair_model_estimate(model, table)


# 4 of 800 epochs: at the published learning rates they hardly move the encoder
_PUBLISHED = preset_config(ScatteringPreset.PUBLISHED, max_epochs=4)
GCN_PLUS = PairMethod(encoder=EncoderConfig(kind=LayerKind.GCN, standardised=True))

METHODS: Mapping[str, Callable[[Training], Estimator]] = {
    "relation-mean": relation_mean,
    "trees-endpoints": trees(PairView.ENDPOINTS),
    "trees-structure": trees(PairView.STRUCTURE),
    "gcn-plus": GCN_PLUS,
    "paragraph": PairMethod(encoder=EncoderConfig(kind=LayerKind.GAT, standardised=True)),
    "circuitgcl-published": PairMethod(
        encoder=_PUBLISHED.encoder, loss=RegressionLoss.GAI, pretraining=_PUBLISHED, steps=60
    ),
    "pair-head": PairMethod(encoder=EncoderConfig(standardised=True), relative=True),
    "ours": Ours(),
    **{
        f"networks-{loss}": Ours(contributions=Contributions.NETWORKS, loss=loss)
        for loss in (RegressionLoss.GAI, RegressionLoss.MSE, RegressionLoss.BMC)
    },
}

# what takes long stands where it tells most
_ONLY_ON = {
    **dict.fromkeys(
        ("gcn-plus", "paragraph", "circuitgcl-published"), ("size*", "port350", "cells", "tech-0")
    ),
    "pair-head": ("size*", "port350", "cells", "tech-0"),
    **dict.fromkeys(("networks-gai", "networks-mse", "networks-bmc"), ("size45", "cells")),
}


def applies(method: str, split: Split) -> bool:
    """Whether a method is run on a split; baselines cannot be calibrated."""
    if split.calibrates and not isinstance(METHODS[method], Ours):
        return False
    return any(fnmatchcase(split.name, pattern) for pattern in _ONLY_ON.get(method, ("*",)))
