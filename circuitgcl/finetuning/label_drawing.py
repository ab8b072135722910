"""The labels a calibration or a training may use: drawn at random, and checked before anything is fitted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from circuitgcl.data import Design
from circuitgcl.data.tensors import LabelTensors
from circuitgcl.errors import DataError, SourceLocation


def check_labels(design: Design, min_cap_farad: float) -> None:
    """Refuse labels that nothing can be learned from.

    Args:
        design: a design.
        min_cap_farad: couplings from here on count as labels.

    Raises:
        DataError: no extraction, couplings that are no finite numbers, no load known, or no coupling above
            the threshold.
    """
    labels = design.labels
    place = SourceLocation(str(design.files.extracted or design.files.schematic), 0)
    if labels is None:
        raise DataError(f"{design.files.name} has no extraction, hence no labels", location=place)
    broken = int((~np.isfinite(labels.coupling_farad)).sum() + np.isinf(labels.load_farad).sum())
    if broken:
        raise DataError(
            f"{broken} labels of {design.files.name} are no finite numbers; expected capacitances in farad",
            location=place,
        )
    if not np.isfinite(labels.load_farad).any():
        raise DataError(
            f"no signal net of {design.files.name} has a label; is this the extraction of another cell?",
            location=place,
        )
    if not (labels.coupling_farad >= min_cap_farad).any():
        largest = labels.coupling_farad.max(initial=0.0)
        raise DataError(
            f"no coupling of {design.files.name} reaches {min_cap_farad:g} F, the largest is "
            f"{largest:.3g} F; expected labels in farad above the threshold (`min_cap_farad`)",
            location=place,
        )


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
    distant = chosen[candidates:]
    loads = _drawn(labels.load_ff >= min_cap_ff, count, generator)
    return replace(
        labels,
        candidate_ff=labels.candidate_ff.where(chosen[:candidates], math.nan),
        distant_pair=labels.distant_pair[distant],
        distant_ff=labels.distant_ff[distant],
        load_ff=labels.load_ff.where(loads, math.nan),
    )


def _drawn(allowed: Tensor, count: int, generator: np.random.Generator) -> Tensor:
    places = np.flatnonzero(allowed.numpy())
    mask = torch.zeros(len(allowed), dtype=torch.bool)
    mask[torch.from_numpy(generator.permutation(places)[:count])] = True
    return mask
