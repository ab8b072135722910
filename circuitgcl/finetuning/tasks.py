"""What the heads learn: each task owns its target, its rebalanced loss and its unit.

Capacitances are learned in decades (log10 of femtofarad). An extracted value below the floor counts as
"nothing there": such pairs and nets only pull down estimates that lie above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor, nn

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.losses import (
    BalancedMSE,
    BalancedMSEKind,
    BalancedSoftmax,
    LabelBins,
    LabelDensity,
    LabelMixture,
    cross_entropy_loss,
    fit_label_bins,
    fit_label_mixture,
    focal_loss,
    huber_loss,
    mse_loss,
)
from circuitgcl.models.capacitance import CouplingOutputs, LoadOutputs
from circuitgcl.models.label_shift import COMPONENTS
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, TargetScale

DECADE = math.log(10.0)
INITIAL_NOISE_DECADES = 0.3
HUBER_DECADES = 0.3  # about a factor of two


class RegressionLoss(StrEnum):
    """Loss of the regression heads."""

    GAI = "gai"
    BMC = "bmc"
    BNI = "bni"
    LDS = "lds"  # squared error, weighted by the smoothed density of the labels
    MSE = "mse"
    HUBER = "huber"


class ClassLoss(StrEnum):
    """Loss of a class head."""

    BSCE = "bsce"  # balanced softmax
    FOCAL = "focal"
    CE = "ce"


class CapacitanceRegression(nn.Module):
    """Regression of log10 capacitance with a censored side for what the extractor did not find.

    Args:
        labels_ff: [*] training capacitances in femtofarad, for the label law of balanced losses.
        kind: the loss.
        censored_weight: weight of items without capacitance.
        reference_log: [*] natural logarithm of what each label is relative to; nothing when absent.
    """

    def __init__(
        self,
        labels_ff: np.ndarray,
        kind: RegressionLoss,
        censored_weight: float,
        reference_log: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.kind, self.censored_weight = kind, censored_weight
        self.balanced: BalancedMSE | None = None
        self.density: LabelDensity | None = None
        present = labels_ff > FLOOR_FF
        decades = np.log10(labels_ff[present].astype(np.float64))
        if reference_log is not None:
            decades -= reference_log[present] / DECADE
        if kind is RegressionLoss.LDS:
            self.density = LabelDensity(decades)
        elif kind in (RegressionLoss.GAI, RegressionLoss.BMC, RegressionLoss.BNI):
            prior: LabelMixture | LabelBins | None = None
            if kind is RegressionLoss.GAI:
                prior = fit_label_mixture(decades, COMPONENTS)
            elif kind is RegressionLoss.BNI:
                prior = fit_label_bins(decades)
            self.balanced = BalancedMSE(
                BalancedMSEKind(kind.value), initial_noise_scale=INITIAL_NOISE_DECADES, prior=prior
            )

    def forward(self, estimate_log: Tensor, truth_ff: Tensor, reference_log: float = 0.0) -> Tensor:
        """Mean loss of [I] estimates (natural logarithm of femtofarad) against [I] truths; NaN is unknown.

        Args:
            estimate_log: [I].
            truth_ff: [I].
            reference_log: what the labels of this design are relative to.
        """
        decades = estimate_log / DECADE
        present = truth_ff > FLOOR_FF
        loss = decades.new_zeros(())
        if present.any():
            reference = reference_log / DECADE
            loss = self._regression(decades[present] - reference, truth_ff[present].log10() - reference)
        absent = truth_ff <= FLOOR_FF
        if absent.any() and self.censored_weight:
            beyond = torch.relu(decades[absent] - math.log10(2 * FLOOR_FF))
            loss = loss + self.censored_weight * beyond.square().mean()
        return loss

    def _regression(self, estimate: Tensor, truth: Tensor) -> Tensor:
        if self.balanced is not None:
            loss: Tensor = self.balanced(estimate, truth)
            return loss
        if self.kind is RegressionLoss.HUBER:
            return huber_loss(estimate, truth, HUBER_DECADES)
        return mse_loss(estimate, truth, None if self.density is None else self.density(truth))


class CapacitanceClasses(nn.Module):
    """Classification of capacitances into the classes of a target scale.

    Args:
        counts: [CLASS_COUNT] training labels of every class, for balanced softmax.
        kind: the loss.
    """

    def __init__(self, counts: Tensor, kind: ClassLoss) -> None:
        super().__init__()
        self.kind = kind
        is_balanced = kind is ClassLoss.BSCE and bool(counts.any())
        self.balanced = BalancedSoftmax(counts) if is_balanced else None

    def forward(self, logits: Tensor, classes: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss; zero where nothing is labelled.

        Args:
            logits: [I, CLASS_COUNT].
            classes: [I] class of every item.
            weight: [I] how often each counts; once when absent.
        """
        if not len(classes):
            return logits.sum() * 0.0
        if self.balanced is not None:
            loss: Tensor = self.balanced(logits, classes, weight)
            return loss
        plain = focal_loss if self.kind is ClassLoss.FOCAL else cross_entropy_loss
        return plain(logits, classes, sample_weight=weight)


