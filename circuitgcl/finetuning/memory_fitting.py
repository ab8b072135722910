"""Fitting the memory of contexts on top of trained networks or trees.

These are frozen; what remains of the labels is explained by one offset per structural class and one
per exact context, both shrunk towards zero (`offset_fitting`), so that a context seen once moves little and
one seen a thousand times is remembered as measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.finetuning.offset_fitting import (
    LabelledSums,
    MemoryConfig,
    MemoryTarget,
    OffsetLevel,
    fit_offsets,
)
from circuitgcl.models.memory import ContextMemory

__all__ = ["MemoryConfig", "MemoryEvidence", "MemoryTarget", "fit_memory"]


@dataclass(frozen=True, kw_only=True)
class MemoryEvidence:
    """Labelled sums of one design: R rows, O occurrences, S sums (pairs, nets, or classes), I labels."""

    network: Tensor  # [R] natural logarithm estimated by trees or network
    exact: Tensor  # [R] int64 keys
    structural: Tensor  # [R] int64 keys
    occurrence_row: Tensor  # [O]
    occurrence_item: Tensor  # [O] the sum each occurrence enters
    target_ff: Tensor  # [I] femtofarad; NaN where unknown
    occurrence_count: Tensor | None = None  # [O] how often each counts; once when absent
    label_item: Tensor | None = None  # [I] the sum each label is of; the one of its own number when absent
    row_count: Tensor | None = None  # [R] how many contexts or terminals each row stands for; one when absent
    given: Tensor | None = None  # [S] femtofarad each sum has beside its rows; nothing when absent


def meeting(design: DesignTensors, network: Tensor) -> MemoryEvidence:
    """Labelled pairs of a design as sums over its contexts, of which `network` [K] says something."""
    assert design.labels is not None
    return MemoryEvidence(
        network=network,
        exact=design.context_exact,
        structural=design.context_structural,
        occurrence_row=design.occurrence_context,
        occurrence_item=design.occurrence_pair,
        occurrence_count=design.context_count,
        target_ff=design.labels.candidate_ff,
        label_item=design.pair_row,
        row_count=torch.bincount(design.context_row, minlength=len(network)),
    )


def joining(design: DesignTensors, network: Tensor, given: Tensor) -> MemoryEvidence:
    """Labelled nets of a design as sums over its terminals.

    Args:
        design: with labels.
        network: [Q] what is said of the terminals.
        given: [N] femtofarad of every net that no terminal explains.
    """
    assert design.labels is not None
    return MemoryEvidence(
        network=network,
        exact=design.terminal_exact,
        structural=design.terminal_structural,
        occurrence_row=design.occurrence_terminal,
        occurrence_item=design.occurrence_net,
        occurrence_count=design.terminal_count,
        target_ff=design.labels.load_ff,
        label_item=design.net_row,
        row_count=torch.bincount(design.terminal_row, minlength=len(network)),
        given=given,
    )


def fit_memory(
    evidence: Sequence[MemoryEvidence], target: MemoryTarget, config: MemoryConfig, *, salt: int
) -> ContextMemory:
    """Fit one memory to the labels of all designs together.

    Args:
        evidence: one entry per training design.
        target: what the sums stand for.
        config: settings.
        salt: hides the keys in the stored memory.
    """
    if not any(len(e.network) for e in evidence):
        return ContextMemory(salt=salt)
    exact_keys, exact = grouped(evidence, "exact")
    class_keys, structural = grouped(evidence, "structural")
    sums = labelled_sums(evidence)
    levels = [
        OffsetLevel(group=group, groups=len(keys), ridge=config.ridge)
        for group, keys in ((exact, exact_keys), (structural, class_keys))
    ]
    exact_offset, class_offset = fit_offsets(sums, levels, target, config)
    members = row_counts(evidence)
    exact_value = mean_by(exact, sums.base + class_offset[structural], len(exact_keys), members)
    exact_value = exact_value + exact_offset
    return ContextMemory.from_arrays(exact_keys, exact_value.numpy(), class_keys, class_offset.numpy(), salt)


def grouped(
    evidence: Sequence[MemoryEvidence], name: str
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Tensor]:
    """Distinct keys over all designs, and which of them every row has, [R]."""
    joined = np.concatenate([getattr(e, name).cpu().numpy() for e in evidence])
    keys, group = np.unique(joined, return_inverse=True)
    return keys, torch.from_numpy(group.ravel())


def labelled_sums(evidence: Sequence[MemoryEvidence]) -> LabelledSums:
    """The sums of all designs, one after the other."""
    rows = np.cumsum([0, *(len(e.network) for e in evidence)])
    sizes = [_sum_count(e) for e in evidence]
    starts = np.cumsum([0, *sizes])
    row = [e.occurrence_row + int(start) for e, start in zip(evidence, rows, strict=False)]
    item = [e.occurrence_item + int(start) for e, start in zip(evidence, starts, strict=False)]
    label = [
        (torch.arange(len(e.target_ff)) if e.label_item is None else e.label_item) + int(start)
        for e, start in zip(evidence, starts, strict=False)
    ]
    count = [
        torch.ones(len(e.occurrence_row)) if e.occurrence_count is None else e.occurrence_count
        for e in evidence
    ]
    given = [
        torch.zeros(size) if e.given is None else e.given[:size].detach()
        for e, size in zip(evidence, sizes, strict=True)
    ]
    return LabelledSums(
        base=torch.cat([e.network.detach() for e in evidence]),
        row=torch.cat(row),
        sum=torch.cat(item),
        count=torch.cat(count),
        sums=int(starts[-1]),
        label_sum=torch.cat(label),
        truth=torch.cat([e.target_ff for e in evidence]),
        given=torch.cat([torch.zeros(0), *given]),
    )


def _sum_count(evidence: MemoryEvidence) -> int:
    if evidence.label_item is None:
        return len(evidence.target_ff)
    ends = [int(index.max()) + 1 for index in (evidence.occurrence_item, evidence.label_item) if len(index)]
    return max(ends, default=0)


def row_counts(evidence: Sequence[MemoryEvidence]) -> Tensor:
    """How many contexts or terminals every row of all designs stands for, [R]."""
    return torch.cat(
        [torch.ones(len(e.network)) if e.row_count is None else e.row_count.float() for e in evidence]
    )


def mean_by(group: Tensor, values: Tensor, groups: int, count: Tensor) -> Tensor:
    """Mean of the values in each group, [groups], each counted `count` times."""
    total = torch.zeros(groups).index_add(0, group, count)
    mean: Tensor = torch.zeros(groups).index_add(0, group, count * values) / total
    return mean
