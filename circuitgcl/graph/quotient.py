"""The quotient graph: one node for every structural class, with the multiplicities of its neighbourhoods.

Nodes of one class have identical embeddings under any message-passing encoder of as many layers as the
classes have rounds, so the encoder may run on classes and be scattered back. The neighbourhood of a class is
that of any of its members: which classes a member's neighbours belong to, and how many belong to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.features import (
    Float32Array,
    card_features,
    channel_length_m,
    net_features,
    role_features,
)
from circuitgcl.graph.refinement import Colours, refine
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.hashing import HashArray
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import NodeType

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

DEFAULT_ROUNDS = 4  # layers of the default encoder
EdgeType = tuple[NodeType, str, NodeType]


@dataclass(frozen=True, kw_only=True)
class ClassEdges:
    """Directed edges between classes, E rows: how many neighbours of one class a member of another has."""

    source: Index  # [E]
    target: Index  # [E]
    multiplicity: Index  # [E] neighbours of class `source` that each member of class `target` has


@dataclass(frozen=True, kw_only=True)
class NodeClasses:
    """Structural classes of one node type."""

    row_class: NDArray[np.int64]  # class of every net, or of every device or pin of `Colours.rows`
    representative: Index  # [C] one row of each class

    @property
    def count(self) -> int:
        """Number of classes C."""
        return len(self.representative)


@dataclass(frozen=True, kw_only=True)
class QuotientGraph:
    """Classes of nets, devices and pins, and the graph between them."""

    colours: Colours
    net: NodeClasses
    device: NodeClasses
    pin: NodeClasses
    net_features: Float32Array  # [C_net, F]
    device_features: Float32Array  # [C_device, F]
    pin_features: Float32Array  # [C_pin, F]
    edges: dict[EdgeType, ClassEdges]

    @property
    def net_class(self) -> NDArray[np.int64]:
        """Class of every flat net, [N]."""
        return self.net.row_class

    def device_class(self, circuit: FlatCircuit) -> NDArray[np.int64]:
        """Class of every flat device, [D]."""
        rows = self.colours.rows
        start = rows.device_offset[self.colours.instance_row[circuit.device_instance]]
        found: NDArray[np.int64] = self.device.row_class[start + circuit.device_position]
        return found

    def pin_class(self, circuit: FlatCircuit) -> NDArray[np.int64]:
        """Class of every flat pin, [P]."""
        rows = self.colours.rows
        start = rows.device_offset[self.colours.instance_row[circuit.device_instance]]
        first = rows.device_pin_offset[start + circuit.device_position]
        found: NDArray[np.int64] = self.pin.row_class[first[circuit.pin_device] + circuit.pin_position]
        return found

    def members(self) -> dict[NodeType, NDArray[np.int64]]:
        """Number of flat nets, devices and pins in every class."""
        rows, instance_row = self.colours.rows, self.colours.instance_row
        instances = np.bincount(instance_row[instance_row >= 0], minlength=len(rows.instance))
        times = {
            NodeType.NET: np.ones(len(self.net_class), np.int64),
            NodeType.DEVICE: np.repeat(instances, np.diff(rows.device_offset)),
            NodeType.PIN: np.repeat(instances, np.diff(rows.pin_offset)),
        }
        parts = {NodeType.NET: self.net, NodeType.DEVICE: self.device, NodeType.PIN: self.pin}
        return {
            name: np.bincount(part.row_class, weights=times[name], minlength=part.count).astype(np.int64)
            for name, part in parts.items()
        }

    def to_hetero(self) -> HeteroData:
        """PyTorch Geometric view: nodes with `members`, relations both ways with `multiplicity`."""
        import torch
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data[NodeType.NET].x = torch.from_numpy(self.net_features)
        data[NodeType.DEVICE].x = torch.from_numpy(self.device_features)
        data[NodeType.PIN].x = torch.from_numpy(self.pin_features)
        for kind, members in self.members().items():
            data[kind].members = torch.from_numpy(members)
        for name, edges in self.edges.items():
            data[name].edge_index = torch.from_numpy(np.stack([edges.source, edges.target]))
            data[name].multiplicity = torch.from_numpy(edges.multiplicity.astype(np.float32))
        return data


def structural_colours(
    circuit: FlatCircuit,
    rails: NDArray[np.int8],
    net_features: Float32Array,
    rounds: int = DEFAULT_ROUNDS,
) -> Colours:
    """Colours of nets, devices and pins that an encoder of `rounds` layers can tell apart."""
    cards = card_features(circuit, channel_length_m(circuit))
    return refine(circuit, rails, net_features, cards, rounds)


def class_counts(
    circuit: FlatCircuit, rails: NDArray[np.int8], rounds: int = DEFAULT_ROUNDS
) -> dict[str, int]:
    """Number of distinct nets, devices and pins, as far as an encoder of `rounds` layers sees."""
    features = net_features(circuit, rails, channel_length_m(circuit))
    return structural_colours(circuit, rails, features, rounds).counts()


def quotient_graph(
    circuit: FlatCircuit,
    rails: NDArray[np.int8],
    net_features: Float32Array,
    colours: Colours,
    net_colours: HashArray | None = None,
) -> QuotientGraph:
    """Quotient of a circuit by the colours of its nets, devices and pins.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        net_features: [N, F] features of the flat nets.
        colours: their colours after as many rounds as the encoder has layers.
        net_colours: [N] finer colours of the nets, where more than an encoder must not mix them.
    """
    cards = card_features(circuit, channel_length_m(circuit))
    net = classes_of(colours.net if net_colours is None else net_colours)
    device, pin = classes_of(colours.device), classes_of(colours.pin)
    bodies, rows = colours.bodies, colours.rows
    return QuotientGraph(
        colours=colours,
        net=net,
        device=device,
        pin=pin,
        net_features=net_features[net.representative],
        device_features=cards[bodies.card[rows.device_source[device.representative]]],
        pin_features=role_features(
            bodies.pin_role[rows.pin_source[pin.representative]], rails[rows.pin_net[pin.representative]]
        ),
        edges=_class_edges(circuit, rails, colours, net, device, pin),
    )


def classes_of(colours: HashArray) -> NodeClasses:
    """Classes of equal colours."""
    _, first, inverse = np.unique(colours, return_index=True, return_inverse=True)
    return NodeClasses(row_class=inverse, representative=first)


def _class_edges(
    circuit: FlatCircuit,
    rails: NDArray[np.int8],
    colours: Colours,
    net: NodeClasses,
    device: NodeClasses,
    pin: NodeClasses,
) -> dict[EdgeType, ClassEdges]:
    rows = colours.rows
    each_pin = np.arange(pin.count)
    pin_net = rows.pin_net[pin.representative]
    on_net = np.flatnonzero(rails[pin_net] == 0)
    pins = np.diff(rows.device_pin_offset)[device.representative]
    of_device = positions(rows.device_pin_offset[device.representative], pins)
    on, owner = _pins_on(circuit, colours, net.representative[rails[net.representative] == 0])
    return {
        (NodeType.PIN, "of", NodeType.DEVICE): counted_edges(
            pin.row_class[of_device], np.repeat(np.arange(device.count), pins)
        ),
        (NodeType.PIN, "on", NodeType.NET): counted_edges(pin.row_class[on], net.row_class[owner]),
        (NodeType.DEVICE, "rev_of", NodeType.PIN): counted_edges(
            device.row_class[rows.pin_device[pin.representative]], each_pin
        ),
        (NodeType.NET, "rev_on", NodeType.PIN): counted_edges(
            net.row_class[pin_net[on_net]], each_pin[on_net]
        ),
    }


def counted_edges(source: NDArray[np.integer], target: NDArray[np.integer]) -> ClassEdges:
    """Distinct edges and how often each occurs."""
    width = int(source.max(initial=0)) + 1
    code, count = np.unique(target.astype(np.int64) * width + source, return_counts=True)
    return ClassEdges(source=code % width, target=code // width, multiplicity=count)


def _pins_on(circuit: FlatCircuit, colours: Colours, nets: Index) -> tuple[Index, Index]:
    """Pins of `Colours.rows` that hang on a few flat nets, once per flat pin, and the nets they hang on."""
    rows = colours.rows
    chosen = np.zeros(circuit.net_count, bool)
    chosen[nets] = True
    terminal = np.flatnonzero(chosen[circuit.terminal_net])
    instance = np.searchsorted(circuit.terminal_offset, terminal, side="right") - 1
    inside = colours.instance_row[instance] >= 0
    terminal, instance = terminal[inside], instance[inside]
    slot = rows.net_offset[colours.instance_row[instance]] + terminal - circuit.terminal_offset[instance]
    by_slot = np.argsort(rows.pin_slot, kind="stable")
    bounds = offsets(np.bincount(rows.pin_slot, minlength=int(rows.net_offset[-1])))
    counts = np.diff(bounds)[slot]
    pins = by_slot[positions(bounds[slot], counts)]
    return pins, np.repeat(circuit.terminal_net[terminal].astype(np.int64), counts)
