"""Roles of flat pins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.netlist.records import Definition, DeviceTable, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole, pin_roles

MAX_KNOWN_PINS = 5


def role_lookup() -> NDArray[np.int8]:
    """Role by device type and SPICE position, [types, MAX_KNOWN_PINS]; later positions are `OTHER`."""
    rows = [pin_roles(device_type, MAX_KNOWN_PINS) for device_type in DeviceType]
    return np.array(rows, np.int8)


def card_roles(table: DeviceTable, card: int) -> tuple[PinRole, ...]:
    """Roles of the pins of one device card."""
    return pin_roles(DeviceType(int(table.device_type[card])), int(table.pins[card]))


def known_roles(device_type: NDArray[np.integer], position: NDArray[np.integer]) -> NDArray[np.int8]:
    """`PinRole` of pins at a SPICE position, from 0, of devices of a type, [*]."""
    roles: NDArray[np.int8] = role_lookup()[device_type, np.minimum(position, MAX_KNOWN_PINS - 1)]
    roles[position >= MAX_KNOWN_PINS] = PinRole.OTHER
    return roles


def body_pins(
    table: DeviceTable, definition: Definition
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int8]]:
    """Of every pin of a body: its device, the type of that, and its `PinRole`, [p] each."""
    pins = np.diff(definition.pin_offset)
    device = np.repeat(np.arange(len(definition.device_card)), pins)
    position = np.arange(len(device)) - np.repeat(definition.pin_offset[:-1], pins)
    kind = table.device_type[definition.device_card[device]]
    return device, kind, known_roles(kind, position)


def pin_role_codes(circuit: FlatCircuit) -> NDArray[np.int8]:
    """`PinRole` of every pin, [P]."""
    device_type = circuit.table.device_type[circuit.device_card][circuit.pin_device]
    return known_roles(device_type, circuit.pin_position)
