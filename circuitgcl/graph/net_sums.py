"""Sums over the pins and over the devices of every flat net, without visiting every transistor.

What hangs on a net is added up over the local nets of definitions first, then over the instances, so the cost
follows the number of instances that hold devices, not the number of devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.netlist.records import FlatCircuit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class NetSums:
    """How the N flat nets gather what the p pins of the `Bodies` hold.

    A device counts on a net once, however many of its pins are there. Pins of one device meet on a local net,
    or where an instance joins two of its nets from outside; the latter are listed.
    """

    bodies: Bodies
    net_count: int  # N
    slot: Index  # [p] local net of every pin, counted through all definitions
    slot_count: int
    flat: Index  # [t] flat net at every local net of the instances with devices
    row: Index  # [t] and its slot
    repeated: BoolArray  # [p] an earlier pin of the device is on the same local net
    joined_pin: Index  # [j] pins that share their flat net, but not their local net, with an earlier one
    joined_net: Index  # [j] that net

    @classmethod
    def of(cls, circuit: FlatCircuit, bodies: Bodies) -> NetSums:
        """Gathering of a circuit."""
        starts = offsets(np.array([part.net_count for part in circuit.definitions]))
        slot = np.repeat(starts[:-1], np.diff(bodies.pin_offset)) + bodies.pin_net
        leaf = np.flatnonzero(np.diff(bodies.device_offset)[circuit.instance_definition] > 0)
        counts = np.diff(circuit.terminal_offset)[leaf]
        flat = circuit.terminal_net[positions(circuit.terminal_offset[leaf], counts)].astype(np.int64)
        first = np.repeat(bodies.device_offset[:-1], np.diff(bodies.pin_offset))
        repeated = _repeated(first + bodies.pin_device, slot)
        joined_pin, joined_net = _joined(circuit, bodies, leaf, flat, counts)
        outside = ~repeated[joined_pin]
        return cls(
            bodies=bodies,
            net_count=circuit.net_count,
            slot=slot,
            slot_count=int(starts[-1]),
            flat=flat,
            row=positions(starts[circuit.instance_definition[leaf]], counts),
            repeated=repeated,
            joined_pin=joined_pin[outside],
            joined_net=joined_net[outside],
        )

    def over_slots(self, values: FloatArray) -> FloatArray:
        """Sum for every flat net, [N], of what local nets hold, [slots]."""
        if not values.any():
            return np.zeros(self.net_count)
        return np.bincount(self.flat, values[self.row], self.net_count).astype(np.float64)

    def over_pins(self, values: FloatArray) -> FloatArray:
        """Sum over the pins on every net, [N], of a number of each pin, [p]."""
        return self.over_slots(np.bincount(self.slot, values, self.slot_count).astype(np.float64))

    def over_devices(self, values: FloatArray) -> FloatArray:
        """Sum over the devices on every net, [N], of a number of each pin's device, [p]."""
        found = self.over_pins(np.where(self.repeated, 0.0, values))
        again = np.bincount(self.joined_net, values[self.joined_pin], self.net_count)
        return np.maximum(found - again, 0.0)


def _repeated(device: Index, net: Index) -> BoolArray:
    """Whether an earlier pin of the same device, all of which stand together, is on the same net."""
    found = np.zeros(len(device), bool)
    step = 1
    while step < len(device) and (same := device[step:] == device[:-step]).any():
        found[step:] |= same & (net[step:] == net[:-step])
        step += 1
    return found


def _joined(
    circuit: FlatCircuit, bodies: Bodies, leaf: Index, flat: Index, counts: NDArray[np.integer]
) -> tuple[Index, Index]:
    """Pins, and their flat nets, that are not the first of their device there, where instances join nets."""
    owner = np.repeat(np.arange(len(leaf)), counts)
    code = np.sort(owner * circuit.net_count + flat)
    instance = leaf[np.unique(code[1:][code[1:] == code[:-1]] // circuit.net_count)]
    definition = circuit.instance_definition[instance]
    pins = np.diff(bodies.pin_offset)[definition]
    pin = positions(bodies.pin_offset[definition], pins)
    net = circuit.terminal_net[np.repeat(circuit.terminal_offset[instance], pins) + bodies.pin_net[pin]]
    devices = offsets(np.diff(bodies.device_offset)[definition])
    device = np.repeat(devices[:-1], pins) + bodies.pin_device[pin]
    later = _repeated(device, net.astype(np.int64))
    return pin[later], net[later].astype(np.int64)
