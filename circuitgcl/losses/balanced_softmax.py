"""Cross-entropy for classes that are far from equally frequent.

Balanced Softmax (Ren et al., NeurIPS 2020): the logits state the class probabilities under equally frequent
classes; adding `log n_c` turns them into probabilities under the frequencies of the training set, where the
cross-entropy is taken. The classifier itself then uses the logits as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from circuitgcl.losses.weighting import weighted_mean

ABSENT_CLASS_COUNT = 1.0


def balanced_softmax_loss(
    logits: Tensor, target: Tensor, class_counts: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy on `logits + log n_c`.

    The counts are those of the whole training set. Counts of a mini-batch would change the prior from step to
    step and send the logit of a class the batch happens to lack to minus infinity.

    A class without any training sample is treated as if it had one. Zero would leave its logit without any
    gradient, hence arbitrary when the classifier later uses the bare logits, and its loss infinite on a
    design that does have the class. A pseudo-count below one would, once the prior is taken off, favour a
    class never seen over a class seen once; a larger one would contradict the data.

    Args:
        logits: `[B, C]`.
        target: `[B]` class ids.
        class_counts: `[C]` training samples per class; counts, not shares.
        sample_weight: `[B]`.

    Returns:
        Scalar.

    Raises:
        ValueError: if there is not one count per class, or the counts are negative, all zero or shares.
    """
    if class_counts.shape != logits.shape[1:]:
        raise ValueError(
            f"{tuple(class_counts.shape)} class counts do not fit logits of shape {tuple(logits.shape)}"
        )
    adjusted = logits + log_class_counts(class_counts).to(logits)
    return weighted_mean(functional.cross_entropy(adjusted, target, reduction="none"), sample_weight)


def log_class_counts(class_counts: Tensor) -> Tensor:
    """`log n_c` `[C]` in floating point, with `ABSENT_CLASS_COUNT` in the place of zeros.

    Raises:
        ValueError: if counts are negative or not finite, all zero, or shares instead of counts.
    """
    counts = class_counts if class_counts.is_floating_point() else class_counts.to(torch.get_default_dtype())
    # The pseudo-count means one sample, so shares (all below one) would turn the prior upside down.
    if not bool(((counts == 0) | ((counts >= 1) & counts.isfinite())).all()) or not bool(counts.any()):
        raise ValueError(f"class counts must be 0 or at least 1, not all 0; found {counts.tolist()}")
    return counts.where(counts > 0, ABSENT_CLASS_COUNT).log()


class BalancedSoftmax(nn.Module):
    """Balanced softmax with the training set's class counts as a buffer.

    Args:
        class_counts: `[C]` training samples per class.

    Raises:
        ValueError: if the counts are negative, all zero or shares.
    """

    class_counts: Tensor

    def __init__(self, class_counts: Tensor) -> None:
        super().__init__()
        log_class_counts(class_counts)  # fails here rather than at the first step
        self.register_buffer("class_counts", class_counts.clone())

    def forward(self, logits: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Loss of logits `[B, C]` for class ids `[B]`, a scalar."""
        return balanced_softmax_loss(logits, target, self.class_counts, sample_weight)
