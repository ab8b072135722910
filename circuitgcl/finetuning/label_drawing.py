"""The labels a calibration or a training may use: drawn at random, and checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from circuitgcl.data import Design, Ground, Labels
from circuitgcl.data.tensors import FARAD_PER_FEMTO, LabelTensors
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.models.scaling import FLOOR_FF, TargetScale


def check_labels(design: Design, min_cap_farad: float, ground: Ground = Ground.EQUIVALENT) -> None:
    """Refuse labels that nothing can be learned from.

    Args:
        design: a design.
        min_cap_farad: couplings from here on count as labels.
        ground: what the load of a net is.

    Raises:
        DataError: no extraction, couplings that are no finite numbers, no load known, or no coupling above
            the threshold.
    """
    labels = _finite_labels(design)
    place = _place(design)
    if not np.isfinite(labels.load_farad).any():
        raise DataError(
            f"no signal net of {design.files.name} has a label; is this the extraction of another cell?",
            location=place,
        )
    if not np.isfinite(labels.load_of(ground)).any():
        raise DataError(
            f"the extraction of {design.files.name} gives no net a ground capacitance of its own, which the "
            "model estimates; expected one that does, or a model of ground-equivalent capacitance",
            location=place,
        )
    if not (labels.coupling_farad >= min_cap_farad).any():
        largest = labels.coupling_farad.max(initial=0.0)
        raise DataError(
            f"no coupling of {design.files.name} reaches {min_cap_farad:g} F, the largest is "
            f"{largest:.3g} F; expected labels in farad above the threshold (`min_cap_farad`)",
            location=place,
        )


def check_training_labels(
    designs: Sequence[Design], scale: TargetScale, ground: Ground = Ground.EQUIVALENT
) -> None:
    """Refuse designs that together teach nothing.

    Args:
        designs: with labels.
        scale: classes of the ground capacitance.
        ground: what the load of a net is.

    Raises:
        DataError: labels that are no finite numbers, no coupling above the label floor in any design, or
            loads of one class only.
    """
    found = [_finite_labels(design) for design in designs]
    floor = FLOOR_FF * FARAD_PER_FEMTO
    if not any((labels.coupling_farad > floor).any() for labels in found):
        largest = max(labels.coupling_farad.max(initial=0.0) for labels in found)
        raise DataError(
            f"no coupling of {len(designs)} designs is above {floor:g} F, the largest is {largest:.3g} F; "
            "expected labels in farad",
            location=_place(designs[0]),
        )
    loads = np.concatenate([labels.load_of(ground) for labels in found])
    loads = loads[np.isfinite(loads)]
    classes = np.unique(scale.classes(loads))
    if len(classes) < 2:
        nets = f"all {len(loads)} labelled nets are of ground class {classes[0]}" if len(loads) else "no load"
        raise DataError(
            f"{nets}; classes are told apart from two on. Is the unit farad, and is target_scale "
            f"{scale.name!r} that of the technology?",
            location=_place(designs[0]),
        )


def _place(design: Design) -> SourceLocation:
    return SourceLocation(str(design.files.extracted or design.files.schematic), 0)


def _finite_labels(design: Design) -> Labels:
    labels, place = design.labels, _place(design)
    if labels is None:
        raise DataError(f"{design.files.name} has no extraction, hence no labels", location=place)
    broken = int((~np.isfinite(labels.coupling_farad)).sum() + np.isinf(labels.load_farad).sum())
    if broken:
        raise DataError(
            f"{broken} labels of {design.files.name} are no finite numbers; expected capacitances in farad",
            location=place,
        )
    return labels


def drawn_labels(labels: LabelTensors, count: int, min_cap_ff: float, seed: int) -> LabelTensors:
    """As many couplings above the threshold and as many loads, at random; the others are unknown.

    Which candidates do not couple is known of a whole extraction only, not of single labelled couplings.

    Args:
        labels: of one design.
        count: number of couplings and of loads; all of both, and what does not couple, when 0.
        min_cap_ff: couplings below are not drawn, in femtofarad.
        seed: chooses the labels.
    """
    if not count:
        return labels
    generator = np.random.default_rng(seed)
    candidates = len(labels.candidate_ff)
    coupled = torch.cat([labels.candidate_ff, labels.distant_ff])
    chosen = _drawn(coupled >= min_cap_ff, count, generator)
    loads = _drawn(labels.load_ff >= min_cap_ff, count, generator)
    return labels.kept(chosen[:candidates], chosen[candidates:], loads)


def _drawn(allowed: Tensor, count: int, generator: np.random.Generator) -> Tensor:
    places = np.flatnonzero(allowed.numpy())
    mask = torch.zeros(len(allowed), dtype=torch.bool)
    mask[torch.from_numpy(generator.permutation(places)[:count])] = True
    return mask
