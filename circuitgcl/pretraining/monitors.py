"""Figures that tell whether representations spread or collapse."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from circuitgcl.losses import uniformity_loss

COLLAPSED_RANK_SHARE = 0.05
COLLAPSED_CENTRE_NORM = 0.98
ROWS_LOOKED_AT = 4096  # uniformity compares all pairs


def effective_rank(representation: Tensor) -> float:
    """Effective rank of [N, H], from 1 to H: exponential of the entropy of the normalised singular values.

    After Roy & Vetterli (EUSIPCO 2007). Columns are centred first: a common offset is no dimension the
    representation uses.
    """
    values = torch.linalg.svdvals((representation - representation.mean(dim=0)).double())
    share = values / values.sum().clamp(min=1e-300)
    entropy = -(share * torch.log(share.clamp(min=1e-300))).sum()
    return float(entropy.exp()) if values.sum() > 0 else 1.0


def class_separability(representation: Tensor, label: Tensor) -> float:
    """Share of the variance of unit vectors [N, H] that lies between the classes [N], from 0 to 1.

    1 when all rows of a class point one way and classes do not all point the same; 0 when the classes have
    one mean, and of a single point.
    """
    unit = normalize(representation.double(), dim=1)
    _, row, count = torch.unique(label, return_inverse=True, return_counts=True)
    means = torch.zeros(len(count), unit.shape[1], dtype=unit.dtype, device=unit.device)
    means = means.index_add(0, row, unit) / count.unsqueeze(1)
    centre = unit.mean(dim=0)
    total = (unit - centre).square().sum()
    between = ((means - centre).square().sum(dim=1) * count).sum()
    return float(between / total) if total > 1e-12 else 0.0


def representation_figures(representation: Tensor, prediction: Tensor, target: Tensor) -> dict[str, float]:
    """Effective rank, alignment (mean cosine), uniformity and centre norm of [N, H] representations.

    Of more than `ROWS_LOOKED_AT` rows every so-manieth is looked at.
    """
    step = -(-len(representation) // ROWS_LOOKED_AT)
    representation, prediction, target = (
        rows[::step].float() for rows in (representation, prediction, target)
    )
    unit = normalize(representation, dim=1)
    return {
        "effective_rank": effective_rank(representation),
        "dim": float(representation.shape[1]),
        "alignment": float(cosine_similarity(prediction, target, dim=1).mean()),
        "uniformity": float(uniformity_loss(unit)),
        "centre_norm": float(unit.mean(dim=0).norm()),
    }


def collapse_reason(figures: dict[str, float]) -> str | None:
    """Why a representation of these figures counts as collapsed; None when it does not.

    Nets are looked at by themselves, too, where `effective_rank_net` is given: nets, devices and pins that
    lie apart from each other span a few dimensions even when all nets are one point.
    """
    rank, dim = figures["effective_rank"], int(figures["dim"])
    rank_of_nets = figures.get("effective_rank_net", rank)
    if figures["centre_norm"] > COLLAPSED_CENTRE_NORM:
        return (
            f"all rows point one way (centre norm {figures['centre_norm']:.3f}): nothing pushes them apart; "
            "raise scattering_rate or uniformity_weight"
        )
    if min(rank, rank_of_nets) < COLLAPSED_RANK_SHARE * dim:
        found = f"effective rank {rank:.1f} of {dim}"
        if rank_of_nets < rank:
            found += f", of nets {rank_of_nets:.1f}"
        return (
            f"{found}: rows are centred but lie in few dimensions; raise "
            "uniformity_weight or decorrelation_weight (the centre term alone does not spread)"
        )
    return None
