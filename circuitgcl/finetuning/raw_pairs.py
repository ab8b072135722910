"""The public graph files as training data of the pair model: no names, no hierarchy, pins beside nets.

What couples there is net and net, pin and net, or pin and pin; which of them is all the relative structure
such files hold.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO
from circuitgcl.data.raw_graphs import COLUMNS
from circuitgcl.finetuning.pair_rows import FloatArray, LabelledPairs, PairLabels, labelled_rows
from circuitgcl.models.neighbourhoods import FORWARD_RELATIONS
from circuitgcl.models.pair_model import PairGraph, PairModelConfig


def raw_labels(item: HeteroData, config: PairModelConfig, *, floor_farad: float = 0.0) -> PairLabels:
    """Rows of one public graph: every extracted coupling, and every net whose capacitance is known.

    The files list what couples; of other pairs they do not speak.

    Args:
        item: what `load_raw_graph` gives, with the capacitance to ground that the model has.
        config: the model that will learn from them.
        floor_farad: capacitances up to here are not learned from.
    """
    nets = int(item["net"].num_nodes)
    ends, relation, farad = [], [], []
    for place, (source, name, target) in enumerate(TARGET_RELATIONS):
        edges = item[source, name, target].edge_index
        shift = torch.tensor([[nets * (source == "pin")], [nets * (target == "pin")]])
        ends.append((edges + shift).T)
        relation.append(torch.full((edges.shape[1],), place))
        farad.append(item[source, name, target].y)
    graph = HeteroData()
    for kind in COLUMNS:
        graph[kind].x = item[kind].x
    for forward in FORWARD_RELATIONS:
        graph[forward].edge_index = item[forward].edge_index
    places = torch.cat(relation).numpy()
    pairs = LabelledPairs(
        ends=torch.cat(ends).numpy(),
        relation=places,
        relative=np.eye(len(TARGET_RELATIONS), dtype=np.float32)[places],
        truth_ff=_femto(torch.cat(farad)),
        candidate=np.zeros(len(places), bool),
    )
    rows = PairGraph(
        hetero=graph, net_row=torch.arange(nets), pin_row=torch.arange(int(item["pin"].num_nodes))
    )
    floor_ff = floor_farad / FARAD_PER_FEMTO
    return labelled_rows(pairs, rows, _femto(item["net"].y), config, floor_ff=floor_ff)


def _femto(farad: Tensor) -> FloatArray:
    values: FloatArray = farad.double().numpy() / FARAD_PER_FEMTO
    return values
