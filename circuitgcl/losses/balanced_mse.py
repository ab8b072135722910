"""Regression losses for labels that are far from uniformly distributed.

Balanced MSE (Ren et al., CVPR 2022). The model states the label it would expect if all labels were equally
likely, `p_bal(y | x) = N(y; ŷ, σ²)`; by Bayes' rule the training data then follow

    p_train(y | x) = N(y; ŷ, σ²) p_train(y) / ∫ N(y'; ŷ, σ²) p_train(y') dy'

The loss is the negative logarithm of that, without the term in p_train(y) alone. The three kinds differ in
how they integrate: over a Gaussian mixture (GAI), the labels of the mini-batch (BMC), or label bins (BNI).

All of them are multiplied by 2σ², held constant, so that their gradient has the size of that of a squared
error. The normalising 1/σ of the Gaussian must not be dropped from GAI: the loss would fall without bound as
σ grows, and a learned σ would run away. In BMC and BNI it cancels.
"""

from __future__ import annotations

import math
from enum import StrEnum

import torch
from torch import Tensor, nn

from circuitgcl.losses.label_prior import LabelBins, LabelMixture
from circuitgcl.losses.plain import check_rows
from circuitgcl.losses.weighting import row_weights, weighted_mean


class BalancedMSEKind(StrEnum):
    """How the integral over the training labels is computed."""

    GAI = "gai"  # closed form over a Gaussian mixture
    BMC = "bmc"  # over the labels of the mini-batch
    BNI = "bni"  # over a histogram


