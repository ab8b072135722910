"""Targets at device pins, from extractions that keep the pieces of a net apart.

A piece is the metal of a net, or a gate or diffusion area that device pins lie on. Capacitance of a piece
belongs to its pins in equal shares, that of a piece without a known pin to the metal of its net, so the sum
over a net's metal and pins is the net's own capacitance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics import Parasitics
from circuitgcl.parasitics.matching.device_pins import match_devices
from circuitgcl.schema import PinRole

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

_PIN_NAME = re.compile(r"(?P<device>.+)[:/.|](?P<pin>[^:/.|]+)")
_PLACES = {  # SPICE position by the letter or word an extractor writes
    **dict.fromkeys(("d", "drain", "c", "collector", "p", "plus", "pos", "a", "anode", "1"), 0),
    **dict.fromkeys(("g", "gate", "base", "n", "minus", "neg", "k", "cathode", "2"), 1),
    **dict.fromkeys(("s", "source", "src", "e", "emitter", "3"), 2),
    **dict.fromkeys(("bulk", "sub", "4"), 3),
}
_BULK_OR_BASE = "b"


@dataclass(frozen=True, kw_only=True)
class PinLabels:
    """Capacitances between P flat pins and the metal of N flat nets; rails are load, as in `Labels`."""

    metal_pair: IntArray  # [A, 2] metal of two signal nets, a < b
    metal_farad: FloatArray  # [A]
    pin_net_pair: IntArray  # [B, 2] pin, metal of another signal net
    pin_net_farad: FloatArray  # [B]
    pin_pair: IntArray  # [C, 2] pins on two signal nets, a < b
    pin_pair_farad: FloatArray  # [C]
    pin_load_farad: FloatArray  # [P] ground-equivalent; NaN on rails and on pins without a piece
    pin_ground_farad: FloatArray  # [P] to the reference node alone; NaN as above
    unknown_pins: int  # pin names of the extraction without a pin in the schematic


def label_pins(graph: CircuitGraph, parasitics: Parasitics, node_net: IntArray) -> PinLabels:
    """Targets of the pins and of the metal between them.

    Args:
        graph: the circuit.
        parasitics: a pin-level extraction.
        node_net: [nodes] flat net of every node, -1 for an unmatched one.
    """
    circuit = graph.circuit
    pieces = _Pieces.of(circuit, parasitics, node_net)
    is_rail = np.append(graph.rails != 0, True)[node_net]  # -1 is the last
    known = node_net >= 0
    a, b = parasitics.pair_a, parasitics.pair_b
    other = known[a] & known[b] & (node_net[a] != node_net[b])
    a, b, farad = a[other], b[other], parasitics.pair_farad[other]
    ground = np.where(known & ~is_rail, parasitics.ground_farad, 0.0)
    load = ground.copy()
    for signal, far in ((a, b), (b, a)):
        to_rail = is_rail[far] & ~is_rail[signal]
        np.add.at(load, signal[to_rail], farad[to_rail])
    coupled = ~is_rail[a] & ~is_rail[b]
    end_a, end_b, share = pieces.spread(a[coupled], b[coupled], farad[coupled])
    nets = circuit.net_count
    a_is_pin, b_is_pin = end_a >= nets, end_b >= nets
    mixed = a_is_pin != b_is_pin
    pin, metal = np.maximum(end_a, end_b)[mixed] - nets, np.minimum(end_a, end_b)[mixed]
    metal_pair, metal_farad = _summed(end_a, end_b, share, ~a_is_pin & ~b_is_pin)
    pin_pair, pin_pair_farad = _summed(end_a - nets, end_b - nets, share, a_is_pin & b_is_pin)
    pin_net_pair, pin_net_farad = _grouped(pin, metal, share[mixed])
    return PinLabels(
        metal_pair=metal_pair,
        metal_farad=metal_farad,
        pin_net_pair=pin_net_pair,
        pin_net_farad=pin_net_farad,
        pin_pair=pin_pair,
        pin_pair_farad=pin_pair_farad,
        pin_load_farad=pieces.on_pins(load, graph.rails),
        pin_ground_farad=pieces.on_pins(ground, graph.rails),
        unknown_pins=pieces.unknown_pins,
    )


@dataclass(frozen=True, kw_only=True)
class _Pieces:
    """What the nodes of an extraction are: metal of net n as end n, pin p as end N + p."""

    circuit: FlatCircuit
    offset: NDArray[np.int64]  # [nodes + 1]
    end: NDArray[np.int64]  # ends of all nodes, one after the other; every matched node has one

    unknown_pins: int

    @classmethod
    def of(cls, circuit: FlatCircuit, parasitics: Parasitics, node_net: IntArray) -> _Pieces:
        pins = _pins_named(circuit, parasitics.pin_names)
        owner = np.repeat(np.arange(len(node_net)), np.diff(parasitics.pin_offset))
        # the metal of a net may list the pins it reaches; only pieces of their own carry pin capacitance
        piece = np.array(
            [a != b for a, b in zip(parasitics.nodes, _net_of_nodes(parasitics), strict=True)], bool
        )
        fits = (pins >= 0) & piece[owner]
        fits[fits] = circuit.pin_net[pins[fits]] == node_net[owner[fits]]
        bare = np.setdiff1d(np.arange(len(node_net)), owner[fits])
        owners = np.concatenate([owner[fits], bare])
        ends = np.concatenate([circuit.net_count + pins[fits], node_net[bare].astype(np.int64)])
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=len(node_net))
        return cls(
            circuit=circuit,
            offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            end=ends[order],
            unknown_pins=int((pins < 0).sum()),
        )

    def spread(
        self, a: IntArray, b: IntArray, farad: FloatArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Capacitors between nodes as capacitors between all their ends, equal parts each."""
        count_a, count_b = np.diff(self.offset)[a], np.diff(self.offset)[b]
        many = count_a * count_b
        row = np.repeat(np.arange(len(a)), many)
        place = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
        end_a = self.end[self.offset[a][row] + place // count_b[row]]
        end_b = self.end[self.offset[b][row] + place % count_b[row]]
        return end_a, end_b, farad[row] / many[row]

    def on_pins(self, node_farad: FloatArray, rails: NDArray[np.int8]) -> FloatArray:
        """[P] capacitance of the nodes' pins, in equal shares."""
        counts = np.diff(self.offset)
        share = np.repeat(node_farad / counts, counts)
        pin = self.end - self.circuit.net_count
        is_pin = pin >= 0
        found = np.full(self.circuit.pin_count, np.nan)
        found[pin[is_pin]] = 0.0
        np.add.at(found, pin[is_pin], share[is_pin])
        found[rails[self.circuit.pin_net] != 0] = np.nan
        return found


def _net_of_nodes(parasitics: Parasitics) -> list[str]:
    return [parasitics.nets[net] for net in parasitics.node_net.tolist()]


def _pins_named(circuit: FlatCircuit, names: Sequence[str]) -> NDArray[np.int64]:
    """Flat pin of every pin name, -1 for an unknown one; pins of fingers are those of their device."""
    cuts = [_PIN_NAME.fullmatch(name) for name in names]
    extracted = list(dict.fromkeys(cut["device"] for cut in cuts if cut is not None))
    joined = match_devices(extracted, circuit.device_names(), (circuit.name,))
    partner = dict(zip(extracted, joined.partner.tolist(), strict=True))
    is_base = pin_role_codes(circuit) == PinRole.BASE
    found = np.full(len(names), -1, np.int64)
    for number, cut in enumerate(cuts):
        device = -1 if cut is None else partner[cut["device"]]
        if cut is None or device < 0:
            continue
        start, stop = circuit.pin_offset[device : device + 2].tolist()
        letter = cut["pin"].casefold()
        place = _PLACES.get(letter, -1)
        if letter == _BULK_OR_BASE:
            place = 1 if is_base[start:stop].any() else 3
        if 0 <= place < stop - start:
            found[number] = start + place
    return found


def _summed(
    a: NDArray[np.int64], b: NDArray[np.int64], farad: FloatArray, chosen: NDArray[np.bool_]
) -> tuple[IntArray, FloatArray]:
    """Unordered pairs of the chosen rows, each once."""
    return _grouped(np.minimum(a, b)[chosen], np.maximum(a, b)[chosen], farad[chosen])


def _grouped(
    first: NDArray[np.int64], second: NDArray[np.int64], farad: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Rows of equal pairs summed, [R, 2] and [R], sorted."""
    width = int(second.max(initial=0)) + 1
    code, inverse = np.unique(first * width + second, return_inverse=True)
    total = np.bincount(inverse.ravel(), weights=farad, minlength=len(code)).astype(np.float64)
    return np.stack([code // width, code % width], axis=1).astype(np.int32), total
