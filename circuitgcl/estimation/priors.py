"""Which label law estimates follow: equal labels, that of the training designs, or that of the design itself.

A network trained with balanced losses speaks as if all labels were equally frequent. Under `train` its
estimates are brought to the law of the training labels. Under `target` the law is fitted to the design, from
what the network says of its nets and pairs, without a label (`models.label_shift`). Copies of one situation
are one piece of evidence, so a small design, or a large one of few cells, hardly moves the law.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum

import torch
from torch import Tensor

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.models.capacitance import DECADE
from circuitgcl.models.checkpoint import ModelCheckpoint
from circuitgcl.models.label_shift import LabelLaw, reweighted, target_class_prior

LIKELY = 0.5  # pairs from this probability on tell what coupling capacitances the design has


class Prior(StrEnum):
    """Label law that estimates follow; without effect on what is remembered, and on unbalanced models."""

    BALANCED = "balanced"  # every label as frequent as any other
    TRAIN = "train"  # as in the training designs
    TARGET = "target"  # as in the design, fitted to its estimates


@contextmanager
def following(
    checkpoint: ModelCheckpoint, prior: Prior, design: DesignTensors, embedding: Tensor
) -> Iterator[None]:
    """The model of a checkpoint under a label law, while the block runs.

    Args:
        checkpoint: the model, in evaluation mode.
        prior: which law.
        design: the design to estimate.
        embedding: [N, H] of its net rows.
    """
    model = checkpoint.model
    kept = model.coupling_law, model.load_law
    if prior is not Prior.TRAIN:
        model.coupling_law, model.load_law = (LabelLaw().to(embedding.device) for _ in kept)
    try:
        if prior is Prior.TARGET:
            balanced = _balanced_estimates(checkpoint, design, embedding)
            laws = [law.adapted(*own) for law, own in zip(kept, balanced, strict=True)]
            model.coupling_law, model.load_law = laws
        yield
    finally:
        model.coupling_law, model.load_law = kept


def class_shares_followed(probability: Tensor, prior: Prior, design: DesignTensors) -> Tensor:
    """Class probabilities [N, C] of a balanced classifier under a label law; only `target` moves them."""
    signal = design.signal
    if prior is not Prior.TARGET or not signal.any():
        return probability
    classes = probability.shape[1]
    equal = torch.full((classes,), 1.0 / classes, device=probability.device)
    evidence = _evidence(design.net_row, design.net_situation, signal)
    return reweighted(probability, equal, target_class_prior(probability[signal], equal, evidence))


def _balanced_estimates(
    checkpoint: ModelCheckpoint, design: DesignTensors, embedding: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What the networks alone say of likely pairs and of signal nets, in decades, and how much it counts."""
    model = checkpoint.model
    with model.forgetting():
        outputs = model.contexts(design, embedding)
        # a calibration comes after the label law
        offset = model.adjustment(torch.zeros_like(outputs.weight), design.context_features)
        coupling = model.coupling(design, replace(outputs, weight=outputs.weight - offset))
        load = model.load(design, embedding, outputs)
    reference = model.reference_log(design)
    exists = checkpoint.coupling_error.existence_probability(coupling.source, coupling.hazard_log)
    likely = exists >= LIKELY
    pairs = (coupling.farad_log[likely] - reference) / DECADE
    nets = (load.farad_log[design.signal] - reference) / DECADE
    return (
        (pairs, _evidence(design.pair_row, design.pair_situation, likely)),
        (nets, _evidence(design.net_row, design.net_situation, design.signal)),
    )


def _evidence(row: Tensor, situation: Tensor, chosen: Tensor) -> Tensor:
    """How much each chosen row counts: by its members, and all together as many as there are situations."""
    members = torch.bincount(row, minlength=len(chosen))[chosen].float()
    return members * (len(torch.unique(situation[chosen])) / members.sum().clamp(min=1.0))
