"""What the extents of nets let expect of the wires between cells, before anything is learned.

Two wires couple like the length they run along each other, at most the extent of the smaller one; a net spans
the cells it joins, so its extent is the side of a square of their device area. Trees learn what contexts have
beyond that, and so follow a macro that is larger than all they have seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.graph.feature_schema import COLUMNS

USUAL_EXTENT_LOG = 3.0  # of channel lengths, natural logarithm: a few cells
_IS_LEAF, _JOINED_AREA = COLUMNS["terminal"]["is_leaf"], COLUMNS["terminal"]["joined_area"]
_SHARED_CHILDREN = COLUMNS["pair"]["shared_children"]


def meet_in_leaf_cells(design: DesignTensors) -> Tensor:
    """Which contexts are of cells with devices of their own, [K] bool."""
    return (design.terminal_features[design.context_side, _IS_LEAF] > 0).any(dim=1)


def joint_extent_log(design: DesignTensors) -> Tensor:
    """Natural logarithm of the extent that two nets may share in a body, against the usual one, [K].

    Nothing where they meet in a cell with devices, or in cells inside the body: places there tell more.
    """
    area_log = design.terminal_features[design.context_side, _JOINED_AREA].amin(dim=1)
    has_place = meet_in_leaf_cells(design) | (design.context_features[:, _SHARED_CHILDREN] > 0)
    return torch.where(has_place, 0.0, 0.5 * area_log - USUAL_EXTENT_LOG)
