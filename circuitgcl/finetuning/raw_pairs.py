"""The public graph files as training data of the pair model: no names, no hierarchy, pins beside nets.

What couples there is net and net, pin and net, or pin and pin; which of them is all the relative structure
such files hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO
from circuitgcl.data.raw_graphs import COLUMNS
from circuitgcl.finetuning.pair_training import PairLabels
from circuitgcl.models.pair_model import PairGraph
from circuitgcl.models.scaling import Standardiser


class RawScale(nn.Module):
    """Scales of the raw node features, fitted on training designs: counts beside lengths in metres."""

    def __init__(self, items: Sequence[HeteroData]) -> None:
        super().__init__()
        self.scales = nn.ModuleDict({kind: Standardiser(width) for kind, width in COLUMNS.items()})
        for kind, scale in self.scales.items():
            assert isinstance(scale, Standardiser)
            scale.fit(item[kind].x for item in items)

    def forward(self, item: HeteroData) -> HeteroData:
        """The same graph with scaled features, and without targets."""
        scaled = HeteroData()
        for kind, scale in self.scales.items():
            scaled[kind].x = scale(item[kind].x)
        for relation in (("pin", "of", "device"), ("pin", "on", "net")):
            scaled[relation].edge_index = item[relation].edge_index
        return scaled


def raw_labels(item: HeteroData, scale: RawScale, *, floor_farad: float = 0.0) -> PairLabels:
    """Rows of one public graph: every extracted coupling, and every net whose capacitance is known.

    Args:
        item: what `load_raw_graph` gives.
        scale: scales of the training designs.
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
    return PairLabels(
        graph=PairGraph(hetero=scale(item), net_row=torch.arange(nets)),
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
