"""Fitting the memory of contexts on top of trained networks.

The networks are frozen; what remains of the labels is explained by one offset per structural class and one
per exact context, both shrunk towards zero by a ridge, so that a context seen once moves little and one seen
a thousand times is remembered as measured. The terms are smooth and nearly convex, so L-BFGS on all labels at
once settles in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from circuitgcl.models.memory import ContextMemory
from circuitgcl.models.scaling import FLOOR_FF


class MemoryTarget(StrEnum):
    """What a memory is fitted to."""

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
class MemoryEvidence:
    """Labelled sums of one design: R rows, O occurrences, I items (pairs or nets)."""

    network: Tensor  # [R] natural logarithm estimated by the network
    exact: Tensor  # [R] int64 keys
    structural: Tensor  # [R] int64 keys
    occurrence_row: Tensor  # [O]
    occurrence_item: Tensor  # [O]
    target_ff: Tensor  # [I] femtofarad; NaN where unknown


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
    network = torch.cat([e.network.detach() for e in evidence])
    exact_keys, exact = np.unique(_joined(evidence, "exact"), return_inverse=True)
    class_keys, structural = np.unique(_joined(evidence, "structural"), return_inverse=True)
    exact_row, class_row = torch.from_numpy(exact.ravel()), torch.from_numpy(structural.ravel())
    rows = np.cumsum([0, *(len(e.network) for e in evidence)])
    items = np.cumsum([0, *(len(e.target_ff) for e in evidence)])
    row = torch.cat([e.occurrence_row + int(start) for e, start in zip(evidence, rows, strict=False)])
    item = torch.cat([e.occurrence_item + int(start) for e, start in zip(evidence, items, strict=False)])
    truth = torch.cat([e.target_ff for e in evidence])

    exact_offset = torch.zeros(len(exact_keys), requires_grad=True)
    class_offset = torch.zeros(len(class_keys), requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [exact_offset, class_offset], max_iter=config.iterations, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        value = network + class_offset[class_row] + exact_offset[exact_row]
        total = torch.zeros(len(truth)).index_add(0, item, value[row].exp())
        loss = _misfit(total, truth, target, config)
        loss = loss + config.ridge * (exact_offset.square().sum() + class_offset.square().sum())
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        count = torch.bincount(exact_row, minlength=len(exact_keys))
        base = torch.zeros(len(exact_keys)).index_add(0, exact_row, network + class_offset[class_row]) / count
        exact_value = base + exact_offset
    return ContextMemory.from_arrays(
        exact_keys, exact_value.numpy(), class_keys, class_offset.detach().numpy(), salt
    )


def _joined(evidence: Sequence[MemoryEvidence], name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([getattr(e, name).cpu().numpy() for e in evidence])


def _misfit(total: Tensor, truth: Tensor, target: MemoryTarget, config: MemoryConfig) -> Tensor:
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
