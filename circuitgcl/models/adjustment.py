"""Offsets that calibration puts on what the model says of contexts, by the relation of the two nets.

What a technology or an extraction deck does to capacitances shows first as a common factor, then as one for
each way in which two nets can meet: inside an instance or between neighbours, as bits of a bus or across two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from circuitgcl.graph.feature_schema import COLUMNS
from circuitgcl.graph.indices import IndexRelation

_NEIGHBOUR = COLUMNS["pair"]["is_neighbour"]
_RELATIONS = [COLUMNS["pair"][f"relation_{relation.name.lower()}"] for relation in IndexRelation]
RELATION_COUNT = 2 * len(IndexRelation)


def relation_codes(context_features: Tensor) -> Tensor:
    """Relation of every context, [K]: that of the nets' indices, in one instance or in neighbouring ones.

    Args:
        context_features: [K, F] in the order of `PAIR_FEATURES`.
    """
    relation = context_features[:, _RELATIONS].argmax(dim=1)
    return relation + len(IndexRelation) * (context_features[:, _NEIGHBOUR] > 0.5)


class Adjustment(nn.Module):
    """Offsets, natural logarithms, of contexts by relation, pairs without any and terminals.

    None until calibrated.

    Shapes:
        offset `[RELATION_COUNT]`; distant and load scalars
    """

    offset: Tensor
    distant: Tensor
    load: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.zeros(RELATION_COUNT))
        self.register_buffer("distant", torch.zeros(()))
        self.register_buffer("load", torch.zeros(()))

    def forward(self, weight: Tensor, context_features: Tensor) -> Tensor:
        """Adjusted logarithms of context weights, [K]."""
        return weight + self.offset[relation_codes(context_features)]
