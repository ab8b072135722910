"""What message passing reads of a circuit: relations in both directions, and how often each edge counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

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
class Neighbourhood:
    """Edges of one relation from S sources to T targets; on a quotient graph an edge counts several times."""

    index: Tensor  # [2, E] rows of source and target
    count: Tensor  # [E] neighbours of the target that the source stands for
    source_degree: Tensor  # [S] neighbours of each source by the reverse relation
    target_degree: Tensor  # [T] neighbours of each target

    @property
    def share(self) -> Tensor:
        """Share of every edge among those that end at its target, [E, 1]."""
        share: Tensor = (self.count / self.target_degree[self.index[1]]).unsqueeze(1)
        return share


def blocks(rows: int) -> Iterator[slice]:
    """All rows at once while something is learned; otherwise few at a time, since nothing keeps them."""
    size = max(rows, 1) if torch.is_grad_enabled() else ROWS_AT_ONCE
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def neighbourhoods(data: HeteroData) -> dict[EdgeType, Neighbourhood]:
    """Neighbourhoods of every relation of message passing, in the order of `RELATIONS`."""
    edges = both_directions(data)
    counts = {relation: multiplicities(data, relation, index) for relation, index in edges.items()}
    degree = {
        relation: torch.zeros(int(data[relation[2]].num_nodes), device=index.device).index_add(
            0, index[1], counts[relation]
        )
        for relation, index in edges.items()
    }
    return {
        relation: Neighbourhood(
            index=edges[relation],
            count=counts[relation],
            source_degree=degree[reverse(relation)],
            target_degree=degree[relation],
        )
        for relation in RELATIONS
    }


def reverse(relation: EdgeType) -> EdgeType:
    """The relation of the same edges the other way round."""
    source, name, target = relation
    return target, name.removeprefix("rev_") if name.startswith("rev_") else f"rev_{name}", source


def both_directions(data: HeteroData) -> dict[EdgeType, Tensor]:
    """Edge indices of the message-passing relations and their reverses.

    A quotient graph holds both, since what a class sees of another differs from what that one sees of it.
    """
    edges: dict[EdgeType, Tensor] = {}
    for forward in FORWARD_RELATIONS:
        back = reverse(forward)
        edges[forward] = data[forward].edge_index
        edges[back] = data[back].edge_index if back in data.edge_types else torch.flip(edges[forward], (0,))
    return edges


def multiplicities(data: HeteroData, relation: EdgeType, edges: Tensor) -> Tensor:
    """How often every edge counts, [E]: once but in a quotient graph."""
    if relation in data.edge_types and "multiplicity" in data[relation]:
        count: Tensor = data[relation].multiplicity
        return count
    return torch.ones(edges.shape[1], device=edges.device)


def members(data: HeteroData, name: str) -> Tensor:
    """How many nodes every row of a node type stands for, [N_t] float: one but in a quotient graph."""
    store = data[name]
    if "members" in store:
        count: Tensor = store.members.to(store.x.dtype)
        return count
    return torch.ones(int(store.num_nodes), dtype=store.x.dtype, device=store.x.device)
