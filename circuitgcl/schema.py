"""The vocabulary every room shares: node types, device types and pin roles of the circuit graph."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class NodeType(StrEnum):
    """Node types of the heterogeneous circuit graph."""

    NET = "net"
    DEVICE = "device"
    PIN = "pin"
    RAIL = "rail"


class DeviceType(IntEnum):
    """What a primitive device is, whatever the dialect calls it."""

    NMOS = 0
    PMOS = 1
    NPN = 2
    PNP = 3
    DIODE = 4
    RESISTOR = 5
    CAPACITOR = 6
    INDUCTOR = 7
    JFET = 8
    SOURCE = 9
    OTHER = 10

    @property
    def is_mos(self) -> bool:
        """Whether the device is a MOSFET of either polarity."""
        return self in (DeviceType.NMOS, DeviceType.PMOS)

    @property
    def is_bipolar(self) -> bool:
        """Whether the device is a bipolar transistor of either polarity."""
        return self in (DeviceType.NPN, DeviceType.PNP)


class PortDirection(IntEnum):
    """What a netlist states about a port of a subcircuit."""

    UNKNOWN = 0
    INPUT = 1
    OUTPUT = 2
    INOUT = 3
    SUPPLY = 4
    GROUND = 5


class PinRole(IntEnum):
    """Role of a device terminal.

    Drain and source share one role: a MOSFET is drawn symmetric, and schematic editors order the two freely.
    """

    GATE = 0
    SOURCE_DRAIN = 1
    BULK = 2
    PLUS = 3
    MINUS = 4
    ANODE = 5
    CATHODE = 6
    COLLECTOR = 7
    BASE = 8
    EMITTER = 9
    OTHER = 10


_MOS_ROLES = (PinRole.SOURCE_DRAIN, PinRole.GATE, PinRole.SOURCE_DRAIN, PinRole.BULK)
_BIPOLAR_ROLES = (PinRole.COLLECTOR, PinRole.BASE, PinRole.EMITTER, PinRole.BULK)
_PASSIVE_ROLES = (PinRole.PLUS, PinRole.MINUS, PinRole.BULK)
_DIODE_ROLES = (PinRole.ANODE, PinRole.CATHODE, PinRole.BULK)


def pin_roles(device_type: DeviceType, pins: int) -> tuple[PinRole, ...]:
    """Roles of a device's terminals in SPICE order; pins beyond the known ones are `OTHER`."""
    if device_type.is_mos or device_type is DeviceType.JFET:
        known: tuple[PinRole, ...] = _MOS_ROLES
    elif device_type.is_bipolar:
        known = _BIPOLAR_ROLES
    elif device_type is DeviceType.DIODE:
        known = _DIODE_ROLES
    elif device_type in (DeviceType.RESISTOR, DeviceType.CAPACITOR, DeviceType.INDUCTOR):
        known = _PASSIVE_ROLES
    else:
        known = ()
    return (known + (PinRole.OTHER,) * pins)[:pins]