def gai_loss(
    prediction: Tensor,
    target: Tensor,
    noise_scale: Tensor,
    mixture: LabelMixture,
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Balanced MSE with the integral in closed form over a Gaussian mixture.

    `2σ² mean[(ŷ-y)²/2σ² + log σ + log Σ_k w_k exp(-(ŷ-μ_k)²/2(v_k+σ²)) / sqrt(v_k+σ²)]`, equal to
    `2σ² mean[-log N(y; ŷ, σ²) + log Σ_k w_k N(ŷ; μ_k, v_k+σ²)]`.

    Args:
        prediction: `[B]` ŷ.
        target: `[B]` y.
        noise_scale: scalar σ > 0.
        mixture: law of the training labels.
        sample_weight: `[B]`.

    Returns:
        Scalar; for one very wide component a squared error plus a constant.

    Raises:
        ValueError: if the shapes differ.
    """
    return _mixture_loss(
        prediction, target, noise_scale, mixture.means, mixture.variances, mixture.weights, sample_weight
    )


def bmc_loss(
    prediction: Tensor, target: Tensor, noise_scale: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    """Balanced MSE with the labels of the mini-batch as samples of the training law.

    Cross-entropy, times 2σ², over the B × B matrix of logits `-(ŷ_i - y_j)²/2σ²` with the right answer j = i:
    every prediction has to pick its own label out of the batch. A batch of one therefore has loss zero.

    Weights act on both sides, as rows of the mean and as columns of the softmax, so that weight n equals n
    copies.

    Args:
        prediction: `[B]` ŷ.
        target: `[B]` y.
        noise_scale: scalar σ > 0.
        sample_weight: `[B]`.

    Returns:
        Scalar.

    Raises:
        ValueError: if the shapes differ.
    """
    check_rows(prediction, target)
    log_kernel = -(prediction[:, None] - target[None, :]).square() / (2 * noise_scale.square())
    if sample_weight is not None:
        log_kernel = log_kernel + row_weights(target, sample_weight).log()
    return _rescaled(prediction, target, noise_scale, torch.logsumexp(log_kernel, dim=-1), sample_weight)


def bni_loss(
    prediction: Tensor,
    target: Tensor,
    noise_scale: Tensor,
    bin_centres: Tensor,
    bin_weights: Tensor,
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Balanced MSE with the integral as a sum over label bins.

    `2σ² mean[(ŷ-y)²/2σ² + log Σ_b w_b exp(-(ŷ-c_b)²/2σ²)]`. Bins should be no wider than σ.

    Args:
        prediction: `[B]` ŷ.
        target: `[B]` y.
        noise_scale: scalar σ > 0.
        bin_centres: `[K]` c.
        bin_weights: `[K]` w, shares of the training labels.
        sample_weight: `[B]`.

    Returns:
        Scalar.

    Raises:
        ValueError: if the shapes differ.
    """
    no_width = torch.zeros_like(bin_centres)
    return _mixture_loss(prediction, target, noise_scale, bin_centres, no_width, bin_weights, sample_weight)


class BalancedMSE(nn.Module):
    """Balanced MSE with a learned noise scale σ.

    The only parameter, `log_noise_scale`, is a scalar and wants a learning rate of its own. The label law,
    where one is needed, is kept in buffers and so moves and is saved with the module.

    Args:
        kind: how the integral over the training labels is computed.
        initial_noise_scale: σ at the start, in label units. Take about the model's training RMSE: the
            correction vanishes as σ goes to zero, and a σ far too small stays plain squared error for many
            steps.
        prior: law of the training labels; a `LabelMixture` for GAI, `LabelBins` for BNI, nothing for BMC.

    Raises:
        ValueError: if σ is not positive and finite, or the prior does not fit the kind.
    """

    log_noise_scale: nn.Parameter
    places: Tensor
    variances: Tensor
    weights: Tensor

    def __init__(
        self,
        kind: BalancedMSEKind,
        *,
        initial_noise_scale: float,
        prior: LabelMixture | LabelBins | None = None,
    ) -> None:
        super().__init__()
        if not (0 < initial_noise_scale < math.inf):
            raise ValueError(f"the noise scale must start positive and finite, not at {initial_noise_scale}")
        expected = {BalancedMSEKind.GAI: LabelMixture, BalancedMSEKind.BNI: LabelBins}.get(kind, type(None))
        if not isinstance(prior, expected):
            raise ValueError(f"{kind} needs a prior of {expected.__name__}, found {type(prior).__name__}")
        self.kind = kind
        self.log_noise_scale = nn.Parameter(torch.tensor(math.log(initial_noise_scale)))
        if prior is not None:
            places = prior.means if isinstance(prior, LabelMixture) else prior.centres
            widths = prior.variances if isinstance(prior, LabelMixture) else torch.zeros_like(places)
            self.register_buffer("places", places.clone())
            self.register_buffer("variances", widths.clone())
            self.register_buffer("weights", prior.weights.clone())

    @property
    def noise_scale(self) -> Tensor:
        """The noise scale σ, a positive scalar in label units."""
        return self.log_noise_scale.exp()

    def forward(self, prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Loss of predictions `[B]` for targets `[B]`, a scalar."""
        if self.kind is BalancedMSEKind.BMC:
            return bmc_loss(prediction, target, self.noise_scale, sample_weight)
        law = self.places, self.variances, self.weights
        return _mixture_loss(prediction, target, self.noise_scale, *law, sample_weight)


def _mixture_loss(
    prediction: Tensor,
    target: Tensor,
    noise_scale: Tensor,
    places: Tensor,
    variances: Tensor,
    weights: Tensor,
    sample_weight: Tensor | None,
) -> Tensor:
    """Balanced MSE for a label law of K components; a histogram is one whose components have no width."""
    variance = variances.to(prediction) + noise_scale.square()
    offset = prediction[:, None] - places.to(prediction)
    log_density = weights.to(prediction).log() - 0.5 * (variance.log() + offset.square() / variance)
    log_integral = torch.logsumexp(log_density, dim=-1) + noise_scale.log()
    return _rescaled(prediction, target, noise_scale, log_integral, sample_weight)


def _rescaled(
    prediction: Tensor,
    target: Tensor,
    noise_scale: Tensor,
    log_integral: Tensor,
    sample_weight: Tensor | None,
) -> Tensor:
    """Mean of squared error and log-integral `[B]`, times 2σ² held constant."""
    check_rows(prediction, target)
    twice_variance = 2 * noise_scale.square()
    nll = (prediction - target).square() / twice_variance + log_integral
    return weighted_mean(nll, sample_weight) * twice_variance.detach()
