"""ConR on candidate pairs: pairs whose couplings differ must not look alike to the coupling head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.losses import conr_loss
from circuitgcl.models.capacitance import DECADE
from circuitgcl.models.scaling import FLOOR_FF

ROWS = 512  # pairs compared in a step, each with each
SIMILAR_DECADES = 0.2  # a factor of 1.6


@contextmanager
def last_inputs(head: nn.Sequential) -> Iterator[list[Tensor]]:
    """What the last layer of a head is given while the block runs, gradients included."""
    seen: list[Tensor] = []
    handle = head[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        handle.remove()


def pair_contrast(design: DesignTensors, described: Tensor, estimate_log: Tensor) -> Tensor:
    """ConR loss of up to `ROWS` coupled pairs of a design, drawn at random.

    A pair is represented by the mean of its contexts before the last layer of the coupling head.

    Args:
        design: with labels.
        described: [K, H] contexts.
        estimate_log: [P] natural logarithm of the coupling of every pair row.
    """
    assert design.labels is not None
    truth = design.labels.candidate_ff
    chosen = torch.nonzero(truth > FLOOR_FF).squeeze(1)
    chosen = chosen[torch.randperm(len(chosen))[:ROWS].to(chosen.device)]
    rows, place = torch.unique(design.pair_row[chosen], return_inverse=True)
    position = torch.full((design.pair_rows,), -1, device=chosen.device)
    position[rows] = torch.arange(len(rows), device=chosen.device)
    inside = torch.nonzero(position[design.occurrence_pair] >= 0).squeeze(1)
    pair, count = position[design.occurrence_pair[inside]], design.context_count[inside].unsqueeze(1)
    total = described.new_zeros(len(rows), described.shape[1])
    total = total.index_add(0, pair, described[design.occurrence_context[inside]] * count)
    number = described.new_zeros(len(rows), 1).index_add(0, pair, count)
    return conr_loss(
        (total / number.clamp(min=1.0))[place],
        truth[chosen].log10(),
        estimate_log[design.pair_row[chosen]] / DECADE,
        similar=SIMILAR_DECADES,
    )
