"""Deep imbalanced regression: label densities, weights and features smoothed over neighbouring labels.

Source: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021. Labels that lie close together
teach each other, so how rare a label is, is told by the density around it, not by the count of its bin
(label distribution smoothing, LDS); and the features of neighbouring labels are alike, so their statistics
are smoothed, too (feature distribution smoothing, FDS).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuitgcl.errors import DataError

FloatArray = NDArray[np.float64]
LARGEST_RATIO = 100.0  # of two weights; a single label must not be a whole epoch


def gaussian_kernel(reach: int, deviation: float) -> FloatArray:
    """Weights of the bins from `-reach` to `reach`, `[2 reach + 1]`, that sum to one.

    Args:
        reach: number of bins to either side.
        deviation: of the Gaussian, in bins.
    """
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights: FloatArray = kernel / kernel.sum()
    return weights


def smoothed(counts: FloatArray, reach: int, deviation: float) -> FloatArray:
    """Counts `[K, ...]` smoothed along the first dimension; at the ends the kernel is what lies inside."""
    kernel = gaussian_kernel(reach, deviation)
    flat = counts.reshape(len(counts), -1)
    inside = np.convolve(np.ones(len(counts)), kernel)[reach : reach + len(counts)]
    columns = [np.convolve(column, kernel)[reach : reach + len(counts)] / inside for column in flat.T]
    return np.stack(columns, axis=1).reshape(counts.shape)


class LabelDensity(nn.Module):
    """Smoothed density of the training labels, and the weight each label has for being rare.

    `w(y) ∝ p̃(y)^-α` with the smoothed density p̃ and mean weight 1 over the training labels. α = 1 is inverse
    weighting, 1/2 the milder one of the source. The weights belong into the loss of every step: computed and
    not handed on they change nothing.

    Args:
        labels: `[n]` continuous training labels of one target.
        bins: number of equal bins from the smallest to the largest label.
        reach: of the kernel, in bins.
        deviation: of the kernel, in bins.
        exponent: α.

    Raises:
        DataError: if there is no label, or one is not finite.
    """

    edges: Tensor  # [K + 1]
    weights: Tensor  # [K]

    def __init__(
        self,
        labels: NDArray[np.floating],
        *,
        bins: int = 50,
        reach: int = 4,
        deviation: float = 2.0,
        exponent: float = 0.5,
    ) -> None:
        super().__init__()
        if not len(labels) or not np.isfinite(labels).all():
            raise DataError("a label density needs at least one label, and finite ones only")
        counts, edges = np.histogram(labels.astype(np.float64), bins=bins)
        density = smoothed(counts.astype(np.float64), reach, deviation)
        occupied = counts > 0
        weights = np.zeros(bins)
        weights[occupied] = density[occupied] ** -exponent
        weights[~occupied] = weights.max()  # a label between the training ones is as rare as the rarest
        capped = np.minimum(weights, LARGEST_RATIO * weights[occupied].min())
        mean = (capped * counts).sum() / counts.sum()
        self.register_buffer("edges", torch.from_numpy(edges))
        self.register_buffer("weights", torch.from_numpy(capped / mean))

    def forward(self, target: Tensor) -> Tensor:
        """Weight of every target, `[B]`."""
        place = torch.bucketize(target.detach().double(), self.edges[1:-1], right=True)
        return self.weights[place].to(target)


class FeatureSmoothing(nn.Module):
    """Features recoloured from the statistics of their label's bin to those smoothed over its neighbours.

    `(h - μ_b) σ̃_b / σ_b + μ̃_b` for a label in bin b, with means and deviations of the last epoch and their
    smoothed counterparts. The first epoch leaves the features as they are, and evaluation always does.

    Args:
        labels: `[n]` training labels, for the bins.
        width: H, number of features.
        bins: number of bins K.
        reach: of the kernel, in bins.
        deviation: of the kernel, in bins.

    Shapes:
        mean, deviation, smoothed_mean, smoothed_deviation `[K, H]`
    """

    edges: Tensor
    mean: Tensor
    deviation: Tensor
    smoothed_mean: Tensor
    smoothed_deviation: Tensor
    is_fitted: Tensor

    def __init__(
        self,
        labels: NDArray[np.floating],
        width: int,
        *,
        bins: int = 20,
        reach: int = 2,
        deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.reach, self.kernel_deviation = reach, deviation
        self.register_buffer(
            "edges", torch.from_numpy(np.histogram_bin_edges(labels.astype(np.float64), bins))
        )
        for name in ("mean", "smoothed_mean"):
            self.register_buffer(name, torch.zeros(bins, width))
        for name in ("deviation", "smoothed_deviation"):
            self.register_buffer(name, torch.ones(bins, width))
        self.register_buffer("is_fitted", torch.tensor(False))

    def update(self, features: Tensor, target: Tensor) -> None:
        """Take the statistics of an epoch: features `[n, H]` of targets `[n]`."""
        rows, place = features.detach().double().cpu().numpy(), self._bins(target).cpu().numpy()
        bins = len(self.mean)
        count = np.bincount(place, minlength=bins).astype(np.float64)
        seen = count > 0
        mean, square = np.zeros((bins, rows.shape[1])), np.zeros((bins, rows.shape[1]))
        np.add.at(mean, place, rows)
        np.add.at(square, place, rows**2)
        mean[seen] /= count[seen, None]
        deviation = np.ones_like(mean)
        deviation[seen] = np.sqrt(np.maximum(square[seen] / count[seen, None] - mean[seen] ** 2, 1e-6))
        # bins without features neither give nor take
        weight = smoothed(count[:, None] * np.ones_like(mean), self.reach, self.kernel_deviation)
        parts = [mean, deviation]
        for name, own in zip(("mean", "deviation"), parts, strict=True):
            spread = smoothed(own * count[:, None], self.reach, self.kernel_deviation)
            near = np.where(seen[:, None], spread / np.maximum(weight, 1e-12), own)
            getattr(self, name).copy_(torch.from_numpy(own))
            getattr(self, f"smoothed_{name}").copy_(torch.from_numpy(near))
        self.is_fitted.fill_(True)

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """Recoloured features `[B, H]` of targets `[B]`."""
        if not self.training or not bool(self.is_fitted):
            return features
        place = self._bins(target)
        scale = self.smoothed_deviation[place] / self.deviation[place]
        return (features - self.mean[place]) * scale + self.smoothed_mean[place]

    def _bins(self, target: Tensor) -> Tensor:
        return torch.bucketize(target.detach().double(), self.edges[1:-1], right=True)
