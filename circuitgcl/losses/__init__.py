"""Losses: pure functions of tensors, and thin modules where something is learned or must be saved."""

from circuitgcl.losses.balanced_mse import BalancedMSE, BalancedMSEKind, bmc_loss, bni_loss, gai_loss
from circuitgcl.losses.balanced_softmax import BalancedSoftmax, balanced_softmax_loss
from circuitgcl.losses.conr import conr_loss
from circuitgcl.losses.contrast import membership_contrast_loss
from circuitgcl.losses.label_prior import LabelBins, LabelMixture, fit_label_bins, fit_label_mixture
from circuitgcl.losses.plain import cross_entropy_loss, focal_loss, huber_loss, mse_loss
from circuitgcl.losses.scattering import (
    alignment_loss,
    centre_scattering_loss,
    decorrelation_loss,
    uniformity_loss,
)
from circuitgcl.losses.smoothing import FeatureSmoothing, LabelDensity

__all__ = [
    "BalancedMSE",
    "BalancedMSEKind",
    "BalancedSoftmax",
    "FeatureSmoothing",
    "LabelBins",
    "LabelDensity",
    "LabelMixture",
    "alignment_loss",
    "balanced_softmax_loss",
    "bmc_loss",
    "bni_loss",
    "centre_scattering_loss",
    "conr_loss",
    "cross_entropy_loss",
    "decorrelation_loss",
    "fit_label_bins",
    "fit_label_mixture",
    "focal_loss",
    "gai_loss",
    "huber_loss",
    "membership_contrast_loss",
    "mse_loss",
    "uniformity_loss",
]
