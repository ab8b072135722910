"""What the extents of nets let expect of the wires between cells, before anything is learned.

Two wires couple like the length they run along each other, at most the extent of the smaller one; a net spans
the cells it joins, so its extent is the side of a square of their device area. Trees learn what contexts have
beyond that, and so follow a macro that is larger than all they have seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.graph.feature_schema import PAIR_FEATURES, TERMINAL_FEATURES

USUAL_EXTENT_LOG = 3.0  # of channel lengths, natural logarithm: a few cells
_TERMINAL = {feature.name: place for place, feature in enumerate(TERMINAL_FEATURES)}
_PAIR = {feature.name: place for place, feature in enumerate(PAIR_FEATURES)}


def joint_extent_log(design: DesignTensors) -> Tensor:
    """Natural logarithm of the extent that two nets may share in a body, against the usual one, [K].

    Nothing where they meet in a cell with devices, or in cells inside the body: places there tell more.
    """
    sides = design.terminal_features[design.context_side]  # [K, 2, F]
    shared = 0.5 * sides[:, :, _TERMINAL["joined_area"]].amin(dim=1) - USUAL_EXTENT_LOG
    has_place = (sides[:, :, _TERMINAL["is_leaf"]] > 0).any(dim=1)
    has_place |= design.context_features[:, _PAIR["shared_children"]] > 0
    return torch.where(has_place, 0.0, shared)
