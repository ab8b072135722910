"""Losses: pure functions of tensors, and thin modules where something is learned or must be saved."""

from circuitgcl.losses.balanced_mse import BalancedMSE, BalancedMSEKind, bmc_loss, bni_loss, gai_loss
from circuitgcl.losses.balanced_softmax import BalancedSoftmax, balanced_softmax_loss
from circuitgcl.losses.contrast import membership_contrast_loss
from circuitgcl.losses.label_prior import LabelBins, LabelMixture, fit_label_bins, fit_label_mixture
from circuitgcl.losses.scattering import (
    alignment_loss,
    centre_scattering_loss,
    decorrelation_loss,
    uniformity_loss,
)

__all__ = [
    "BalancedMSE",
    "BalancedMSEKind",
    "BalancedSoftmax",
    "LabelBins",
    "LabelMixture",
    "alignment_loss",
    "balanced_softmax_loss",
    "bmc_loss",
    "bni_loss",
    "centre_scattering_loss",
    "decorrelation_loss",
    "fit_label_bins",
    "fit_label_mixture",
    "gai_loss",
    "membership_contrast_loss",
    "uniformity_loss",
]
