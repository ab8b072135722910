"""The node encoder: relation-aware message passing over net, device and pin nodes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from circuitgcl.graph.features import DEVICE_FEATURES, NET_FEATURES, PIN_FEATURES
from circuitgcl.schema import NodeType

EdgeType = tuple[str, str, str]

INPUT_WIDTHS: dict[str, int] = {
    NodeType.NET.value: len(NET_FEATURES),
    NodeType.DEVICE.value: len(DEVICE_FEATURES),
    NodeType.PIN.value: len(PIN_FEATURES),
}
# rails are absent: no message passes through a supply
FORWARD_RELATIONS: tuple[EdgeType, ...] = (("pin", "of", "device"), ("pin", "on", "net"))
RELATIONS: tuple[EdgeType, ...] = (
    *FORWARD_RELATIONS,
    *((target, f"rev_{relation}", source) for source, relation, target in FORWARD_RELATIONS),
)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Size of the encoder."""

    width: int = 64  # H
    layers: int = 4
    dropout: float = 0.0


class CircuitEncoder(nn.Module):
    r"""Embeds net, device and pin nodes.

    Every layer computes, for each node type :math:`t`,

    .. math:: h_t \leftarrow h_t + \mathrm{GELU}\Big(\mathrm{LN}\Big(\sum_r W_r\,
              \mathrm{mean}_{j \in N_r(i)} h_j + U_r h_i\Big)\Big)

    over the relations :math:`r` that end at :math:`t` (GraphSAGE convolutions with mean aggregation, in both
    directions of each relation), with a layer normalisation of its own for every layer and type.

    Shapes:
        input: `HeteroData` with `x` of `[N_t, F_t]` per node type
        output: `[N_t, H]` per node type
    """

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EncoderConfig()
        width = config.width
        self.inputs = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(size), nn.Linear(size, width))
                for name, size in INPUT_WIDTHS.items()
            }
        )
        self.convolutions = nn.ModuleList(
            HeteroConv(
                {relation: SAGEConv((width, width), width, aggr="mean") for relation in RELATIONS}, aggr="sum"
            )
            for _ in range(config.layers)
        )
        self.norms = nn.ModuleList(
            nn.ModuleDict({name: nn.LayerNorm(width) for name in INPUT_WIDTHS}) for _ in range(config.layers)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """Embeddings of all nodes by node type."""
        states: dict[str, Tensor] = {name: layer(data[name].x) for name, layer in self.inputs.items()}
        edges = both_directions(data)
        for convolution, norms in zip(self.convolutions, self.norms, strict=True):
            assert isinstance(norms, nn.ModuleDict)
            messages = convolution(states, edges)
            states = {
                name: state + self.dropout(nn.functional.gelu(norms[name](messages[name])))
                if name in messages
                else state
                for name, state in states.items()
            }
        return states


def both_directions(data: HeteroData) -> dict[EdgeType, Tensor]:
    """Edge indices of the message-passing relations and their reverses."""
    edges: dict[EdgeType, Tensor] = {}
    for source, relation, target in FORWARD_RELATIONS:
        index = data[source, relation, target].edge_index
        edges[source, relation, target] = index
        edges[target, f"rev_{relation}", source] = torch.flip(index, dims=(0,))
    return edges
