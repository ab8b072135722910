"""The node encoder: relation-aware message passing over net, device and pin nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from circuitgcl.graph.feature_schema import DEVICE_FEATURES, NET_FEATURES, PIN_FEATURES
from circuitgcl.schema import NodeType

EdgeType = tuple[str, str, str]
ROWS_AT_ONCE = 1 << 18  # messages or states worked on at once when nothing is learned

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


class MeanConvolution(SAGEConv):  # type: ignore[misc]
    r"""GraphSAGE convolution :math:`W \sum_j s_{ji} h_j + U h_i` with given shares :math:`s` of neighbours.

    Shares that are one over the number of neighbours make it the mean; on a quotient graph a neighbour class
    has the share of its members.
    """

    def __init__(self, width: int) -> None:
        super().__init__((width, width), width, aggr="sum")

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Tensor, share: Tensor) -> Tensor:
        """[targets, H] from states of sources and targets, edges [2, E] and their shares [E, 1]."""
        return self.combined(self.gathered(x[0], len(x[1]), edge_index, share), x[1])

    def gathered(self, source: Tensor, targets: int, edge_index: Tensor, share: Tensor) -> Tensor:
        """Shares of the neighbours' states added up, [targets, H]."""
        out = torch.zeros(targets, source.shape[1], dtype=source.dtype, device=source.device)
        for part in blocks(edge_index.shape[1]):
            start, end = edge_index[:, part]
            out.index_add_(0, end, source[start] * share[part])
        return out

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """The convolution of what was gathered with the targets' own states, [targets, H]."""
        out: Tensor = self.lin_l(gathered) + self.lin_r(own)
        return out


def blocks(rows: int) -> Iterator[slice]:
    """All rows at once while something is learned; otherwise few at a time, since nothing keeps them."""
    size = max(rows, 1) if torch.is_grad_enabled() else ROWS_AT_ONCE
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


class CircuitEncoder(nn.Module):
    r"""Embeds net, device and pin nodes.

    Every layer computes, for each node type :math:`t`,

    .. math:: h_t \leftarrow h_t + \mathrm{GELU}\Big(\mathrm{LN}\Big(\sum_r W_r\,
              \mathrm{mean}_{j \in N_r(i)} h_j + U_r h_i\Big)\Big)

    over the relations :math:`r` that end at :math:`t` (GraphSAGE convolutions with mean aggregation, in both
    directions of each relation), with a layer normalisation of its own for every layer and type. On a
    quotient graph (`circuitgcl.graph.quotient`) nodes stand for classes and edges count several times.

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
            HeteroConv({relation: MeanConvolution(width) for relation in RELATIONS}, aggr="sum")
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
        shares = {relation: neighbour_shares(data, relation, index) for relation, index in edges.items()}
        for convolution, norms in zip(self.convolutions, self.norms, strict=True):
            assert isinstance(norms, nn.ModuleDict)
            messages = _messages(convolution, states, edges, shares)
            states = {
                name: self._updated(state, messages[name], norms[name]) if name in messages else state
                for name, state in states.items()
            }
        return states

    def _updated(self, state: Tensor, message: Tensor, norm: nn.Module) -> Tensor:
        if torch.is_grad_enabled():
            out: Tensor = state + self.dropout(nn.functional.gelu(norm(message)))
            return out
        for rows in blocks(len(state)):
            message[rows] = state[rows] + self.dropout(nn.functional.gelu(norm(message[rows])))
        return message


def _messages(
    convolution: HeteroConv,
    states: dict[str, Tensor],
    edges: dict[EdgeType, Tensor],
    shares: dict[EdgeType, Tensor],
) -> dict[str, Tensor]:
    """Sums over the relations that end at each node type, [N_t, H]; one relation at a time is held."""
    total: dict[str, Tensor] = {}
    for relation, layer in convolution.convs.items():
        source, _, target = relation
        own = states[target]
        gathered = layer.gathered(states[source], len(own), edges[relation], shares[relation])
        if torch.is_grad_enabled():
            message = layer.combined(gathered, own)
            total[target] = total[target] + message if target in total else message
            continue
        for rows in blocks(len(own)):
            gathered[rows] = layer.combined(gathered[rows], own[rows])
        total[target] = total[target].add_(gathered) if target in total else gathered
    return total


def both_directions(data: HeteroData) -> dict[EdgeType, Tensor]:
    """Edge indices of the message-passing relations and their reverses.

    A quotient graph holds both, since what a class sees of another differs from what that one sees of it.
    """
    edges: dict[EdgeType, Tensor] = {}
    for source, relation, target in FORWARD_RELATIONS:
        forward, back = (source, relation, target), (target, f"rev_{relation}", source)
        edges[forward] = data[forward].edge_index
        edges[back] = data[back].edge_index if back in data.edge_types else torch.flip(edges[forward], (0,))
    return edges


def neighbour_shares(data: HeteroData, relation: EdgeType, edges: Tensor) -> Tensor:
    """Share of every edge among those that end at its target, [E, 1]."""
    target, count = edges[1], multiplicities(data, relation, edges)
    total = torch.zeros(int(data[relation[2]].num_nodes), device=target.device).index_add(0, target, count)
    share: Tensor = (count / total[target]).unsqueeze(1)
    return share


def multiplicities(data: HeteroData, relation: EdgeType, edges: Tensor) -> Tensor:
    """How often every edge counts, [E]: once but in a quotient graph."""
    if relation in data.edge_types and "multiplicity" in data[relation]:
        count: Tensor = data[relation].multiplicity
        return count
    return torch.ones(edges.shape[1], device=edges.device)
