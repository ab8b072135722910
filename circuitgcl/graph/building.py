"""Flat circuit to circuit graph: rails, features, contexts, and the PyTorch Geometric view of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.graph.contexts import ContextTable, TerminalTable, context_table, terminal_table
from circuitgcl.graph.features import (
    Float32Array,
    channel_length_m,
    device_features,
    net_features,
    pin_features,
)
from circuitgcl.graph.fingerprints import fingerprints
from circuitgcl.graph.rails import recognise_rails
from circuitgcl.graph.terminals import pair_features, terminal_features
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import NodeType

if TYPE_CHECKING:
    import networkx
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, kw_only=True)
class CircuitGraph:
    """A circuit as the models see it.

    N nets, D devices, P pins; Q terminals and K contexts are per definition (`circuitgcl.graph.contexts`).
    """

    circuit: FlatCircuit
    rails: NDArray[np.int8]  # [N] RailKind
    channel_length_m: float  # the technology's length scale
    net_features: Float32Array  # [N, F]
    terminals: TerminalTable
    terminal_features: Float32Array  # [Q, F]
    contexts: ContextTable
    pair_features: Float32Array  # [K, F]

    @cached_property
    def device_features(self) -> Float32Array:
        """Features of the devices, [D, F]."""
        return device_features(self.circuit, self.channel_length_m)

    @cached_property
    def pin_features(self) -> Float32Array:
        """Features of the pins, [P, F]."""
        return pin_features(self.circuit, self.rails)

    @property
    def signal_nets(self) -> NDArray[np.int64]:
        """Flat nets that are no rails."""
        return np.flatnonzero(self.rails == 0)

    def to_hetero(self) -> HeteroData:
        """PyTorch Geometric view.

        Node stores `net`, `device`, `pin`, `rail`; a rail's pins hang on relation `(pin, tied, rail)`, which
        no encoder passes messages along. The `net` store keeps its rows for rails too, so that indices stay
        flat net numbers; such rows have no edges.
        """
        import torch
        from torch_geometric.data import HeteroData

        circuit = self.circuit
        data = HeteroData()
        data[NodeType.NET].x = torch.from_numpy(self.net_features)
        data[NodeType.DEVICE].x = torch.from_numpy(self.device_features)
        data[NodeType.PIN].x = torch.from_numpy(self.pin_features)
        pin = np.arange(circuit.pin_count)
        on_rail = self.rails[circuit.pin_net] != 0
        rails = np.flatnonzero(self.rails)
        data[NodeType.RAIL].x = torch.from_numpy(np.eye(3, dtype=np.float32)[self.rails[rails]])
        data[NodeType.RAIL].net = torch.from_numpy(rails)
        data[NodeType.PIN, "of", NodeType.DEVICE].edge_index = _edges(pin, circuit.pin_device)
        data[NodeType.PIN, "on", NodeType.NET].edge_index = _edges(pin[~on_rail], circuit.pin_net[~on_rail])
        tied = np.searchsorted(rails, circuit.pin_net[on_rail])
        data[NodeType.PIN, "tied", NodeType.RAIL].edge_index = _edges(pin[on_rail], tied)
        return data

    def to_networkx(self) -> networkx.Graph:
        """Bipartite graph of nets and devices under their flat names; pin roles are edge attributes."""
        import networkx

        from circuitgcl.graph.pins import pin_role_codes
        from circuitgcl.schema import DeviceType, PinRole

        circuit = self.circuit
        nets, devices = circuit.net_names(), circuit.device_names()
        kinds = circuit.table.device_type[circuit.device_card].tolist()
        graph = networkx.MultiGraph(name=circuit.name)
        for name, rail in zip(nets, self.rails.tolist(), strict=True):
            graph.add_node(("net", name), kind="rail" if rail else "net")
        for name, kind in zip(devices, kinds, strict=True):
            graph.add_node(("device", name), kind="device", device_type=DeviceType(kind).name)
        roles = pin_role_codes(circuit).tolist()
        for device, net, role in zip(
            circuit.pin_device.tolist(), circuit.pin_net.tolist(), roles, strict=True
        ):
            graph.add_edge(("device", devices[device]), ("net", nets[net]), role=PinRole(role).name)
        return graph


def _edges(source: NDArray[np.integer], target: NDArray[np.integer]) -> object:
    import torch

    return torch.from_numpy(np.stack([source, target]).astype(np.int64))


def build_graph(circuit: FlatCircuit, *, rails: Sequence[str] = ()) -> CircuitGraph:
    """Build the graph of a flat circuit.

    Args:
        circuit: the flat circuit.
        rails: glob patterns of rail names; recognised automatically when empty.

    Raises:
        NetlistError: no signal net is left.
    """
    rail_kinds = recognise_rails(circuit, rails)
    if (rail_kinds != 0).all():
        raise NetlistError(
            f"all {circuit.net_count} nets of {circuit.name} are supply rails; there is no signal net to "
            "estimate. Name the rails with --rails?",
            location=SourceLocation(circuit.path, 0),
        )
    prints = fingerprints(circuit, rail_kinds)
    terminals = terminal_table(circuit, prints)
    contexts = context_table(circuit, rail_kinds, terminals, prints)
    reference_m = channel_length_m(circuit)
    return CircuitGraph(
        circuit=circuit,
        rails=rail_kinds,
        channel_length_m=reference_m,
        net_features=net_features(circuit, reference_m),
        terminals=terminals,
        terminal_features=terminal_features(circuit, reference_m),
        contexts=contexts,
        pair_features=pair_features(circuit, terminals, contexts),
    )
