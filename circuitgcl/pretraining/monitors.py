"""Figures that tell whether representations spread or collapse."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from circuitgcl.losses import uniformity_loss


def effective_rank(representation: Tensor) -> float:
    """Effective rank of [N, H], from 1 to H: exponential of the entropy of the normalised singular values.

    After Roy & Vetterli (EUSIPCO 2007). Columns are centred first: a common offset is no dimension the
    representation uses.
    """
    values = torch.linalg.svdvals((representation - representation.mean(dim=0)).double())
    share = values / values.sum().clamp(min=1e-300)
    entropy = -(share * torch.log(share.clamp(min=1e-300))).sum()
    return float(entropy.exp()) if values.sum() > 0 else 1.0


def representation_figures(representation: Tensor, prediction: Tensor, target: Tensor) -> dict[str, float]:
    """Effective rank, alignment (mean cosine), uniformity and centre norm of [N, H] representations."""
    unit = normalize(representation, dim=1)
    return {
        "effective_rank": effective_rank(representation),
        "dim": float(representation.shape[1]),
        "alignment": float(cosine_similarity(prediction, target, dim=1).mean()),
        "uniformity": float(uniformity_loss(unit)),
        "centre_norm": float(unit.mean(dim=0).norm()),
    }
