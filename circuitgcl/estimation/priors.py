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
from circuitgcl.models.capacitance import DECADE, ContextOutputs, LoadOutputs
from circuitgcl.models.checkpoint import ModelCheckpoint
from circuitgcl.models.label_shift import LabelLaw, reweighted, target_class_prior
from circuitgcl.models.memory import Source

LIKELY = 0.5  # pairs from this probability on tell what coupling capacitances the design has


class Prior(StrEnum):
    """Label law that estimates follow.

    The estimates of trees follow `train`. Under the other laws the networks speak in their place, as only
    these are trained with balanced losses. What is remembered, or corrected by structure, stays.
    """

    BALANCED = "balanced"  # every label as frequent as any other
    TRAIN = "train"  # as in the training designs
    TARGET = "target"  # as in the design, fitted to its estimates


@contextmanager
def following(
    checkpoint: ModelCheckpoint, prior: Prior, design: DesignTensors, embedding: Tensor
) -> Iterator[ContextOutputs]:
    """The model of a checkpoint under a label law while the block runs, and what it says of every context.

    Args:
        checkpoint: the model, in evaluation mode.
        prior: which law.
        design: the design to estimate.
        embedding: [N, H] of its net rows.
    """
    model = checkpoint.model
    trained = model.contexts(design, embedding)
    if prior is Prior.TRAIN:
        yield trained
        return
    with model.without_trees(), _other_law(checkpoint, prior, design, embedding, trained) as outputs:
        yield outputs


@contextmanager
def _other_law(
    checkpoint: ModelCheckpoint,
    prior: Prior,
    design: DesignTensors,
    embedding: Tensor,
    trained: ContextOutputs,
) -> Iterator[ContextOutputs]:
    """As `following`, of a model without trees and a law that is not that of training."""
    model = checkpoint.model
    kept = model.coupling_law, model.load_law
    model.coupling_law, model.load_law = (LabelLaw().to(embedding.device) for _ in kept)
    try:
        reference = model.reference_log(design)
        # a calibration comes after the label law
        offset = model.adjustment(torch.zeros_like(trained.weight), design.context_features)
        networks = model.contexts(design, embedding)
        balanced = networks.weight - offset
        if prior is Prior.TARGET:
            evidence = _balanced_estimates(checkpoint, design, embedding, replace(networks, weight=balanced))
            laws = [law.adapted(*own) for law, own in zip(kept, evidence, strict=True)]
            model.coupling_law, model.load_law = laws
        weight = model.natural_weight(balanced - reference, reference) + offset
        # what the memory adds to a known structure was fitted under the law of training
        keys = design.context_exact, design.context_structural
        _, source = model.coupling_memory(trained.weight, *keys)
        keys = design.terminal_exact, design.terminal_structural
        _, load_source = model.load_memory(trained.load, *keys)
        yield replace(
            trained,
            weight=weight.where(source == int(Source.NETWORK), trained.weight),
            load=networks.load.where(load_source == int(Source.NETWORK), trained.load),
        )
    finally:
        model.coupling_law, model.load_law = kept


def class_shares_followed(load: LoadOutputs, prior: Prior, design: DesignTensors) -> Tensor:
    """What the class head states, [N, C]; under `target` with the shares of the design, where it is new."""
    stated, signal = torch.softmax(load.class_logits, dim=1), design.signal
    if prior is not Prior.TARGET or not signal.any():
        return stated
    equal = torch.full_like(stated[0], 1.0 / stated.shape[1])
    evidence = _evidence(design.net_row, design.net_situation, signal)
    followed = reweighted(stated, equal, target_class_prior(stated[signal], equal, evidence))
    return followed.where((load.source == int(Source.NETWORK)).unsqueeze(1), stated)


def _balanced_estimates(
    checkpoint: ModelCheckpoint, design: DesignTensors, embedding: Tensor, outputs: ContextOutputs
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What the networks alone say of likely pairs and of signal nets, in decades, and how much it counts."""
    model, reference = checkpoint.model, checkpoint.model.reference_log(design)
    with model.forgetting():
        coupling = model.coupling(design, outputs)
        load = model.load(design, embedding, outputs)
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
