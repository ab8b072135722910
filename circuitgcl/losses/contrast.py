"""Contrast of labelled groups that keeps what lies inside a group apart.

Source: supervised contrastive learning (Khosla et al., NeurIPS 2020). Its positives are capped by a margin
here: similarity beyond it earns nothing, so a group gathers without collapsing into a point.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from circuitgcl.losses.weighting import row_weights, weighted_mean


def membership_contrast_loss(
    u: Tensor,
    label: Tensor,
    weights: Tensor | None = None,
    *,
    temperature: float = 0.2,
    margin: float = 0.7,
) -> Tensor:
    r"""Supervised contrast in which the members of a label are subclasses.

    For every row i that has others of its label, with :math:`s_{ij} = \min(\cos(u_i, u_j), m)` for others of
    the label and :math:`\cos(u_i, u_j)` else:

    .. math:: \ell_i = -\frac{1}{\sum_{p} w_p} \sum_{p} w_p
              \log \frac{e^{s_{ip}/\tau}}{\sum_{j \ne i} w_j e^{s_{ij}/\tau}}

    over the others p of the label; the loss is the mean of :math:`\ell_i`. Rows of one label are drawn
    together until their cosine is the margin m and no further: structural classes of one subcircuit stay
    apart. A row of weight n is n equal rows that are no pairs of one another.

    Args:
        u: `[N, H]` representations; scaled to unit length here.
        label: `[N]` integers.
        weights: `[N]` multiplicities.
        temperature: τ.
        margin: m, the cosine up to which rows of one label are drawn together.

    Returns:
        Scalar; 0 when no two rows share a label.

    Raises:
        ValueError: there is not exactly one label per row.
    """
    if label.shape != u.shape[:1]:
        raise ValueError(f"labels have shape {tuple(label.shape)}; {len(u)} rows need one each")
    unit = functional.normalize(u, dim=-1)
    weights = u.new_ones(len(u)) if weights is None else row_weights(u, weights)
    itself = torch.eye(len(u), dtype=torch.bool, device=u.device)
    together = (label[:, None] == label[None, :]) & ~itself
    cosine = unit @ unit.T
    similarity = torch.where(together, cosine.clamp(max=margin), cosine) / temperature
    total = torch.logsumexp((similarity + weights.log()).masked_fill(itself, -torch.inf), dim=1)
    partners = together * weights
    mass = partners.sum(dim=1)
    drawn = mass > 0
    if not drawn.any():
        return cosine.sum() * 0.0
    mean = (partners * similarity).sum(dim=1)[drawn] / mass[drawn]
    return weighted_mean(total[drawn] - mean, weights[drawn])
