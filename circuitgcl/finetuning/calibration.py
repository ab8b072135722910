"""`calibrate`: a trained model and a few labels of a technology in, a model of that technology out.

Networks and trees stay as they are. What the labels say goes into offsets of the estimates, into the memory
of the labelled cells, and into the intervals (`refitting`); on request the last layers of heads, too.
One small extracted block of a technology makes its cells known wherever they are used.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from circuitgcl.config import to_mapping
from circuitgcl.data import Design, Ground
from circuitgcl.data.tensors import FARAD_PER_FEMTO, DesignTensors, graph_tensors
from circuitgcl.errors import ConfigError, DataError, SourceLocation
from circuitgcl.files import write_atomically
from circuitgcl.finetuning.head_refitting import refit_heads
from circuitgcl.finetuning.held_out import HeldOutErrors
from circuitgcl.finetuning.label_drawing import check_labels, drawn_labels
from circuitgcl.finetuning.model_evidence import model_evidence
from circuitgcl.finetuning.offset_fitting import MemoryConfig, MemoryTarget
from circuitgcl.finetuning.refitting import Evidence, Refit, extended, refit, refitted
from circuitgcl.models.capacitance import DECADE, CapacitanceModel
from circuitgcl.models.checkpoint import CalibrationDesign, ModelCheckpoint, save_model
from circuitgcl.models.memory import Source
from circuitgcl.models.scaling import FLOOR_FF

log = logging.getLogger(__name__)

DISTANT_PRIOR_LABELS = 3  # what the scale of the contexts counts
UNIT_SLIP_DECADES = 2.0  # no technology is a hundred times another


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig:
    """Settings of a calibration."""

    labels: int = 0  # couplings, and as many loads, to use of each design; all when 0
    seed: int = 0  # chooses them
    refit_heads: bool = False  # fit the last layers of the heads, too
    min_cap_farad: float = 1e-17  # couplings below are not drawn
    folds: int = 5  # parts by which labels are left out to decide what is fitted
    force: bool = False  # take labels that look wrong
    quotient: bool = False  # work on structural classes; the same numbers
    memory: MemoryConfig = field(default_factory=MemoryConfig)

    def __post_init__(self) -> None:
        if self.labels < 0:
            raise ConfigError(f"labels = {self.labels}; expected the number of couplings to use, 0 for all")
        if self.folds < 2:
            raise ConfigError(f"folds = {self.folds}; expected at least 2")


def calibrate(
    checkpoint: ModelCheckpoint,
    designs: Sequence[Design],
    config: CalibrateConfig | None = None,
    *,
    folder: str | Path,
    name: str | None = None,
) -> ModelCheckpoint:
    """Calibrate a model with labels of a technology, and extend its memory by the labelled cells.

    How far the labels are followed is decided on labels left out; where nothing helps there, the model stays
    as it is. The checkpoint given is not changed.

    Args:
        checkpoint: the model to start from.
        designs: designs with labels; all of them calibrate.
        config: settings; the defaults when absent.
        folder: where the calibrated model goes.
        name: of the calibrated model; that of the model with `-calibrated` when absent.

    Raises:
        DataError: a design without labels, no coupling above the threshold, labels that are not finite, or
            off by orders of magnitude (unless forced).
        ConfigError: `refit_heads` of a model whose contexts are estimated by trees.
    """
    config = config or CalibrateConfig()
    if not designs:
        raise DataError("no design to calibrate with; expected a schematic and its extraction")
    for design in designs:
        check_labels(design, config.min_cap_farad, checkpoint.ground)
    model = copy.deepcopy(checkpoint.model).cpu().eval()
    layers = model.config.encoder.layers
    tensors = [_with_drawn_labels(design, layers, checkpoint.ground, config) for design in designs]
    if not config.force:
        for design, tensor in zip(designs, tensors, strict=True):
            _check_units(model, design, tensor)
    if config.refit_heads:
        if not model.coupling_trees.is_empty:
            raise ConfigError("refit_heads changes networks; this model estimates contexts by trees")
        refit_heads(model, tensors, config.memory, folds=config.folds, seed=config.seed)
    before = copy.deepcopy(model)
    refits = _refit_all(
        model,
        tensors,
        config,
        lambda _, evidence, target: refitted(
            evidence, target, config.memory, folds=config.folds, seed=config.seed
        ),
    )
    errors = _held_out_errors(before, tensors, refits, config)
    coupling_error, load_error = (
        copy.deepcopy(checkpoint.coupling_error),
        copy.deepcopy(checkpoint.load_error),
    )
    errors.update(coupling_error.cpu(), load_error.cpu(), with_existence=not config.labels, pool_rare=False)
    lengths = {*checkpoint.channel_lengths_m, *(design.graph.channel_length_m for design in designs)}
    calibrated = ModelCheckpoint(
        name=name or f"{checkpoint.name.removesuffix('-calibrated')}-calibrated",
        version=checkpoint.version,
        model=model,
        coupling_error=coupling_error,
        load_error=load_error,
        trained_on=checkpoint.trained_on,
        channel_lengths_m=tuple(sorted(lengths)),
        calibrated_on=(
            *checkpoint.calibrated_on,
            *(CalibrationDesign(name=d.files.name, content=d.content) for d in designs),
        ),
        metrics={key: _summary(found) for key, found in refits.items()} | {"held_out": errors.metrics()},
    )
    folder = Path(folder)
    save_model(calibrated, folder)
    write_atomically(folder / "config.json", json.dumps(to_mapping(config), indent=2) + "\n")
    write_atomically(folder / "metrics.json", json.dumps(dict(calibrated.metrics), indent=2) + "\n")
    return calibrated


def _with_drawn_labels(design: Design, layers: int, ground: Ground, config: CalibrateConfig) -> DesignTensors:
    tensors = graph_tensors(
        design.graph, design.labels, rounds=layers, quotient=config.quotient, ground=ground
    )
    assert tensors.labels is not None
    labels = drawn_labels(tensors.labels, config.labels, config.min_cap_farad / FARAD_PER_FEMTO, config.seed)
    return replace(tensors, labels=labels)


@torch.inference_mode()
def _check_units(model: CapacitanceModel, design: Design, tensors: DesignTensors) -> None:
    """Labels in another unit are a thousand times, or a thousandth of, what any technology has."""
    assert tensors.labels is not None
    outputs = model.contexts(tensors, model.embed(tensors))
    estimate = model.coupling(tensors, outputs).farad_log[tensors.pair_row] / DECADE
    truth = tensors.labels.candidate_ff
    present = truth > 0
    if not present.any():
        return
    gap = float((torch.log10(truth[present]) - estimate[present]).median())
    if abs(gap) > UNIT_SLIP_DECADES:
        raise DataError(
            f"the labels of {design.files.name} are typically {10**gap:.2g} times what the model estimates; "
            "expected farad: check the unit of the extraction, or force the calibration",
            location=SourceLocation(str(design.files.extracted), 0),
        )


def _stages(config: CalibrateConfig) -> tuple[dict[str, MemoryTarget], ...]:
    """What is refitted, stage by stage: what couples to a rail is load, so loads come after couplings."""
    pairs = {"coupling": MemoryTarget.CAPACITANCE}
    if not config.labels:  # single labels do not tell what does not couple
        pairs["existence"] = MemoryTarget.EXISTENCE
    return pairs, {"load": MemoryTarget.CAPACITANCE}


def _refit_all(
    model: CapacitanceModel,
    designs: Sequence[DesignTensors],
    config: CalibrateConfig,
    fit: Callable[[str, Evidence, MemoryTarget], Refit],
) -> dict[str, Refit]:
    """Put the offsets and memories into the model that `fit` finds for each quantity."""
    salt = int(np.random.default_rng(config.seed).integers(1, 2**62))
    refits: dict[str, Refit] = {}
    for stage in _stages(config):
        evidence = model_evidence(model, designs)
        for key, target in stage.items():
            refits[key] = fit(key, evidence[key], target)
            _apply(model, designs, key, refits[key], salt)
    return refits


def _apply(
    model: CapacitanceModel, designs: Sequence[DesignTensors], key: str, found: Refit, salt: int
) -> None:
    """Put the offsets and the memory of one quantity into the model."""
    scale = found.source[Source.NETWORK]
    if key == "coupling":
        model.adjustment.offset.add_(scale + found.relation)
        if found.levels.scale:
            model.adjustment.distant.add_(_distant_offset(model, designs, float(scale)))
    if key == "load":
        model.adjustment.load.add_(scale)
        model.load_law.means.add_(scale / DECADE)  # the label law moves along
    memory = f"{key}_memory"
    setattr(model, memory, extended(getattr(model, memory), found, salt))


@torch.no_grad()
def _distant_offset(model: CapacitanceModel, designs: Sequence[DesignTensors], scale: float) -> float:
    """Offset of pairs without context: that of the contexts, until there are labels of their own."""
    total, count = DISTANT_PRIOR_LABELS * scale, float(DISTANT_PRIOR_LABELS)
    for design in designs:
        labels = design.labels
        assert labels is not None
        if len(labels.distant_pair):
            gap = labels.distant_ff.log() - model.distant(design, labels.distant_encoding)
            present = labels.distant_ff > FLOOR_FF
            total, count = total + float(gap[present].sum()), count + int(present.sum())
    return total / count


def _held_out_errors(
    model: CapacitanceModel,
    designs: Sequence[DesignTensors],
    chosen: Mapping[str, Refit],
    config: CalibrateConfig,
) -> HeldOutErrors:
    """Errors on labels left out, of models calibrated with the others by the chosen levels."""
    errors = HeldOutErrors()
    generator = np.random.default_rng(config.seed)
    parts = [_fold_numbers(design, config.folds, generator) for design in designs]
    for fold in range(config.folds):
        kept, judged = [], []
        for design, of_label in zip(designs, parts, strict=True):
            labels = design.labels
            assert labels is not None
            kept.append(replace(design, labels=labels.kept(*(part != fold for part in of_label))))
            judged.append(replace(design, labels=labels.kept(*(part == fold for part in of_label))))
        fold_model = copy.deepcopy(model)
        _refit_all(
            fold_model,
            kept,
            config,
            lambda key, evidence, target: refit(evidence, chosen[key].levels, target, config.memory),
        )
        errors.collect(fold_model, judged)
    return errors


def _fold_numbers(design: DesignTensors, folds: int, generator: np.random.Generator) -> list[torch.Tensor]:
    """Fold of every candidate pair, distant pair and net."""
    labels = design.labels
    assert labels is not None
    return [
        torch.from_numpy(generator.integers(folds, size=len(values)))
        for values in (labels.candidate_ff, labels.distant_ff, labels.load_ff)
    ]


def _summary(found: Refit) -> dict[str, Any]:
    levels = found.levels
    fitted = [name for name, on in (("scale", levels.scale), ("relation", levels.relation)) if on]
    if levels.memory_ridge is not None:
        fitted.append("memory")
    return {
        "labels": found.labels,
        "fitted": fitted,
        "ridge": levels.memory_ridge,
        "scale": round(float(found.source[Source.NETWORK].exp()), 4),
        "held_out_error_before": round(found.error_before, 4),
        "held_out_error_after": round(found.error_after, 4),
    }
