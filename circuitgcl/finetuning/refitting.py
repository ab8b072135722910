"""What a calibration changes in a model, and how much of it the labels bear.

Networks and trees stay. Their estimates get one offset per source, one per relation of the two nets, and one
per structural class and per exact context of the labelled designs, each shrunk towards the model as it was
(`offset_fitting`). How many levels, and how strong the ridge, is decided on labels left out: in turn by
situations (labels of equal contexts together) for what must hold on new cells, and one by one for what is
remembered of these cells. Where nothing helps on labels left out, the model stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from circuitgcl.finetuning.memory_fitting import (
    MemoryEvidence,
    grouped,
    labelled_sums,
    mean_by,
    row_counts,
)
from circuitgcl.finetuning.offset_fitting import (
    LabelledSums,
    MemoryConfig,
    MemoryTarget,
    OffsetLevel,
    fit_offsets,
    shifts,
)
from circuitgcl.models.adjustment import RELATION_COUNT
from circuitgcl.models.memory import ContextMemory, Source

SOURCE_RIDGE = 0.1  # the scale is what few labels tell best
RELATION_RIDGE = 1.0
MEMORY_RIDGES = (1.0, 0.3, 0.1, 0.03)
BROAD_LEVELS = ("source", "relation")
SEARCH_ITERATIONS = 60  # of L-BFGS, enough to compare


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Which offsets are fitted: none, by source, by relation too, and with which ridge by context."""

    scale: bool = False
    relation: bool = False
    memory_ridge: float | None = None


