"""ConR: representations of rows whose labels differ must not be alike.

Source: Keramati et al., "ConR: Contrastive Regularizer for Deep Imbalanced Regression", ICLR 2024. Rare
labels collapse onto the representations of frequent ones, and their rows are predicted as if they were
frequent. Such confusions are found by comparing labels and predictions, and pushed apart.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def conr_loss(
    embedding: Tensor,
    target: Tensor,
    prediction: Tensor,
    *,
    similar: float,
    temperature: float = 0.2,
    push_weight: Tensor | None = None,
) -> Tensor:
    """Contrastive regulariser on the embeddings of one batch.

    Rows j with `|y_i - y_j| < ω` are positives of anchor i. Rows with other labels but `|ŷ_i - ŷ_j| < ω` are
    its negatives: the model confuses them. For every anchor with at least one of each,

        L_i = -mean_{p ∈ P_i} log( e^{s_ip/τ} / (Σ_{p' ∈ P_i} e^{s_ip'/τ} + Σ_{n ∈ N_i} m_in e^{s_in/τ}) )

    with cosine similarities s and push weights `m_in = η_i |y_i - y_n|`, so that confusions further off, and
    of rarer anchors, are pushed harder. Anchors without negatives contribute nothing.

    Args:
        embedding: `[B, H]`.
        target: `[B]` labels.
        prediction: `[B]`; no gradient flows through them.
        similar: ω > 0, the label distance below which rows are alike.
        temperature: τ.
        push_weight: `[B]` η, how rare each anchor's label is; 1 when absent.

    Returns:
        Scalar, zero where nothing is confused.

    Raises:
        ValueError: if there is not one label, prediction and weight per embedding.
    """
    rows = embedding.shape[:1]
    if target.shape != rows or prediction.shape != rows:
        raise ValueError(
            f"{len(embedding)} embeddings need as many labels and predictions, "
            f"found {tuple(target.shape)} and {tuple(prediction.shape)}"
        )
    unit = functional.normalize(embedding, dim=-1)
    logits = unit @ unit.T / temperature
    gap = (target[:, None] - target[None, :]).abs()
    confused = (prediction.detach()[:, None] - prediction.detach()[None, :]).abs() < similar
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)
    positive, negative = (gap < similar) & ~itself, (gap >= similar) & confused
    anchor = positive.any(dim=1) & negative.any(dim=1)
    if not bool(anchor.any()):
        return embedding.sum() * 0.0
    push = gap if push_weight is None else gap * push_weight[:, None]
    nothing = logits.new_tensor(-torch.inf)
    parts = torch.where(positive, logits, torch.where(negative, logits + push.log(), nothing))
    log_ratio = logits - torch.logsumexp(parts, dim=1, keepdim=True)
    per_anchor = -(log_ratio * positive).sum(dim=1) / positive.sum(dim=1).clamp(min=1)
    return per_anchor[anchor].mean()