def _references(labels: Sequence[np.ndarray], references: Sequence[float] | None) -> np.ndarray | None:
    """What every label is relative to, [*], from one value per labelled design."""
    if references is None:
        return None
    return np.repeat(np.asarray(references, np.float64), [len(own) for own in labels])


class CouplingTask(nn.Module):
    """Coupling of candidate pairs: how much (femtofarad) and whether at all."""

    def __init__(
        self,
        designs: Sequence[DesignTensors],
        kind: RegressionLoss,
        censored_weight: float,
        *,
        references: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        labels = [d.labels.candidate_ff.numpy() for d in designs if d.labels is not None]
        reference = _references(labels, references)
        self.regression = CapacitanceRegression(np.concatenate(labels), kind, censored_weight, reference)

    def forward(self, outputs: CouplingOutputs, truth_ff: Tensor, reference_log: float = 0.0) -> Tensor:
        """Regression loss plus binary cross-entropy of existence, over [P] candidate pairs."""
        return torch.stack(list(self.losses(outputs, truth_ff, reference_log).values())).sum()

    def losses(
        self, outputs: CouplingOutputs, truth_ff: Tensor, reference_log: float = 0.0
    ) -> dict[str, Tensor]:
        """Losses of `coupling` and of `existence`, scalars."""
        probability = outputs.existence.clamp(1e-6, 1 - 1e-6)
        exists = (truth_ff > FLOOR_FF).float()
        return {
            "coupling": self.regression(outputs.farad_log, truth_ff, reference_log),
            "existence": nn.functional.binary_cross_entropy(probability, exists),
        }


class LoadTask(nn.Module):
    """Load of nets (femtofarad), ground-equivalent or the extractor's own, and its class."""

    def __init__(
        self,
        designs: Sequence[DesignTensors],
        scale: TargetScale,
        kind: RegressionLoss,
        censored_weight: float,
        class_loss: ClassLoss = ClassLoss.BSCE,
        *,
        references: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        loads = [d.labels.load_ff.numpy() for d in designs if d.labels is not None]
        labels, reference = np.concatenate(loads), _references(loads, references)
        self.regression = CapacitanceRegression(labels, kind, censored_weight, reference)
        labels = labels[~np.isnan(labels)]
        counts = np.bincount(scale.classes(labels.astype(np.float64) * 1e-15), minlength=CLASS_COUNT)
        self.classification = CapacitanceClasses(torch.from_numpy(counts), class_loss)
        self.scale = scale

    def forward(self, outputs: LoadOutputs, truth_ff: Tensor, reference_log: float = 0.0) -> Tensor:
        """Regression loss plus that of the classes, over [N] nets; NaN is unknown."""
        return torch.stack(list(self.losses(outputs, truth_ff, reference_log).values())).sum()

    def losses(self, outputs: LoadOutputs, truth_ff: Tensor, reference_log: float = 0.0) -> dict[str, Tensor]:
        """Losses of `load` and of `ground_class`, scalars."""
        known = ~torch.isnan(truth_ff)
        truth = truth_ff[known]
        classes = torch.from_numpy(self.scale.classes(truth.double().cpu().numpy() * 1e-15)).to(truth.device)
        return {
            "load": self.regression(outputs.farad_log[known], truth, reference_log),
            "ground_class": self.classification(outputs.class_logits[known], classes),
        }
