"""The devices of all definitions in arrays: what a flat circuit repeats, once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.pins import known_roles
from circuitgcl.graph.segments import Index, offsets
from circuitgcl.netlist.records import FlatCircuit, IntArray


@dataclass(frozen=True, kw_only=True)
class Bodies:
    """Devices and pins of all F definitions, one after another, in local numbers."""

    device_offset: Index  # [F + 1]
    pin_offset: Index  # [F + 1]
    card: IntArray  # [d] of every device
    device_pins: NDArray[np.int64]  # [d] its number of pins
    pin_net: IntArray  # [p] local net
    pin_device: NDArray[np.int64]  # [p] device, counted from the first of the same definition
    pin_role: NDArray[np.int8]  # [p] PinRole

    @classmethod
    def of(cls, circuit: FlatCircuit) -> Bodies:
        """Bodies of a circuit's definitions."""
        parts = circuit.definitions
        card = np.concatenate([part.device_card for part in parts])
        device_pins = circuit.table.pins[card].astype(np.int64)
        device_offset = offsets(np.array([len(part.device_card) for part in parts]))
        pin_offset = offsets(np.array([len(part.pin_net) for part in parts]))
        device = np.repeat(np.arange(len(card)), device_pins)
        position = np.arange(len(device)) - np.repeat(offsets(device_pins)[:-1], device_pins)
        return cls(
            device_offset=device_offset,
            pin_offset=pin_offset,
            card=card,
            device_pins=device_pins,
            pin_net=np.concatenate([part.pin_net for part in parts]),
            pin_device=device - np.repeat(device_offset[:-1], np.diff(pin_offset)),
            pin_role=known_roles(circuit.table.device_type[card[device]], position),
        )
