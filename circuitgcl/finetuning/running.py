"""`finetune`: labelled designs and a pretrained encoder in, a run folder with a model checkpoint out."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from torch.utils.data import DataLoader

from circuitgcl.data import Design
from circuitgcl.data.tensors import DesignTensors, design_tensors
from circuitgcl.errors import DataError
from circuitgcl.finetuning.held_out import HeldOutErrors
from circuitgcl.finetuning.training import FinetuneConfig, FinetuneModule, fit_memories, fit_scales
from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.checkpoint import EncoderCheckpoint, ModelCheckpoint, save_model
from circuitgcl.runs import RunFolder

log = logging.getLogger(__name__)


def finetune(
    designs: Sequence[Design],
    config: FinetuneConfig | None = None,
    *,
    folder: str | Path,
    encoder: EncoderCheckpoint | None = None,
    name: str = "custom",
    version: str = "1",
    accelerator: str = "auto",
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
        name: name of the model in its header.
        version: version in its header.
        accelerator: Lightning accelerator (`auto`, `cpu`, `cuda`).
        progress: show a progress bar.

    Raises:
        DataError: no labelled design.
    """
    labelled = [design for design in designs if design.labels is not None]
    if not labelled:
        raise DataError("no labelled design to finetune on; a design needs an extraction")
    config = config or FinetuneConfig()
    folder = Path(folder)
    run = RunFolder(folder, config)
    tensors = [design_tensors(design.graph, design.labels) for design in labelled]
    families = [design.files.family for design in labelled]
    whole = primary_designs(families, [len(t.net_features) for t in tensors])
    trainer = {"accelerator": accelerator, "progress": progress}
    residuals, fold_runs = HeldOutErrors(), list[RunFolder]()
    for index, held_out in enumerate(family_folds(families, config.calibration_folds)):
        kept = [t for t, out in zip(tensors, held_out, strict=True) if not out]
        fold_runs.append(RunFolder(folder / f"fold{index}", config))
        primary = [
            t for t, out, is_primary in zip(tensors, held_out, whole, strict=True) if not out and is_primary
        ]
        model = _trained(kept, primary, config, encoder, fold_runs[-1], trainer)
        judged = [t for t, out, first in zip(tensors, held_out, whole, strict=True) if out and first]
        residuals.collect(model, judged)
    primary = [t for t, is_primary in zip(tensors, whole, strict=True) if is_primary]
    model = _trained(tensors, primary, config, encoder, run, trainer)
    coupling_error, load_error = residuals.laws()
    checkpoint = ModelCheckpoint(
        name=name,
        version=version,
        model=model,
        coupling_error=coupling_error,
        load_error=load_error,
        trained_on=tuple(design.files.name for design in labelled),
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


def primary_designs(families: Sequence[str], sizes: Sequence[int]) -> list[bool]:
    """Whether each design is the largest of its family, or as large: the same circuit in another layout.

    The others were cut out of it: they show the networks more surroundings, but the couplings that cross the
    cut are missing in them, so what the memory remembers comes from the whole.
    """
    largest: dict[str, int] = {}
    for family, size in zip(families, sizes, strict=True):
        largest[family] = max(size, largest.get(family, 0))
    return [largest[family] == size for family, size in zip(families, sizes, strict=True)]


def _single(batch: list[DesignTensors]) -> DesignTensors:
    return batch[0]


def _trained(
    designs: Sequence[DesignTensors],
    primary: Sequence[DesignTensors],
    config: FinetuneConfig,
    encoder: EncoderCheckpoint | None,
    run: RunFolder,
    options: dict[str, Any],
) -> CapacitanceModel:
    """One model: networks trained on all given designs, memories fitted on the primary ones."""
    lightning.seed_everything(config.seed, verbose=False)
    model = CapacitanceModel(config.model)
    if encoder is None:
        model.encoder.fit_inputs(design.hetero for design in designs)
    else:
        if encoder.encoder.config != config.model.encoder:
            raise DataError(
                f"the pretrained encoder is {encoder.encoder.config}, the model asks for "
                f"{config.model.encoder}; set model.encoder to match"
            )
        model.encoder = copy.deepcopy(encoder.encoder)
    fit_scales(model, designs)
    module = FinetuneModule(model, designs, config)
    rows: Any = list(designs)  # a list serves as a data set
    loader: DataLoader[DesignTensors] = DataLoader(rows, shuffle=True, collate_fn=_single)
    run.fit(run.trainer(max_epochs=config.max_epochs, **options), module, loader)
    model.cpu().eval()
    module.set_label_laws()
    salt = int(np.random.default_rng(config.seed).integers(1, 2**62))
    fit_memories(model, primary, config.memory, salt=salt)
    return model
