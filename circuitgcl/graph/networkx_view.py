"""A circuit graph as a networkx graph, and back.

Nodes are `("net", name)` and `("device", name)` with flat names; every pin is an edge. Node attributes carry
what a circuit is made of (nets: rail kind, whether a port, its direction where stated; devices: type, model
and sizes), edge attributes the role and the SPICE position of the pin. The hierarchy is left out: what comes
back is the same flat circuit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph.building import CircuitGraph, graph_with_rails
from circuitgcl.graph.features import port_directions
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.graph.rails import RailKind
from circuitgcl.graph.segments import offsets
from circuitgcl.netlist.names import NameList
from circuitgcl.netlist.records import Definition, DeviceTable, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole, PortDirection

if TYPE_CHECKING:
    import networkx

_SIZES = ("width_m", "length_m", "fingers", "multiplier", "area_m2", "perimeter_m", "value")


def to_networkx(graph: CircuitGraph) -> networkx.MultiGraph:
    """Bipartite multigraph of nets and devices under their flat names; absent sizes are left out."""
    import networkx

    circuit, table = graph.circuit, graph.circuit.table
    nets, devices = circuit.net_names(), circuit.device_names()
    view = networkx.MultiGraph(name=circuit.name)
    directions = port_directions(circuit)
    columns = graph.rails, directions >= 0, np.maximum(directions, PortDirection.UNKNOWN)
    for name, rail, port, direction in zip(nets, *(column.tolist() for column in columns), strict=True):
        stated = {"direction": PortDirection(direction).name.lower()} if direction else {}
        kind = "rail" if rail else "net"
        view.add_node(("net", name), kind=kind, rail=RailKind(rail).name.lower(), is_port=port, **stated)
    cards = [_card_attributes(table, card) for card in range(len(table))]
    for name, card in zip(devices, circuit.device_card.tolist(), strict=True):
        view.add_node(("device", name), kind="device", **cards[card])
    pins = (circuit.pin_device, circuit.pin_net, pin_role_codes(circuit), circuit.pin_position)
    for device, net, role, position in zip(*(column.tolist() for column in pins), strict=True):
        ends = ("device", devices[device]), ("net", nets[net])
        view.add_edge(*ends, role=PinRole(role).name, position=position)
    return view


def _card_attributes(table: DeviceTable, card: int) -> dict[str, Any]:
    sizes = {name: float(getattr(table, name)[card]) for name in _SIZES}
    return {
        "device_type": DeviceType(int(table.device_type[card])).name,
        "model": table.model_names[table.model[card]],
        **{name: size for name, size in sizes.items() if not math.isnan(size)},
    }


def from_networkx(view: networkx.Graph) -> CircuitGraph:
    """Circuit graph of a view as `to_networkx` makes it: flat, with the rails the view marks.

    Raises:
        DataError: a node or an edge lacks an attribute or joins what no pin joins, pins of a device are not
            numbered from 0, or there is no device.
        NetlistError: no signal net is left.
    """
    nets: list[tuple[Hashable, Mapping[str, Any]]] = []
    devices: list[tuple[Hashable, Mapping[str, Any]]] = []
    for node, attributes in view.nodes(data=True):
        kind = _attribute(attributes, "kind", f"node {node!r}")
        if kind not in ("net", "rail", "device"):
            raise _unfit(f"node {node!r} is of kind {kind!r}; expected net, rail or device")
        (devices if kind == "device" else nets).append((node, attributes))
    if not devices:
        raise _unfit("the view has no device")
    nets.sort(key=lambda item: not item[1].get("is_port", False))  # ports first, else in their order
    circuit = _flat_circuit(view, nets, devices)
    kinds = [_named(RailKind, attributes, "rail", "signal") for _, attributes in nets]
    return graph_with_rails(circuit, np.array(kinds, np.int8))


def _flat_circuit(
    view: networkx.Graph,
    nets: list[tuple[Hashable, Mapping[str, Any]]],
    devices: list[tuple[Hashable, Mapping[str, Any]]],
) -> FlatCircuit:
    net_number = {node: number for number, (node, _) in enumerate(nets)}
    pins = [_pins(view, device, net_number) for device, _ in devices]
    rows: dict[tuple[Any, ...], int] = {}
    cards = [
        rows.setdefault(_card_row(device, attributes, len(own)), len(rows))
        for (device, attributes), own in zip(devices, pins, strict=True)
    ]
    table = _device_table(list(rows))
    name = str(view.graph.get("name") or "circuit")
    card = np.array(cards, np.int32)
    pin_offset = offsets(table.pins[card])
    pin_net = np.array([net for own in pins for net in own], np.int32)
    local = np.arange(len(nets), dtype=np.int32)
    one, none = np.zeros(1, np.int32), np.zeros(0, np.int32)
    location = SourceLocation(f"networkx view of {name}", 0)
    ports = [attributes for _, attributes in nets if attributes.get("is_port")]
    definition = Definition(
        name=name,
        net_labels=NameList.of(_name_of(node) for node, _ in nets),
        port_count=len(ports),
        port_direction=np.array(
            [_named(PortDirection, port, "direction", "unknown") for port in ports], np.int8
        ),
        device_names=NameList.of(_name_of(node) for node, _ in devices),
        device_card=card,
        pin_offset=pin_offset,
        pin_net=pin_net,
        child_definition=none,
        child_names=NameList(),
        child_instance=np.zeros(0, np.int64),
        child_net_offset=np.zeros(1, np.int64),
        child_net=none,
        location=location,
    )
    return FlatCircuit(
        name=name,
        path=location.path,
        table=table,
        definitions=(definition,),
        device_card=card,
        device_instance=np.zeros(len(card), np.int32),
        pin_offset=pin_offset,
        pin_net=pin_net,
        net_instance=np.zeros(len(nets), np.int32),
        net_local=local,
        instance_definition=one,
        instance_parent=one - 1,
        instance_child=one - 1,
        terminal_offset=np.array([0, len(nets)], np.int64),
        terminal_net=local,
        global_nets=(),
        skipped_cards=(),
        warnings=(),
    )


def _pins(view: networkx.Graph, device: Hashable, net_number: Mapping[Hashable, int]) -> list[int]:
    """Nets of a device's pins in SPICE order."""
    found: dict[int, int] = {}
    for _, other, attributes in view.edges(device, data=True):
        what = f"the edge between {device!r} and {other!r}"
        if other not in net_number:
            raise _unfit(f"{what} does not join a device and a net")
        found[_attribute(attributes, "position", what)] = net_number[other]
    degree = view.degree(device)
    if sorted(found) != list(range(degree)):
        raise _unfit(
            f"pins of {device!r} have positions {sorted(found)}; expected 0 to {degree - 1}, once each"
        )
    return [found[position] for position in range(degree)]


