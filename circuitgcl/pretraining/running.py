"""`pretrain`: unlabelled netlists in, a run folder with an encoder checkpoint out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph
from circuitgcl.models.checkpoint import EncoderCheckpoint, save_encoder
from circuitgcl.pretraining.circuits import TrainingCircuit, training_circuits
from circuitgcl.pretraining.config import PretrainConfig
from circuitgcl.pretraining.scattering import DivergedError, ScatteringModule
from circuitgcl.runs import RunFolder


def _single(batch: list[TrainingCircuit]) -> TrainingCircuit:
    return batch[0]


def pretrain(
    graphs: Iterable[CircuitGraph],
    config: PretrainConfig | None = None,
    *,
    folder: str | Path,
    accelerator: str = "auto",
    progress: bool = False,
) -> EncoderCheckpoint:
    """Pretrain an encoder on unlabelled circuits.

    The encoder of the epoch with the lowest objective on fixed nodes is kept: alignment plus scattering of
    the online representation, without dropout or masks. The run ends when that has not become lower for
    `patience` epochs.

    Args:
        graphs: circuit graphs, looked at one after the other; no label is looked at.
        config: settings; the defaults when absent.
        folder: run folder; an unfinished run in it is resumed.
        accelerator: Lightning accelerator (`auto`, `cpu`, `cuda`).
        progress: show a progress bar.

    Returns:
        The encoder with its monitors; also saved under `folder`.

    Raises:
        DataError: there is no graph large enough to train on, a graph has features of another schema, or a
            loss is no number any more: then the best encoder so far is saved and named.
    """
    config = config or PretrainConfig()
    circuits = training_circuits(graphs, config)
    run = RunFolder(Path(folder), config)
    lightning.seed_everything(config.seed, verbose=False)
    module = ScatteringModule(config, circuits)
    module.fit(circuits)
    rows: Any = circuits  # a list serves as a data set
    loader: DataLoader[TrainingCircuit] = DataLoader(rows, shuffle=True, collate_fn=_single)
    trainer = run.trainer(
        max_epochs=config.max_epochs,
        accelerator=accelerator,
        progress=progress,
        precision=config.precision.value,
        callbacks=[] if config.patience is None else [EarlyStopping("objective", patience=config.patience)],
        tensorboard=config.tensorboard,
    )
    names = tuple(sorted({circuit.name for circuit in circuits}))
    try:
        run.fit(trainer, module, loader)
    except DivergedError as error:
        raise DataError(f"{error}; {_rescued(run, module, names)}") from None
    checkpoint = _kept(module, names)
    save_encoder(checkpoint, run.path)
    run.write_metrics(module.figures)
    return checkpoint


def _kept(module: ScatteringModule, names: tuple[str, ...]) -> EncoderCheckpoint:
    """The best encoder of a run."""
    assert module.kept is not None
    module.online.load_state_dict(module.kept)
    return EncoderCheckpoint(
        encoder=module.online.cpu().eval(), trained_on=names, metrics=dict(module.figures)
    )


def _rescued(run: RunFolder, module: ScatteringModule, names: tuple[str, ...]) -> str:
    """Save what a run that broke down had learned; what became of it, for people."""
    advice = "lower learning_rate and scattering_rate, or leave that design out"
    if module.kept is None:
        run.finish()
        return f"nothing had been learned yet; {advice}"
    save_encoder(_kept(module, names), run.path)
    run.write_metrics(module.figures)
    return f"the best encoder before, of epoch {int(module.figures['epoch'])}, is in {run.path}; {advice}"
