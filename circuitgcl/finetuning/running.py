"""`finetune`: labelled designs and a pretrained encoder in, a run folder with a model checkpoint out."""

from __future__ import annotations

import copy
import fnmatch
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader

from circuitgcl.data import Design, Ground
from circuitgcl.data.tensors import DesignTensors, graph_tensors
from circuitgcl.errors import ConfigError, DataError
from circuitgcl.finetuning.distant_fitting import fit_distant
from circuitgcl.finetuning.held_out import HeldOutErrors
from circuitgcl.finetuning.label_drawing import check_training_labels
from circuitgcl.finetuning.steps import DesignSteps
from circuitgcl.finetuning.training import (
    Contributions,
    FinetuneConfig,
    FinetuneModule,
    fit_contribution_trees,
    fit_memories,
    fit_scales,
)
from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.checkpoint import EncoderCheckpoint, ModelCheckpoint, save_model
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.scaling import TargetScale
from circuitgcl.runs import RunFolder

log = logging.getLogger(__name__)

MEMORIES = ("coupling_memory", "existence_memory", "load_memory")


def finetune(
    designs: Sequence[Design],
    config: FinetuneConfig | None = None,
    *,
    folder: str | Path,
    encoder: EncoderCheckpoint | None = None,
    start: ModelCheckpoint | None = None,
    name: str = "custom",
    version: str = "1",
    accelerator: str = "auto",
    devices: int = 1,
    progress: bool = False,
) -> ModelCheckpoint:
    """Train a capacitance model on labelled designs.

    First the error laws: the whole training is repeated on all but one fold of design families and judged on
    the fold left out. Then the model itself on everything. An interrupted run continues where it stopped.

    Args:
        designs: designs with labels; those of one family stay on one side of every split.
        config: settings; the defaults when absent.
        folder: run folder.
        encoder: pretrained encoder; untrained weights when absent.
        start: model whose encoder, heads and feature scales the training begins with, and whose memory is
            kept beside the new one; its sizes hold, whatever the settings say.
        name: name of the model in its header.
        version: version in its header.
        accelerator: Lightning accelerator (`auto`, `cpu`, `cuda`).
        devices: processors or GPUs that share the designs of every epoch, each a process of its own.
        progress: show a progress bar.

    Raises:
        DataError: no labelled design, labels that nothing can be learned from, both an encoder and a model to
            start from, or no family left to train on beside those held out.
        ConfigError: less than one device.
    """
    labelled = [design for design in designs if design.labels is not None]
    if not labelled:
        raise DataError("no labelled design to finetune on; a design needs an extraction")
    if devices < 1:
        raise ConfigError(f"devices = {devices}; expected at least 1")
    config = _resolved(config or FinetuneConfig(), encoder, start)
    check_training_labels(labelled, TargetScale.named(config.model.target_scale), config.model.ground)
    folder = Path(folder)
    run = RunFolder(folder, config)
    rounds = config.model.encoder.layers
    tensors = [
        graph_tensors(
            design.graph, design.labels, rounds=rounds, quotient=config.quotient, ground=config.model.ground
        )
        for design in labelled
    ]
    families = [design.files.family for design in labelled]
    whole = primary_designs(families, [t.nets for t in tensors])
    trainer = {"accelerator": accelerator, "devices": devices, "progress": progress}
    beginning = start if start is not None else encoder
    residuals, fold_runs = HeldOutErrors(), list[RunFolder]()
    for index, held_out in enumerate(family_folds(families, config.calibration_folds)):
        kept = [t for t, out in zip(tensors, held_out, strict=True) if not out]
        fold_runs.append(RunFolder(folder / f"fold{index}", config))
        primary = [
            t for t, out, is_primary in zip(tensors, held_out, whole, strict=True) if not out and is_primary
        ]
        model = _trained(kept, primary, [], config, beginning, fold_runs[-1], trainer)
        judged = [t for t, out, first in zip(tensors, held_out, whole, strict=True) if out and first]
        residuals.collect(model, judged)
    primary = [t for t, is_primary in zip(tensors, whole, strict=True) if is_primary]
    judge = matching_families(families, config.stop_on)
    training = [t for t, out in zip(tensors, judge, strict=True) if not out]
    stopping = [t for t, out in zip(tensors, judge, strict=True) if out]
    model = _trained(training, primary, stopping, config, beginning, run, trainer)
    coupling_error, load_error = residuals.laws()
    known = () if start is None else start.channel_lengths_m
    lengths = tuple(sorted({*known, *(design.graph.channel_length_m for design in labelled)}))
    checkpoint = ModelCheckpoint(
        name=name,
        version=version,
        model=model,
        coupling_error=coupling_error,
        load_error=load_error,
        trained_on=tuple(design.files.name for design in labelled),
        channel_lengths_m=lengths,
        metrics=residuals.metrics(),
    )
    save_model(checkpoint, folder)
    run.write_metrics(checkpoint.metrics)
    for fold_run in fold_runs:
        fold_run.finish()
    return checkpoint