def _card_row(device: Hashable, attributes: Mapping[str, Any], pins: int) -> tuple[Any, ...]:
    name = _attribute(attributes, "device_type", f"device {device!r}")
    if name not in DeviceType.__members__:
        raise _unfit(
            f"device {device!r} is of type {name!r}; expected one of {', '.join(DeviceType.__members__)}"
        )
    sizes = [attributes.get(size) for size in _SIZES]
    return (int(DeviceType[name]), str(attributes.get("model", "")), pins, *sizes)


def _device_table(rows: list[tuple[Any, ...]]) -> DeviceTable:
    models = sorted({row[1] for row in rows})

    def sizes(column: int) -> NDArray[np.float64]:
        return np.array([math.nan if row[column] is None else row[column] for row in rows], np.float64)

    return DeviceTable(
        device_type=np.array([row[0] for row in rows], np.int8),
        model=np.array([models.index(row[1]) for row in rows], np.int32),
        model_names=tuple(models),
        pins=np.array([row[2] for row in rows], np.int32),
        **{name: sizes(3 + column) for column, name in enumerate(_SIZES)},
    )


def _name_of(node: Hashable) -> str:
    return str(node[1]) if isinstance(node, tuple) and len(node) == 2 else str(node)


def _named(values: type[IntEnum], attributes: Mapping[str, Any], name: str, otherwise: str) -> int:
    """What the attribute of a net names."""
    word = str(attributes.get(name, otherwise))
    if word.upper() not in values.__members__:
        known = ", ".join(member.lower() for member in values.__members__)
        raise _unfit(f"a net has {name} {word!r}; expected one of {known}")
    return values[word.upper()]


def _attribute(attributes: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in attributes:
        raise _unfit(f"{what} has no attribute {name!r}")
    return attributes[name]


def _unfit(what: str) -> DataError:
    return DataError(f"not a circuit: {what}. Views are made by CircuitGraph.to_networkx")
