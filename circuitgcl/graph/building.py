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
    from matplotlib.axes import Axes
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

    def to_networkx(self) -> networkx.MultiGraph:
        """Bipartite graph of nets and devices by flat names (`circuitgcl.graph.networkx_view`)."""
        from circuitgcl.graph.networkx_view import to_networkx

        return to_networkx(self)

    @staticmethod
    def from_networkx(view: networkx.Graph) -> CircuitGraph:
        """The flat circuit graph of such a view.

        Raises:
            DataError: the view is none of a circuit.
        """
        from circuitgcl.graph.networkx_view import from_networkx

        return from_networkx(view)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw a small circuit with matplotlib.

        Raises:
            DataError: it is not small, or matplotlib is not installed.
        """
        from circuitgcl.graph.plotting import plot_circuit

        return plot_circuit(self, axes)

    def validate(self) -> None:
        """Check the arrays against each other.

        Raises:
            DataError: they do not fit.
        """
        from circuitgcl.graph.validation import validate

        validate(self)


def _edges(source: NDArray[np.integer], target: NDArray[np.integer]) -> object:
    import torch

    return torch.from_numpy(np.stack([source, target]).astype(np.int64))


def build_graph(circuit: FlatCircuit, *, rails: Sequence[str] = ()) -> CircuitGraph:
    """Build the graph of a flat circuit.

    Args:
        circuit: the flat circuit.
        rails: glob patterns of rails, or behind `!` of nets that are none; as `guess_rails`.

    Raises:
        NetlistError: no signal net is left.
    """
    return graph_with_rails(circuit, recognise_rails(circuit, rails))


def graph_with_rails(circuit: FlatCircuit, rail_kinds: NDArray[np.int8]) -> CircuitGraph:
    """Build the graph of a flat circuit whose rails are known, [N] `RailKind`.

    Raises:
        NetlistError: no signal net is left.
    """
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
        net_features=net_features(circuit, rail_kinds, reference_m),
        terminals=terminals,
        terminal_features=terminal_features(circuit, rail_kinds, terminals, reference_m),
        contexts=contexts,
        pair_features=pair_features(circuit, rail_kinds, terminals, contexts, reference_m),
    )