def family_folds(families: Sequence[str], folds: int) -> list[np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Held-out masks over designs, whole families at a time, the largest families spread over the folds."""
    names, counts = np.unique(np.array(families, dtype=object), return_counts=True)
    if folds < 2 or len(names) < 2:
        return []
    folds = min(folds, len(names))
    order = names[np.argsort(-counts, kind="stable")]
    members = [set(order[start::folds].tolist()) for start in range(folds)]
    return [np.array([family in member for family in families]) for member in members]


def matching_families(families: Sequence[str], patterns: str) -> list[bool]:
    """Which designs are of the families that comma-separated glob patterns name.

    Raises:
        DataError: a pattern names no family, or all of them.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(family, pattern) for family in families):
            known = ", ".join(sorted(set(families)))
            raise DataError(f"no family matches {pattern!r} to stop on; known: {known}")
    found = [any(fnmatch.fnmatchcase(family, pattern) for pattern in wanted) for family in families]
    if all(found):
        raise DataError(f"all families are held out to stop on ({patterns}); none is left to train on")
    return found


def primary_designs(families: Sequence[str], sizes: Sequence[int]) -> list[bool]:
    """Whether each design is the largest of its family, or as large: the same circuit in another layout.

    The others were cut out of it: they show the networks more surroundings, but the couplings that cross the
    cut are missing in them, so what the memory remembers comes from the whole.
    """
    largest: dict[str, int] = {}
    for family, size in zip(families, sizes, strict=True):
        largest[family] = max(size, largest.get(family, 0))
    return [largest[family] == size for family, size in zip(families, sizes, strict=True)]


def _fit(
    module: FinetuneModule,
    designs: Sequence[DesignTensors],
    stopping: Sequence[DesignTensors],
    config: FinetuneConfig,
    run: RunFolder,
    options: dict[str, Any],
) -> None:
    """Train the networks; with designs to stop on, up to the epoch that was best on these."""
    rows: Any = list(designs)  # a list serves as a data set
    steps = DesignSteps([design.nets for design in designs], config.step_nets)
    options = options | {"devices": min(options["devices"], steps.total)}
    loader: DataLoader[list[DesignTensors]] = DataLoader(rows, batch_sampler=steps, collate_fn=list)
    if not stopping:
        run.fit(run.trainer(max_epochs=config.max_epochs, **options), module, loader)
        return
    best = run.best_epoch("held_out_loss")
    stop = EarlyStopping("held_out_loss", patience=config.patience)
    trainer = run.trainer(max_epochs=config.max_epochs, callbacks=[best, stop], **options)
    held_out: Any = list(stopping)
    run.fit(trainer, module, loader, DataLoader(held_out, collate_fn=list))
    module.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])


def _resolved(
    config: FinetuneConfig, encoder: EncoderCheckpoint | None, start: ModelCheckpoint | None
) -> FinetuneConfig:
    """Settings with the sizes of what the training begins with."""
    if start is not None:
        if encoder is not None:
            raise DataError("an encoder and a model to start from, which has one itself; give one of the two")
        if config.model.ground not in (Ground.EQUIVALENT, start.ground):
            raise DataError(
                f"the model to start from estimates {start.ground}-ground capacitance, the settings ask for "
                f"{config.model.ground} (`model.ground`); train such a model from an encoder"
            )
        return replace(config, model=start.model.config)
    if encoder is not None and config.model.encoder == EncoderConfig():
        return replace(config, model=replace(config.model, encoder=encoder.encoder.config))
    return config


def _initial(
    designs: Sequence[DesignTensors],
    config: FinetuneConfig,
    beginning: EncoderCheckpoint | ModelCheckpoint | None,
) -> CapacitanceModel:
    """The model before its first step; scales are those of a model it continues, else of the designs."""
    if isinstance(beginning, ModelCheckpoint):
        return copy.deepcopy(beginning.model).cpu()
    model = CapacitanceModel(config.model)
    if beginning is None:
        model.encoder.fit_inputs(design.hetero for design in designs)
    else:
        if beginning.encoder.config != config.model.encoder:
            raise DataError(
                f"the pretrained encoder is {beginning.encoder.config}, the model asks for "
                f"{config.model.encoder}; set model.encoder to match"
            )
        model.encoder = copy.deepcopy(beginning.encoder)
    fit_scales(model, designs)
    return model


def _trained(
    designs: Sequence[DesignTensors],
    primary: Sequence[DesignTensors],
    stopping: Sequence[DesignTensors],
    config: FinetuneConfig,
    beginning: EncoderCheckpoint | ModelCheckpoint | None,
    run: RunFolder,
    options: dict[str, Any],
) -> CapacitanceModel:
    """One model: networks trained on all given designs, memories fitted on the primary ones."""
    lightning.seed_everything(config.seed, verbose=False)
    model = _initial(designs, config, beginning)
    older = {name: getattr(model, name) for name in MEMORIES}
    module = FinetuneModule(model, designs, config)
    with model.forgetting():
        _fit(module, designs, stopping, config, run, options)
    model.cpu().eval()
    module.set_label_laws()
    if config.contributions is Contributions.TREES:
        fit_contribution_trees(model, designs, config.trees, seed=config.seed)
    else:
        model.coupling_trees, model.load_trees = ContributionTrees(), ContributionTrees()
    salt = int(older[MEMORIES[0]].salt) or int(np.random.default_rng(config.seed).integers(1, 2**62))
    fit_memories(model, primary, config.memory, salt=salt)
    fit_distant(model, primary)
    for name, memory in older.items():
        if int(memory.salt) == salt:
            setattr(model, name, getattr(model, name).over(memory))
    return model