@dataclass(frozen=True, kw_only=True)
class Refit:
    """Offsets of one quantity; natural logarithms. All zero and empty where the model stays as it was."""

    levels: Levels
    labels: int
    error_before: float = math.nan  # mean absolute error of held-out labels in decades, model as it was
    error_after: float = math.nan  # and refitted on the other labels
    source: Tensor  # [sources]
    relation: Tensor  # [relations]
    exact_keys: np.ndarray[tuple[int], np.dtype[np.int64]]  # [E] contexts of the labelled designs
    exact_value: Tensor  # [E] what they contribute
    class_keys: np.ndarray[tuple[int], np.dtype[np.int64]]  # [C]
    class_offset: Tensor  # [C] on top of what the model has for the class


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Labelled sums of some designs, with the model's answers in `parts` in the place of the network's."""

    parts: Sequence[MemoryEvidence]
    source: Tensor  # [R] Source of every row
    relation: Tensor  # [R] relation of every row; -1 where there is none


def refitted(
    evidence: Evidence, target: MemoryTarget, config: MemoryConfig, *, folds: int, seed: int
) -> Refit:
    """The offsets that labels left out bear.

    Args:
        evidence: the labels, and what the model says of them.
        target: what the sums stand for.
        config: settings of the fit.
        folds: number of parts the labels are left out by.
        seed: chooses them.
    """
    sums = labelled_sums(evidence.parts)
    search = replace(config, iterations=min(SEARCH_ITERATIONS, config.iterations))
    parts_by_label = label_parts(torch.arange(len(sums.truth)), sums, folds, seed)

    def error(levels: Levels, parts: Tensor) -> float:
        return _held_out_error(evidence, sums, parts, levels, target, search)

    best = Levels()
    if target is MemoryTarget.CAPACITANCE:
        parts = label_parts(situations(evidence), sums, folds, seed)
        best = min(
            (best, Levels(scale=True), Levels(scale=True, relation=True)), key=lambda c: error(c, parts)
        )
    remembering = [best, *(replace(best, memory_ridge=ridge) for ridge in MEMORY_RIDGES)]
    best = min(remembering, key=lambda candidate: error(candidate, parts_by_label))
    before, after = error(Levels(), parts_by_label), error(best, parts_by_label)
    if not after < before:
        best, after = Levels(), before
    return refit(evidence, best, target, config, error_before=before, error_after=after)


def refit(
    evidence: Evidence, chosen: Levels, target: MemoryTarget, config: MemoryConfig, **errors: float
) -> Refit:
    """Given levels of offsets fitted to all labels.

    Args:
        evidence: the labels, and what the model says of them.
        chosen: which offsets.
        target: what the sums stand for.
        config: settings of the fit.
        errors: `error_before` and `error_after` where they were measured.
    """
    sums = labelled_sums(evidence.parts)
    levels = _offset_levels(evidence, chosen)
    offsets = _fitted(sums, levels, target, config)
    exact_keys, class_keys = np.zeros(0, np.int64), np.zeros(0, np.int64)
    exact_value, class_offset = torch.zeros(0), torch.zeros(0)
    if chosen.memory_ridge is not None:
        exact_keys, class_keys = (grouped(evidence.parts, name)[0] for name in ("exact", "structural"))
        value, members = sums.base + _shift(levels, offsets), row_counts(evidence.parts)
        values = mean_by(levels["exact"].group, value, len(exact_keys), members)
        kept, kept_class = (_measured(sums, levels[name]) for name in ("exact", "class"))
        exact_keys, exact_value = exact_keys[kept.numpy()], values[kept]
        class_keys, class_offset = class_keys[kept_class.numpy()], offsets["class"][kept_class]
    return Refit(
        levels=chosen,
        labels=int(torch.isfinite(sums.truth).sum()),
        source=offsets.get("source", torch.zeros(len(Source))),
        relation=offsets.get("relation", torch.zeros(RELATION_COUNT)),
        exact_keys=exact_keys,
        exact_value=exact_value,
        class_keys=class_keys,
        class_offset=class_offset,
        **errors,
    )


def _offset_levels(evidence: Evidence, chosen: Levels) -> dict[str, OffsetLevel]:
    levels = {}
    if chosen.scale:
        levels["source"] = OffsetLevel(group=evidence.source, groups=len(Source), ridge=SOURCE_RIDGE)
    if chosen.relation:
        # what is remembered of a cell has its relation in it already
        relation = evidence.relation.where(evidence.source != int(Source.MEMORY), -1)
        levels["relation"] = OffsetLevel(group=relation, groups=RELATION_COUNT, ridge=RELATION_RIDGE)
    if chosen.memory_ridge is not None:
        for name, keys in (("class", "structural"), ("exact", "exact")):
            distinct, group = grouped(evidence.parts, keys)
            levels[name] = OffsetLevel(group=group, groups=len(distinct), ridge=chosen.memory_ridge)
    return levels


def _fitted(
    sums: LabelledSums, levels: Mapping[str, OffsetLevel], target: MemoryTarget, config: MemoryConfig
) -> dict[str, Tensor]:
    """Offsets of every level: first of the broad ones, then of single contexts on top of them.

    What couples tells the scale. What does not couple tells only which contexts contribute nothing, and there
    is so much of it that it would drag the scale down.
    """
    broad = {name: level for name, level in levels.items() if name in BROAD_LEVELS}
    fine = {name: level for name, level in levels.items() if name not in BROAD_LEVELS}
    offsets: dict[str, Tensor] = {}
    if broad:
        present = torch.where(sums.truth > config.floor_ff, sums.truth, torch.nan)
        found = fit_offsets(replace(sums, truth=present), list(broad.values()), target, config)
        offsets |= dict(zip(broad, found, strict=True))
    if fine:
        moved = replace(sums, base=sums.base + _shift(broad, offsets))
        offsets |= dict(zip(fine, fit_offsets(moved, list(fine.values()), target, config), strict=True))
    return offsets


def _shift(levels: Mapping[str, OffsetLevel], offsets: Mapping[str, Tensor]) -> Tensor:
    return shifts(list(levels.values()), [offsets[name] for name in levels])


def _measured(sums: LabelledSums, level: OffsetLevel) -> Tensor:
    """Groups that a known label is made of, [groups]; of the others nothing was learned."""
    known = torch.zeros(sums.sums, dtype=torch.bool)
    known[sums.label_sum[torch.isfinite(sums.truth)]] = True
    measured = torch.zeros(level.groups, dtype=torch.bool)
    measured[level.group[sums.row[known[sums.sum]]]] = True
    return measured


def _held_out_error(
    evidence: Evidence,
    sums: LabelledSums,
    parts: Tensor,
    chosen: Levels,
    target: MemoryTarget,
    config: MemoryConfig,
) -> float:
    """Mean error of labels left out, [I] parts in turn: in decades, or in nats for existence."""
    levels = _offset_levels(evidence, chosen)
    errors = []
    for part in range(int(parts.max()) + 1):
        left_out = parts == part
        kept = replace(sums, truth=torch.where(left_out, torch.nan, sums.truth))
        shift = _shift(levels, _fitted(kept, levels, target, config))
        total = sums.totals(sums.base + shift)[left_out]
        errors.append(_errors(total, sums.truth[left_out], target, config.floor_ff))
    joined = torch.cat(errors)
    return float(joined.nan_to_num(math.inf, math.inf).mean()) if len(joined) else 0.0


def _errors(total: Tensor, truth: Tensor, target: MemoryTarget, floor_ff: float) -> Tensor:
    if target is MemoryTarget.EXISTENCE:
        return torch.where(truth > floor_ff, -torch.log(-torch.expm1(-total) + 1e-9), total)
    return errors_in_decades(total, truth, floor_ff)


def errors_in_decades(total: Tensor, truth: Tensor, floor_ff: float) -> Tensor:
    """Distance of sums and labels above the floor, on a logarithmic scale that fades below it."""
    present = truth > floor_ff
    return (torch.log10(total[present] + floor_ff) - torch.log10(truth[present] + floor_ff)).abs()


def label_parts(group: Tensor, sums: LabelledSums, folds: int, seed: int) -> Tensor:
    """Part of every label, [I], whole groups at a time; -1 where the label is unknown.

    Args:
        group: [I] labels of one group stay together.
        sums: the labels.
        folds: number of parts.
        seed: chooses them.
    """
    known = torch.isfinite(sums.truth)
    parts = torch.full_like(group, -1)
    distinct, inverse = torch.unique(group[known], return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    parts[known] = torch.from_numpy(order)[inverse] % max(min(folds, len(distinct)), 1)
    return parts


def situations(evidence: Evidence) -> Tensor:
    """What every label is a sum of, [I]: labels of one situation repeat each other."""
    sums = labelled_sums(evidence.parts)
    exact = torch.cat([part.exact for part in evidence.parts])
    share = exact[sums.row] * sums.count.long()
    return torch.zeros(sums.sums, dtype=torch.int64).index_add(0, sums.sum, share)[sums.label_sum]


def extended(memory: ContextMemory, refit: Refit, salt: int) -> ContextMemory:
    """A memory with what was learned of the labelled designs; what it knew of others is kept."""
    source = refit.source
    # what networks or trees say is adjusted before the class is added to it
    class_shift = source[Source.CLASS] - source[Source.NETWORK]
    return memory.shifted(float(source[Source.MEMORY]), float(class_shift)).merged(
        refit.exact_keys, refit.exact_value.numpy(), refit.class_keys, refit.class_offset.numpy(), salt
    )
