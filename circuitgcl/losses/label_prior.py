"""The law of the training labels, which balanced regression losses divide out.

Fitted on the continuous training labels of one target alone: class ids, other targets and test designs stay
out.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from circuitgcl.errors import DataError

MAX_FITTED_LABELS = 200_000  # a one-dimensional density gains nothing from more

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelMixture:
    """Gaussian mixture `Σ_k w_k N(y; μ_k, v_k)`.

    Raises:
        ValueError: if the shapes differ, a variance or weight is not positive, or the weights do not sum to
            one.
    """

    means: Tensor  # [K], label units
    variances: Tensor  # [K], label units squared
    weights: Tensor  # [K], sum to one

    def __post_init__(self) -> None:
        if not bool((self.variances > 0).all()):
            raise ValueError("every component of a label mixture needs a positive variance")
        if self.variances.shape != self.means.shape:
            raise ValueError("a label mixture needs one variance per mean")
        _check_weights(self.means, self.weights)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelBins:
    """Histogram of labels without its empty bins.

    Raises:
        ValueError: if the shapes differ, a weight is not positive, or the weights do not sum to one.
    """

    centres: Tensor  # [K], label units
    weights: Tensor  # [K], share of the labels in each bin, sum to one

    def __post_init__(self) -> None:
        _check_weights(self.centres, self.weights)


def fit_label_mixture(
    labels: npt.NDArray[np.floating], components: int = 8, seed: int = 0, *, variance_floor: float = 1e-4
) -> LabelMixture:
    """Fit a Gaussian mixture to the training labels by expectation maximisation.

    There are never more components than distinct labels. The default floor is a deviation of 0.01 on the unit
    scale of targets, far below any model's error: it only keeps labels clipped to 0 or 1 from becoming an
    infinite spike.

    Args:
        labels: `[n]` continuous training labels of one target.
        components: largest number K of components.
        seed: fixes the initial components and, for very many labels, the sample that is fitted.
        variance_floor: smallest variance of a component, label units squared.

    Raises:
        DataError: if the labels are not a non-empty list of finite floating-point numbers.
    """
    # Imported late: estimating with a trained model needs this package but not scikit-learn's start-up time.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    labels = _checked_labels(labels)
    if len(labels) > MAX_FITTED_LABELS:
        labels = np.random.default_rng(seed).choice(labels, MAX_FITTED_LABELS, replace=False)
    model = GaussianMixture(
        n_components=min(components, len(np.unique(labels))),
        covariance_type="diag",
        reg_covar=min(variance_floor, 1e-6),
        max_iter=500,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if len(labels) == 1:  # the library asks for two samples; a repeated one has the same law
            labels = np.repeat(labels, 2)
        model.fit(labels[:, None])
    if not model.converged_:
        _log.warning("the label mixture had not settled after %d steps", model.n_iter_)
    kept = model.weights_ > 1e-9  # single precision must still tell them from zero
    return LabelMixture(
        means=_tensor(model.means_[kept, 0]),
        variances=_tensor(np.maximum(model.covariances_[kept, 0], variance_floor)),
        weights=_tensor(model.weights_[kept] / model.weights_[kept].sum()),
    )


def fit_label_bins(labels: npt.NDArray[np.floating], bins: int = 100) -> LabelBins:
    """Histogram of the training labels in equal bins from the smallest to the largest.

    Args:
        labels: `[n]` continuous training labels of one target.
        bins: number of bins, the empty ones included.

    Raises:
        DataError: if the labels are not a non-empty list of finite floating-point numbers.
    """
    counts, edges = np.histogram(_checked_labels(labels), bins=bins)
    kept = counts > 0
    return LabelBins(
        centres=_tensor((edges[:-1] + edges[1:])[kept] / 2), weights=_tensor(counts[kept] / counts.sum())
    )


def _checked_labels(labels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The labels in double precision; integers are refused because they are class ids, not capacitances."""
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.floating):
        raise DataError(
            f"found labels of type {labels.dtype} and shape {labels.shape}; a label law is fitted on one row "
            "of continuous labels. Pass the scaled targets, not the class ids"
        )
    if not len(labels) or not np.isfinite(labels).all():
        finite = int(np.isfinite(labels).sum())
        raise DataError(
            f"{finite} of {len(labels)} labels are finite; a label law needs all, and at least one"
        )
    return labels.astype(np.float64)


def _check_weights(places: Tensor, weights: Tensor) -> None:
    if places.dim() != 1 or weights.shape != places.shape:
        raise ValueError(
            f"a label law needs one weight per place, found {tuple(places.shape)} and {tuple(weights.shape)}"
        )
    if not bool((weights > 0).all()) or abs(float(weights.sum()) - 1) > 1e-4:
        raise ValueError("the weights of a label law must be positive and sum to one")


def _tensor(values: npt.NDArray[np.floating]) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
