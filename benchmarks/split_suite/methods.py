"""The methods of the benchmark: each trains on the tables of some designs and estimates others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from circuitgcl.estimation import Predictor
from circuitgcl.evaluation.baselines import BoostedTrees, RelationMean, TreesConfig
from circuitgcl.evaluation.pair_inputs import PairTable, PairView
from circuitgcl.evaluation.protocol import DesignEstimate, model_estimate
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.running import primary_designs
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.models.checkpoint import EncoderCheckpoint, load_encoder
from circuitgcl.pretraining.running import pretrain
from circuitgcl.pretraining.scattering import PretrainConfig

Estimator = Callable[[PairTable], DesignEstimate]
PRETRAINING_STEPS, FINETUNING_STEPS = 100, 1000  # designs x epochs, about
EPOCHS = {"pretraining": (4, 20), "finetuning": (8, 30)}  # least and most


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a method is given: labelled designs and where runs go."""

    tables: Sequence[PairTable]
    seed: int
    folder: Path  # of this split and seed
    folds: int  # of families, for calibrated intervals

    def encoder(self) -> EncoderCheckpoint:
        """An encoder pretrained on the whole training designs, without labels; once for all methods."""
        folder = self.folder / "encoder"
        if (folder / "metrics.json").is_file():
            return load_encoder(folder)
        designs = [table.design for table in self.tables]
        sizes = [design.graph.circuit.net_count for design in designs]
        whole = primary_designs([design.files.family for design in designs], sizes)
        graphs = [design.graph for design, kept in zip(designs, whole, strict=True) if kept]
        epochs = _epochs("pretraining", PRETRAINING_STEPS, len(graphs))
        config = PretrainConfig(max_epochs=epochs, seed=self.seed)
        return pretrain(graphs, config, folder=folder, accelerator="cpu")


def _epochs(stage: str, steps: int, designs: int) -> int:
    least, most = EPOCHS[stage]
    return min(max(steps // designs, least), most)


def relation_mean(training: Training) -> Estimator:
    """Mean by relation."""
    return RelationMean.fit(training.tables).estimate


def trees(view: PairView) -> Callable[[Training], Estimator]:
    """Boosted trees with one view of the pairs."""

    def fit(training: Training) -> Estimator:
        return BoostedTrees.fit(training.tables, TreesConfig(view=view, seed=training.seed)).estimate

    return fit


def ours(loss: RegressionLoss, name: str) -> Callable[[Training], Estimator]:
    """The capacitance model, pretrained and finetuned on the training designs."""

    def fit(training: Training) -> Estimator:
        config = FinetuneConfig(
            seed=training.seed,
            loss=loss,
            max_epochs=_epochs("finetuning", FINETUNING_STEPS, len(training.tables)),
            calibration_folds=training.folds,
        )
        checkpoint = finetune(
            [table.design for table in training.tables],
            config,
            folder=training.folder / name,
            encoder=training.encoder(),
            accelerator="cpu",
        )
        predictor = Predictor(checkpoint, "cpu")
        return lambda table: model_estimate(predictor, table)

    return fit


METHODS: Mapping[str, Callable[[Training], Estimator]] = {
    "relation-mean": relation_mean,
    "trees-endpoints": trees(PairView.ENDPOINTS),
    "trees-structure": trees(PairView.STRUCTURE),
    "ours": ours(RegressionLoss.GAI, "ours"),
    "ours-mse": ours(RegressionLoss.MSE, "ours-mse"),
    "ours-bmc": ours(RegressionLoss.BMC, "ours-bmc"),
}
