"""Losses without balancing: the baselines, and the focal loss.

Everywhere `sample_weight` `[B]` are multiplicities: a row with weight n counts as n equal rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from circuitgcl.losses.weighting import weighted_mean


def mse_loss(prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Squared error, `mean (ŷ - y)²`, of predictions and targets `[B]`.

    Raises:
        ValueError: if the shapes differ.
    """
    check_rows(prediction, target)
    return weighted_mean((prediction - target).square(), sample_weight)


def huber_loss(
    prediction: Tensor, target: Tensor, delta: float, sample_weight: Tensor | None = None
) -> Tensor:
    """Squared error up to an error of δ and linear beyond, `mean h(|ŷ - y|)` of rows `[B]`.

    `h(e) = e²/2` for e ≤ δ, else `δ (e - δ/2)` (Huber, Annals of Mathematical Statistics 1964).

    Raises:
        ValueError: if the shapes differ.
    """
    check_rows(prediction, target)
    return weighted_mean(
        functional.huber_loss(prediction, target, reduction="none", delta=delta), sample_weight
    )


def cross_entropy_loss(logits: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy, `mean -log p_c`, of logits `[B, C]` for class ids `[B]`."""
    return weighted_mean(functional.cross_entropy(logits, target, reduction="none"), sample_weight)


def focal_loss(
    logits: Tensor, target: Tensor, focus: float = 2.0, sample_weight: Tensor | None = None
) -> Tensor:
    """Focal loss, `mean -(1 - p_c)^γ log p_c`: rows that are right already hardly count.

    Source: Lin et al., ICCV 2017. With γ = 0 it is the cross-entropy.

    Args:
        logits: `[B, C]`.
        target: `[B]` class ids.
        focus: γ ≥ 0 (2 in the source).
        sample_weight: `[B]`.

    Returns:
        Scalar.

    Raises:
        ValueError: if γ is negative.
    """
    if focus < 0:
        raise ValueError(f"the focus must not be negative, found {focus}")
    log_p = functional.log_softmax(logits, dim=-1).gather(1, target[:, None]).squeeze(1)
    # p near 1 would make the gradient of (1 - p)^γ infinite for γ < 1
    missing = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).eps)
    return weighted_mean(-missing.pow(focus) * log_p, sample_weight)


def check_rows(prediction: Tensor, target: Tensor) -> None:
    """Refuse anything but two rows `[B]`: [B, 1] against [B] would silently broadcast to B × B differences.

    Raises:
        ValueError: if the shapes differ.
    """
    if prediction.dim() != 1 or prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must both be one row [B]"
        )
