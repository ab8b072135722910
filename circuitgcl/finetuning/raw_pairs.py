"""The public graph files as training data of the pair model: no names, no hierarchy, pins beside nets.

What couples there is net and net, pin and net, or pin and pin; which of them is all the relative structure
such files hold.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO
from circuitgcl.data.raw_graphs import COLUMNS
from circuitgcl.finetuning.pair_training import PairLabels
from circuitgcl.models.neighbourhoods import FORWARD_RELATIONS
from circuitgcl.models.pair_model import PairGraph


def raw_labels(item: HeteroData, *, floor_farad: float = 0.0) -> PairLabels:
    """Rows of one public graph: every extracted coupling, and every net whose capacitance is known.

    Args:
        item: what `load_raw_graph` gives.
        floor_farad: capacitances up to here are not learned from.
    """
    nets = int(item["net"].num_nodes)
    ends, relative, farad = [], [], []
    for place, (source, name, target) in enumerate(TARGET_RELATIONS):
        edges, y = item[source, name, target].edge_index, item[source, name, target].y
        shift = torch.tensor([[nets * (source == "pin")], [nets * (target == "pin")]])
        ends.append((edges + shift).T)
        relative.append(nn.functional.one_hot(torch.full((len(y),), place), len(TARGET_RELATIONS)))
        farad.append(y)
    coupled = torch.cat(farad)
    decades, counts = _decades(coupled, floor_farad)
    load, loaded = _decades(item["net"].y, floor_farad)
    graph = HeteroData()
    for kind in COLUMNS:
        graph[kind].x = item[kind].x
    for forward in FORWARD_RELATIONS:
        graph[forward].edge_index = item[forward].edge_index
    return PairLabels(
        graph=PairGraph(hetero=graph, net_row=torch.arange(nets)),
        ends=torch.cat(ends),
        relative=torch.cat(relative).float(),
        decades=decades,
        coupled=counts,
        absent=torch.zeros(len(coupled)),  # the files list what couples; of other pairs they do not speak
        load_decades=load,
        loaded=loaded,
    )


def _decades(farad: Tensor, floor_farad: float) -> tuple[Tensor, Tensor]:
    """Log10 of femtofarad and 1 where more than the floor was extracted, else 0 twice."""
    present = farad.nan_to_num() > floor_farad
    decades = torch.log10(torch.where(present, farad.double(), FARAD_PER_FEMTO) / FARAD_PER_FEMTO)
    return decades.float(), present.float()
