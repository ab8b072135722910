"""Losses of the contrastive pretrainer: scatter the target's representations, align the online ones.

Sources: representation scattering (SGRL, NeurIPS 2024) as used by CircuitGCL (arXiv 2507.06535); uniformity
on the sphere (Wang and Isola, ICML 2020); variance and decorrelation terms (VICReg, ICLR 2022; Barlow Twins,
ICML 2021).

Everywhere `weights` `[N]` are multiplicities: a row with weight n counts as n equal rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from circuitgcl.losses.weighting import row_weights, weighted_mean


def centre_scattering_loss(u: Tensor, weights: Tensor | None = None) -> Tensor:
    """Published scattering loss, `-mean ‖u_i - c‖²` with `c = mean u`, on unit vectors.

    Because all `u_i` have length one it equals `‖c‖² - 1`. It is 0 when all rows coincide and reaches its
    minimum -1 as soon as the centre is the origin, whatever the arrangement: half the rows on one point and
    half on its antipode is already optimal. So it centres a batch but does not prevent dimensional collapse;
    `uniformity_loss` and `decorrelation_loss` do.

    Args:
        u: `[N, H]` representations; scaled to unit length here.
        weights: `[N]` multiplicities.

    Returns:
        Scalar in [-1, 0].
    """
    u = functional.normalize(u, dim=-1)
    return -weighted_mean((u - weighted_mean(u, weights)).square().sum(dim=-1), weights)


def uniformity_loss(u: Tensor, temperature: float = 2.0, weights: Tensor | None = None) -> Tensor:
    """Uniformity on the sphere, `log mean exp(-t ‖u_i - u_j‖²)` over ordered pairs i ≠ j.

    It is 0 when all rows coincide and never below `-2 t N / (N - 1)`; for N ≤ H + 1 the minimum is that
    bound, reached only by the regular simplex. For many rows the minimisers spread evenly over the whole
    sphere, so every direction is used, and repeating the same few points costs.

    A row of multiplicity n contains n (n - 1) ordered pairs at distance zero; they are counted, so that the
    value equals that on the repeated rows. A fractional weight below one contains no such pair.

    Time and memory grow with N²; large graphs want a sample of rows or their structural classes.

    Args:
        u: `[N, H]` representations; scaled to unit length here.
        temperature: t > 0, the sharpness of the kernel (2 in the source).
        weights: `[N]` multiplicities.

    Returns:
        Scalar in [-4 t, 0].

    Raises:
        ValueError: if there is no pair, that is fewer than two rows once multiplicities are counted.
    """
    u = functional.normalize(u, dim=-1)
    squared_norm = u.square().sum(dim=-1)
    squared_distance = squared_norm[:, None] + squared_norm[None, :] - 2 * u @ u.T
    pairs = _ordered_pairs(u, weights)
    total = pairs.sum()
    if total <= 0:
        raise ValueError("uniformity is a mean over pairs; it needs at least two rows")
    # Adding log-weights, with -inf for pairs that do not exist, keeps sharp kernels from underflowing.
    return torch.logsumexp((pairs.log() - temperature * squared_distance).flatten(), dim=0) - total.log()


def _ordered_pairs(u: Tensor, weights: Tensor | None) -> Tensor:
    """How many ordered pairs of distinct original rows each pair of rows stands for, `[N, N]`."""
    weights = u.new_ones(len(u)) if weights is None else row_weights(u, weights)
    within = (weights * (weights - 1)).clamp(min=0)
    return torch.outer(weights, weights).diagonal_scatter(within)


def decorrelation_loss(
    z: Tensor, weights: Tensor | None = None, *, target_deviation: float = 1.0, epsilon: float = 1e-4
) -> Tensor:
    """Mean squared correlation between dimensions plus a hinge on the standard deviation of each.

    `mean_{a≠b} r_ab² + mean_a max(0, γ - s_a)` with `s_a = sqrt(var_a + ε)` and `r_ab = cov_ab / (s_a s_b)`.
    The minimum 0 is reached exactly when all dimensions are uncorrelated and no s_a is below γ; the
    representations then have full rank. Rows collapsed on one oblique line give a first term near 1; rows
    collapsed on one point give `γ - sqrt(ε)` in total.

    Correlation instead of VICReg's covariance makes the first term independent of the scale of z and of H.
    Unit vectors cannot vary by 1 in every dimension: pass z before normalisation, or γ = 1/sqrt(H).

    Args:
        z: `[N, H]` representations, not normalised.
        weights: `[N]` multiplicities.
        target_deviation: γ, below which the deviation of a dimension is penalised.
        epsilon: ε, keeps the gradient finite for a dimension that is constant.

    Returns:
        Scalar, at least 0.
    """
    hidden = z.shape[-1]
    centred = z - weighted_mean(z, weights)
    share = z.new_full((len(z),), 1 / len(z)) if weights is None else row_weights(z, weights)
    covariance = centred.T @ (centred * (share / share.sum())[:, None])
    deviation = (covariance.diagonal() + epsilon).sqrt()
    correlation = covariance / torch.outer(deviation, deviation)
    between = correlation.square().sum() - correlation.diagonal().square().sum()
    return between / max(hidden * (hidden - 1), 1) + functional.relu(target_deviation - deviation).mean()


def alignment_loss(prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Alignment of the online encoder with the target encoder, `-mean cos(prediction_i, target_i)`.

    The minimum -1 is reached when every prediction points the way of its target; lengths do not matter.
    No gradient reaches the target: the two encoders learn by different losses.

    Args:
        prediction: `[N, H]` output of the online encoder's predictor.
        target: `[N, H]` representations of the target encoder.
        weights: `[N]` multiplicities.

    Returns:
        Scalar in [-1, 1].

    Raises:
        ValueError: if the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must agree in shape"
        )
    return -weighted_mean(functional.cosine_similarity(prediction, target.detach(), dim=-1), weights)
