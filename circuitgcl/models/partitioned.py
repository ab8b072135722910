"""Net embeddings of a circuit that does not repeat: layer by layer, and every layer in blocks of its nodes.

A layer needs of a block of nodes their own states and those of their neighbours before the layer, all of
which are at hand, so that nothing is sampled and nothing cut: the numbers are those of the encoder run on the
whole graph, whatever its convolutions are. Held are one state for every node, a second one for nets and
devices, and what a block needs. Pins are neighbours of nets and devices only, and these of pins only; hence
pins are updated in place, after both have read them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv

from circuitgcl.models.encoder import CircuitEncoder
from circuitgcl.models.neighbourhoods import Neighbourhood, members, neighbourhoods
from circuitgcl.schema import NodeType

BLOCK_ROWS = 1 << 14  # their states fit into a processor's cache, which doubles the speed
NET, DEVICE, PIN = NodeType.NET.value, NodeType.DEVICE.value, NodeType.PIN.value


@torch.no_grad()
def net_embeddings(encoder: CircuitEncoder, data: HeteroData, rows_at_once: int = BLOCK_ROWS) -> Tensor:
    """Net embeddings as `encoder(data)["net"]` gives them, [N, H], without a gradient.

    Args:
        encoder: the encoder.
        data: the graph, flat or a quotient.
        rows_at_once: nodes and edges of a block; a node with more edges than that is a block of its own.
    """
    nodes = _Nodes(encoder, data, rows_at_once)
    states = nodes.states
    count = {name: members(data, name) for name in states} if encoder.tokens else {}
    for layer in range(len(encoder.convolutions)):
        nets = nodes.updated(layer, NET)
        if layer + 1 == len(encoder.convolutions) and not encoder.tokens:
            return nets  # nobody hears the others any more
        devices = nodes.updated(layer, DEVICE)
        nodes.updated(layer, PIN, out=states[PIN])
        states[NET], states[DEVICE] = nets, devices
        if encoder.tokens:
            token = encoder.tokens[layer](states, count)
            for state in states.values():
                state += token
    return states[NET]


class _Nodes:
    """States of all nodes on their way through the layers of an encoder."""

    def __init__(self, encoder: CircuitEncoder, data: HeteroData, rows_at_once: int) -> None:
        self.encoder = encoder
        self.near = {relation: _SortedEdges.of(near) for relation, near in neighbourhoods(data).items()}
        self.parts: dict[str, list[slice]] = {}
        self.states: dict[str, Tensor] = {}
        for name in (NET, DEVICE, PIN):
            x, network = data[name].x, encoder.inputs[name]
            offsets = [near.offset for relation, near in self.near.items() if relation[2] == name]
            self.parts[name] = _parts(offsets, rows_at_once)
            self.states[name] = x.new_empty(len(x), encoder.config.width)
            for rows in self.parts[name]:
                self.states[name][rows] = network(x[rows])

    def updated(self, layer: int, name: str, out: Tensor | None = None) -> Tensor:
        """States of all nodes of a type after a layer, [N_t, H]; written to `out`, where there is one."""
        convolution, norms = self.encoder.convolutions[layer], self.encoder.norms[layer]
        assert isinstance(convolution, HeteroConv)
        assert isinstance(norms, nn.ModuleDict)
        ending = [(relation, part) for relation, part in convolution.convs.items() if relation[2] == name]
        state = self.states[name]
        out = torch.empty_like(state) if out is None else out
        for rows in self.parts[name]:
            own, message = state[rows], torch.zeros_like(state[rows])
            for relation, part in ending:
                used, near = self.near[relation].block(rows)
                gathered = part.gathered(self.states[relation[0]][used], own, near)
                message += part.combined(gathered, own)
            out[rows] = self.encoder.step(own, message, norms[name])
        return out


def _parts(offsets: list[Tensor], rows_at_once: int) -> list[slice]:
    """Blocks of targets whose edges begin at `offsets`, [T + 1] for every relation."""
    load = torch.arange(len(offsets[0])) + torch.stack(offsets).sum(dim=0).cpu()
    found: list[slice] = []
    start = 0
    while start + 1 < len(load):
        fitting = int(torch.searchsorted(load, load[start] + rows_at_once, right=True)) - 1
        found.append(slice(start, max(fitting, start + 1)))
        start = found[-1].stop
    return found


@dataclass(frozen=True, kw_only=True)
class _SortedEdges:
    """Edges of one relation, those that end at one target beside each other."""

    whole: Neighbourhood
    offset: Tensor  # [T + 1] bounds of the edges of each target

    @classmethod
    def of(cls, near: Neighbourhood) -> _SortedEdges:
        """The same edges, sorted."""
        index, count = near.index, near.count
        if bool((index[1, 1:] < index[1, :-1]).any()):
            order = torch.argsort(index[1], stable=True)
            index, count = index[:, order], count[order]
        edges = torch.bincount(index[1], minlength=len(near.target_degree))
        degrees = {"source_degree": near.source_degree, "target_degree": near.target_degree}
        return cls(
            whole=Neighbourhood(index=index, count=count, **degrees),
            offset=nn.functional.pad(edges.cumsum(0), (1, 0)),
        )

    def block(self, rows: slice) -> tuple[Tensor, Neighbourhood]:
        """The sources of a block of targets, [S], and the edges between both, numbered within the block."""
        edges = slice(int(self.offset[rows.start]), int(self.offset[rows.stop]))
        source, target = self.whole.index[:, edges]
        used, local = torch.unique(source, return_inverse=True)
        near = Neighbourhood(
            index=torch.stack([local, target - rows.start]),
            count=self.whole.count[edges],
            source_degree=self.whole.source_degree[used],
            target_degree=self.whole.target_degree[rows],
        )
        return used, near
