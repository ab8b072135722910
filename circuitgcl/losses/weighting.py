"""Means in which a row may stand for several equal rows.

Circuits repeat themselves, so encoder and pair head run on classes of identical rows with multiplicities.
Every loss of this package takes such weights; for integer ones it equals the unweighted loss on the rows
repeated that often.
"""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over the first dimension.

    Args:
        values: `[B, ...]`.
        weights: `[B]`, non-negative with a positive sum, of any numeric type; all equal when left out.

    Returns:
        `values.shape[1:]`.

    Raises:
        ValueError: if there is not exactly one weight per row.
    """
    if weights is None:
        return values.mean(dim=0)
    weights = row_weights(values, weights)
    mean: Tensor = torch.tensordot(weights / weights.sum(), values, dims=1)
    return mean


def row_weights(values: Tensor, weights: Tensor) -> Tensor:
    """The weights `[B]` in the precision and on the device of `values` `[B, ...]`, checked to be one per row.

    Raises:
        ValueError: if there is not exactly one weight per row.
    """
    if weights.shape != values.shape[:1]:
        raise ValueError(
            f"weights have shape {tuple(weights.shape)}; {len(values)} rows need ({len(values)},), one each"
        )
    return weights.to(values)
