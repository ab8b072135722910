"""Fitting offsets to sums of exponentials: what memories and calibrations learn from labels.

A label is a sum over contexts, and every context carries the sum of its offsets, one of each level: of the
whole technology, of its relation, of its structural class, of its exact content. Each level is shrunk towards
zero by a ridge of its own, so what the labels say of many contexts alike goes to the broad levels, and a
context seen once moves little. The terms are smooth and nearly convex: L-BFGS on all labels at once settles
in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from circuitgcl.models.scaling import FLOOR_FF

LARGEST_LOG = 12.0  # 160 pF, or a certain coupling; a line search may look much further out


class MemoryTarget(StrEnum):
    """What the sums stand for."""

    CAPACITANCE = "capacitance"  # sums of exponentials equal capacitances
    EXISTENCE = "existence"  # sums of exponentials are hazards


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """Settings of the memory fit."""

    ridge: float = 0.3  # penalty per squared offset, in units of one labelled pair
    iterations: int = 200  # of L-BFGS, at most
    floor_ff: float = FLOOR_FF
    censored_weight: float = 0.005  # of an item without capacitance whose estimate lies above the floor


@dataclass(frozen=True, kw_only=True)
class LabelledSums:
    """S sums over R rows by O occurrences, and I labels of them."""

    base: Tensor  # [R] natural logarithm of each row's contribution, before any offset
    row: Tensor  # [O]
    sum: Tensor  # [O] which sum the row enters
    count: Tensor  # [O] how often
    sums: int  # S
    label_sum: Tensor  # [I] which sum each label is of; on a quotient several are of one
    truth: Tensor  # [I] femtofarad; NaN where unknown
    given: Tensor  # [S] what each sum has beside its rows, known from elsewhere

    def totals(self, value: Tensor) -> Tensor:
        """The labelled sums, [I], of rows whose contributions have the logarithms [R]."""
        parts = value.clamp(max=LARGEST_LOG)[self.row].exp()
        total = self.given.index_add(0, self.sum, self.count * parts)
        return total[self.label_sum]


@dataclass(frozen=True, kw_only=True)
class OffsetLevel:
    """One offset for each group of rows."""

    group: Tensor  # [R] group of every row; -1 for rows that take no offset of this level
    groups: int
    ridge: float  # penalty per squared offset, in units of one label


def fit_offsets(
    sums: LabelledSums, levels: Sequence[OffsetLevel], target: MemoryTarget, config: MemoryConfig
) -> list[Tensor]:
    """Offsets of every level, [groups] each, that bring the sums nearest to their labels.

    Args:
        sums: rows, sums and labels.
        levels: groups of rows that share an offset; the offsets of one row add up.
        target: what the sums stand for.
        config: settings; the ridge is that of each level.
    """
    offsets = [torch.zeros(level.groups, requires_grad=True) for level in levels]
    optimizer = torch.optim.LBFGS(offsets, max_iter=config.iterations, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        total = sums.totals(sums.base + shifts(levels, offsets))
        loss = misfit(total, sums.truth, target, config)
        for level, offset in zip(levels, offsets, strict=True):
            loss = loss + level.ridge * offset.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    return [offset.detach() for offset in offsets]


def shifts(levels: Sequence[OffsetLevel], offsets: Sequence[Tensor]) -> Tensor:
    """What the offsets of all levels add to every row, [R]."""
    # row -1 finds the zero at the end
    return sum(
        (
            torch.cat([offset, offset.new_zeros(1)])[level.group]
            for level, offset in zip(levels, offsets, strict=True)
        ),
        start=torch.zeros(()),
    )


def misfit(total: Tensor, truth: Tensor, target: MemoryTarget, config: MemoryConfig) -> Tensor:
    """Summed loss over the labelled items."""
    known = ~torch.isnan(truth)
    present = known & (truth > config.floor_ff)
    if target is MemoryTarget.EXISTENCE:
        # P = 1 - exp(-total): log-likelihood of a Bernoulli with additive hazards
        log_present = torch.log(-torch.expm1(-total[present]) + 1e-9)
        return total[known & ~present].sum() - log_present.sum()
    floor = config.floor_ff
    misfit = (torch.log(total[present] + floor) - torch.log(truth[present] + floor)).square().sum()
    beyond = torch.relu(torch.log(total[known & ~present] + floor) - np.log(2 * floor + floor))
    return misfit + config.censored_weight * beyond.square().sum()
