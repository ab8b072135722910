"""Role-aware colour refinement of a whole circuit, on its hierarchy.

After `l` rounds two nets (devices, pins) have one colour exactly if their surroundings, `l` steps deep, look
the same: features, roles and relations, with multiplicities, nothing beyond a rail. That is what `l` layers
of message passing can tell apart (1-WL, Weisfeiler & Leman 1968).

A transistor inside a cell sees the world through the nets of its instance only, so instances of one
definition whose nets have had the same colours share one *row*, and devices and pins are coloured once per
row. The cost of a round follows the number of instances and of distinct rows, not the number of transistors;
a flat netlist is one row and costs what its pins cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.features import Float32Array
from circuitgcl.graph.hashing import (
    combined,
    hashed,
    multisets,
    row_hashes,
    segment_multisets,
)
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.hashing import HashArray, mixed
from circuitgcl.netlist.records import FlatCircuit, IntArray


@dataclass(frozen=True, kw_only=True)
class Rows:
    """U groups of instances that nothing has told apart, and the devices and pins of one instance of each."""

    instance: Index  # [U] representative
    device_offset: Index  # [U + 1]
    pin_offset: Index  # [U + 1]
    net_offset: Index  # [U + 1] bounds of its local nets
    device_source: Index  # [e] row of the `Bodies`
    pin_source: Index  # [q] row of the `Bodies`
    pin_device: Index  # [q] device of this table
    pin_slot: Index  # [q] local net of this table
    pin_net: IntArray  # [q] flat net
    device_pin_offset: Index  # [e + 1]

    @classmethod
    def of(cls, circuit: FlatCircuit, bodies: Bodies, instance: Index) -> Rows:
        """Rows represented by the given instances."""
        definition = circuit.instance_definition[instance]
        devices = np.diff(bodies.device_offset)[definition]
        pins = np.diff(bodies.pin_offset)[definition]
        device_offset, net_offset = offsets(devices), offsets(np.diff(circuit.terminal_offset)[instance])
        device_source = positions(bodies.device_offset[definition], devices)
        pin_source = positions(bodies.pin_offset[definition], pins)
        local = bodies.pin_net[pin_source]
        return cls(
            instance=instance,
            device_offset=device_offset,
            pin_offset=offsets(pins),
            net_offset=net_offset,
            device_source=device_source,
            pin_source=pin_source,
            pin_device=np.repeat(device_offset[:-1], pins) + bodies.pin_device[pin_source],
            pin_slot=np.repeat(net_offset[:-1], pins) + local,
            pin_net=circuit.terminal_net[np.repeat(circuit.terminal_offset[instance], pins) + local],
            device_pin_offset=offsets(bodies.device_pins[device_source]),
        )


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Colours after refinement: of N nets, and of the devices and pins of every row."""

    bodies: Bodies
    rows: Rows
    instance_row: NDArray[np.int64]  # [I], -1 for instances without devices of their own
    net: HashArray  # [N]
    device: HashArray  # [e]
    pin: HashArray  # [q]

    def counts(self) -> dict[str, int]:
        """Number of distinct nets, devices and pins."""
        parts = {"nets": self.net, "devices": self.device, "pins": self.pin}
        return {name: len(np.unique(colours)) for name, colours in parts.items()}


def refine(
    circuit: FlatCircuit,
    rails: NDArray[np.int8],
    net_features: Float32Array,
    card_features: Float32Array,
    rounds: int,
) -> Colours:
    """Colours of everything in a circuit.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        net_features: [N, F] what tells nets apart before the first round.
        card_features: [K, F] the same for devices, by card.
        rounds: steps of refinement, as many as the encoder has layers.
    """
    bodies = Bodies.of(circuit)
    leaf = np.flatnonzero(np.diff(bodies.device_offset)[circuit.instance_definition] > 0)
    terminals = np.diff(circuit.terminal_offset)[leaf]
    bounds = offsets(terminals)
    flat = circuit.terminal_net[positions(circuit.terminal_offset[leaf], terminals)]
    local = np.arange(len(flat)) - np.repeat(bounds[:-1], terminals)
    slot = hashed(local)
    is_signal = rails == 0
    net = combined(row_hashes(net_features), hashed(is_signal))

    kinds = segment_multisets(bounds, combined(hashed(rails[flat]), slot))
    start = combined(hashed(circuit.instance_definition[leaf]), kinds)
    _, first, row = np.unique(start, return_index=True, return_inverse=True)
    rows = Rows.of(circuit, bodies, leaf[first])
    device = row_hashes(card_features)[bodies.card[rows.device_source]]
    pin = combined(hashed(bodies.pin_role[rows.pin_source]), hashed(rails[rows.pin_net]))
    for _ in range(rounds):
        heard = np.where(is_signal, net, np.uint64(0))  # no message passes through a rail
        joined = multisets(rows.pin_slot, pin, int(rows.net_offset[-1]))
        total = np.zeros(circuit.net_count, np.uint64)
        np.add.at(total, flat, joined[np.repeat(rows.net_offset[row], terminals) + local])
        rows, device, pin, row = _split(
            circuit,
            bodies,
            rows,
            device,
            pin,
            row,
            leaf,
            segment_multisets(bounds, mixed(heard[flat] ^ slot)),
        )
        device, pin = (
            combined(device, segment_multisets(rows.device_pin_offset, pin)),
            combined(pin, device[rows.pin_device], heard[rows.pin_net]),
        )
        net = np.where(is_signal, combined(net, total), net)
    instance_row = np.full(len(circuit.instance_definition), -1)
    instance_row[leaf] = row
    return Colours(bodies=bodies, rows=rows, instance_row=instance_row, net=net, device=device, pin=pin)


def _split(
    circuit: FlatCircuit,
    bodies: Bodies,
    rows: Rows,
    device: HashArray,
    pin: HashArray,
    row: NDArray[np.int64],
    leaf: Index,
    heard: HashArray,
) -> tuple[Rows, HashArray, HashArray, NDArray[np.int64]]:
    """Rows told apart by what their instances hear, [leaf instances], with the colours they had before."""
    _, first, finer = np.unique(combined(hashed(row), heard), return_index=True, return_inverse=True)
    if len(first) == len(rows.instance):
        return rows, device, pin, row
    split, before = Rows.of(circuit, bodies, leaf[first]), row[first]
    device = device[positions(rows.device_offset[before], np.diff(split.device_offset))]
    pin = pin[positions(rows.pin_offset[before], np.diff(split.pin_offset))]
    return split, device, pin, finer
