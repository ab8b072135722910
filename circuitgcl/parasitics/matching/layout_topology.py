"""The topology stage of matching: nets whose names say nothing, told from the shape of the circuit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.matching.device_graph import (
    DeviceGraph,
    DrawnModel,
    drawn_by_name,
    drawn_in,
    graph_of_circuit,
    graph_of_pins,
    models_of,
    shared_kinds,
)
from circuitgcl.parasitics.matching.device_pins import DevicePins, match_devices
from circuitgcl.parasitics.matching.name_ladder import Joined, climb
from circuitgcl.parasitics.matching.topology import Alignment, align
from circuitgcl.parasitics.records import IntArray, Parasitics

BY_TOPOLOGY = "by topology"
BY_SYMMETRY = "by topology, up to symmetry"

Nets = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TopologyFound:
    """What the topology stage found, besides the nets it joined."""

    symmetric: tuple[int, ...] = ()  # schematic nets matched up to symmetry
    devices_extracted: int = 0
    devices_matched: int = 0  # of them, with the same nets as a schematic device


def join_by_topology(
    joined: Joined,
    parasitics: Parasitics,
    circuit: FlatCircuit,
    *,
    layout: FlatCircuit | None,
    pins: DevicePins | None,
    reference: int | None,
) -> TopologyFound:
    """Join nets of an extraction and a schematic by the devices on them.

    Args:
        joined: nets matched so far, which anchor the search; what is found goes there.
        parasitics: the extraction.
        circuit: the schematic.
        layout: devices of the layout, with nets called as in the extraction.
        pins: pins of the extraction; used without `layout`, where their devices have models.
        reference: schematic net that is the reference node, where that is known.
    """
    sides = _sides(parasitics, circuit, layout, pins)
    if sides is None:
        return TopologyFound()
    drawn, schematic, of_drawn = sides
    drawn_of = np.full(len(parasitics.nets), -1, np.int64)
    drawn_of[of_drawn[of_drawn >= 0]] = np.flatnonzero(of_drawn >= 0)
    known = np.flatnonzero((joined.partner >= 0) & (drawn_of >= 0))
    seeds = drawn_of[known], joined.partner[known].astype(np.int64)
    if reference is not None and drawn.net_count > len(parasitics.nets) == len(of_drawn) - 1:
        seeds = np.append(seeds[0], drawn.net_count - 1), np.append(seeds[1], reference)
    _, first = np.unique(seeds[1], return_index=True)
    anchors = seeds[0][first].astype(np.int32), seeds[1][first].astype(np.int32)
    found, drawn = _best(drawn, schematic, anchors)
    return TopologyFound(
        symmetric=tuple(_join(joined, found, of_drawn)),
        devices_extracted=int(drawn.copies.sum()),
        devices_matched=int(drawn.copies[found.device_partner >= 0].sum()),
    )


def _sides(
    parasitics: Parasitics, circuit: FlatCircuit, layout: FlatCircuit | None, pins: DevicePins | None
) -> tuple[DeviceGraph, DeviceGraph, Nets] | None:
    """Graphs of layout and schematic, parallel devices folded, and the extracted net of each layout net.

    The layout serves where its nets are those of the extraction. Where resistors break them into sub-nodes,
    the pins tell which net a device is on; but nets that carry no capacitance have none.
    """
    names = None if layout is None else _nets_of(layout, parasitics)
    models = None if pins is None else _models(pins, layout)
    has_subnodes = names is None or np.count_nonzero(names >= 0) < len(parasitics.nets)
    if pins is not None and models is not None and has_subnodes:
        kinds = shared_kinds({one.model for one in models}, models_of(circuit))
        drawn = graph_of_pins(pins, len(parasitics.nets), models, kinds)
        of_drawn = np.append(np.arange(len(parasitics.nets)), -1)
    elif layout is not None and names is not None:
        kinds = shared_kinds(models_of(layout), models_of(circuit))
        drawn, of_drawn = graph_of_circuit(layout, kinds), names
    else:
        return None
    return drawn.folded(), graph_of_circuit(circuit, kinds).folded(), of_drawn


def _nets_of(layout: FlatCircuit, parasitics: Parasitics) -> Nets:
    """Extracted net of every net of a layout, by name; -1 for those that carry no capacitance."""
    names = Joined(partner=np.full(layout.net_count, -1, np.int32))
    climb(names, layout.net_names(), parasitics.nets, (layout.name, parasitics.design))
    return names.partner.astype(np.int64)


def _models(pins: DevicePins, layout: FlatCircuit | None) -> list[DrawnModel] | None:
    """What the devices of the pins are, by their own names or by the layout; None where neither tells."""
    if pins.names and all(pins.models):
        told = {model: drawn_by_name(model) for model in set(pins.models)}
        return [told[model] for model in pins.models]
    if layout is None or not pins.names:
        return None
    devices = match_devices(pins.names, layout.device_names(), (layout.name,)).partner
    return drawn_in(layout, devices) if (devices >= 0).all() else None


def _best(
    drawn: DeviceGraph, schematic: DeviceGraph, seeds: tuple[IntArray, IntArray]
) -> tuple[Alignment, DeviceGraph]:
    """Alignment and the layout's graph; without bulk terminals where wells are drawn in another way."""
    found = align(drawn, schematic, seeds)
    if not found.classes_unbalanced:
        return found, drawn
    bare = drawn.without_bulk().folded()
    without = align(bare, schematic.without_bulk().folded(), seeds)
    if (without.net_partner >= 0).sum() > (found.net_partner >= 0).sum():
        return without, bare
    return found, drawn


def _join(joined: Joined, found: Alignment, of_drawn: Nets) -> list[int]:
    taken = set(joined.partner.tolist())
    symmetric: list[int] = []
    for rung, chosen in ((BY_TOPOLOGY, ~found.net_is_symmetric), (BY_SYMMETRY, found.net_is_symmetric)):
        rows = np.flatnonzero(chosen & (found.net_partner >= 0) & (of_drawn >= 0))
        pairs = [
            (net, partner)
            for net, partner in zip(of_drawn[rows].tolist(), found.net_partner[rows].tolist(), strict=True)
            if joined.partner[net] < 0 and partner not in taken
        ]
        joined.pair([net for net, _ in pairs], [partner for _, partner in pairs], rung)
        if rung == BY_SYMMETRY:
            symmetric = [partner for _, partner in pairs]
    return symmetric
