"""Node features: the functions that fill the columns of `circuitgcl.graph.feature_schema`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.feature_schema import DEVICE_FEATURES, LOGARITHMIC, NET_FEATURES, Feature
from circuitgcl.graph.feeding import feeding_nets
from circuitgcl.graph.net_sums import NetSums
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import DeviceType, PinRole, PortDirection

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

TYPICAL_CHANNEL_LENGTH_M = 200e-9
DEFAULT_CHANNEL_LENGTH_M = 100e-9  # reference of a circuit without any MOSFET
DIFFUSION_LENGTHS = 2.5  # a contacted source or drain, drawn along the channel, in shortest channels
CAPACITOR_FARAD_PER_M2 = 1.5e-3  # of a plate capacitor whose size is not given: usual for metal plates
_MOS = (DeviceType.NMOS, DeviceType.PMOS)
_BIPOLAR = (DeviceType.NPN, DeviceType.PNP)


def channel_length_m(circuit: FlatCircuit) -> float:
    """The technology's length scale: the shortest drawn MOSFET channel, in metres."""
    is_mos = np.isin(circuit.table.device_type, _MOS)
    lengths = circuit.table.length_m[is_mos & (circuit.table.length_m > 0)]
    return float(lengths.min()) if len(lengths) else DEFAULT_CHANNEL_LENGTH_M


def technology_log(reference_m: float) -> float:
    """Natural logarithm of what the wires of a technology have, against those of a 200 nm one.

    Wires have much the same capacitance per length in every technology, about 0.2 fF/um, because width,
    distance and height shrink together; so the wires of like cells have capacitances like the channel length.

    Args:
        reference_m: the shortest drawn MOSFET channel.
    """
    return math.log(reference_m / TYPICAL_CHANNEL_LENGTH_M)


def _log(values: FloatArray) -> FloatArray:
    return np.log1p(np.maximum(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), 0.0))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part of a whole, 0 where there is none."""
    found: FloatArray = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return found


def _matrix(schema: tuple[Feature, ...], columns: Mapping[str, FloatArray]) -> Float32Array:
    """Columns in the order of a schema, logarithmic where it says so."""
    rows = [_log(columns[f.name]) if f.unit in LOGARITHMIC else columns[f.name] for f in schema]
    return np.stack(rows, axis=1).astype(np.float32)


def card_columns(circuit: FlatCircuit, reference_m: float) -> dict[str, FloatArray]:
    """Evaluated numbers of every device card, [K] each; lengths in channel lengths, absent values 0.

    Widths, areas, perimeters and capacitances are those of all copies.
    """
    table = circuit.table
    copies = np.maximum(np.nan_to_num(table.multiplier, nan=1.0), 0.0)
    columns = {
        "copies": copies,
        "fingers": np.where(np.isfinite(table.fingers), table.fingers, 1.0),
        "width": np.nan_to_num(table.width_m) / reference_m * copies,
        "length": np.nan_to_num(table.length_m) / reference_m,
        "area": np.nan_to_num(table.area_m2) / reference_m**2 * copies,
        "perimeter": np.nan_to_num(table.perimeter_m) / reference_m * copies,
        "value": np.nan_to_num(table.value),
    }
    columns["device_area"] = _device_area(table.device_type, columns, reference_m)
    return columns


def _device_area(
    device_type: NDArray[np.int8], columns: Mapping[str, FloatArray], reference_m: float
) -> FloatArray:
    """Estimated layout area of every card, all copies, [K] in squared channel lengths.

    A MOSFET of f fingers has f gates and f + 1 contacted diffusions side by side. Other devices have the area
    given, else W times L; a capacitor of unknown size that of a plate of its value.
    """
    width, length = columns["width"], columns["length"]
    diffusions = (1.0 + 1.0 / np.maximum(columns["fingers"], 1.0)) * DIFFUSION_LENGTHS
    plate = np.maximum(columns["value"], 0.0) * columns["copies"] / CAPACITOR_FARAD_PER_M2 / reference_m**2
    plate = np.where(device_type == DeviceType.CAPACITOR, plate, 0.0)
    body = np.select([columns["area"] > 0, width * length > 0], [columns["area"], width * length], plate)
    return np.where(np.isin(device_type, _MOS), width * (length + diffusions), body)


def net_features(circuit: FlatCircuit, rails: NDArray[np.int8], reference_m: float) -> Float32Array:
    """Feature matrix of the nets, [N, F] in the order of `NET_FEATURES`.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        reference_m: the technology's length scale.
    """
    sums = NetSums.of(circuit, Bodies.of(circuit))
    columns = _net_sums(circuit, sums, reference_m)
    gates, channels = columns["gate_pins"], columns["source_drain_pins"]
    instances = np.bincount(circuit.terminal_net, minlength=circuit.net_count).astype(np.float64)
    is_signal = rails == 0
    all_pins = gates + channels + columns["passive_pins"] + columns["bipolar_pins"] + columns["other_pins"]
    usual = float(all_pins[is_signal].mean()) if is_signal.any() else 0.0
    direction = port_directions(circuit)
    columns |= {
        "instances": instances,
        "is_port": (direction >= 0).astype(np.float64),
        "port_reads": np.isin(direction, (PortDirection.INPUT, PortDirection.INOUT)).astype(np.float64),
        "port_drives": np.isin(direction, (PortDirection.OUTPUT, PortDirection.INOUT)).astype(np.float64),
        "inverse_level": 1.0 / (1.0 + instance_levels(circuit)[circuit.net_instance].astype(np.float64)),
        "mean_gate_width": _share(columns["gate_width"], gates),
        "mean_source_drain_width": _share(columns["source_drain_width"], channels),
        "gate_share": _share(gates, gates + channels),
        "pmos_share": _share(columns["pmos_gates"] + columns["pmos_source_drains"], gates + channels),
        "pins_per_instance": _share(gates + channels, instances),
        "relative_fanout": np.log1p(all_pins) - np.log1p(usual),
        "is_virtual_supply": 1.0 * (feeding_nets(circuit, sums) & is_signal),
    }
    return _matrix(NET_FEATURES, columns)


def port_directions(circuit: FlatCircuit) -> NDArray[np.int8]:
    """`PortDirection` of the nets that are ports of the top cell, -1 of all others, [N]."""
    top = circuit.definitions[circuit.instance_definition[0]]
    found = np.full(circuit.net_count, -1, np.int8)
    ports = np.flatnonzero((circuit.net_instance == 0) & (circuit.net_local < top.port_count))
    found[ports] = top.port_direction[circuit.net_local[ports]]
    return found


def _net_sums(circuit: FlatCircuit, sums: NetSums, reference_m: float) -> dict[str, FloatArray]:
    """What is added up over the pins, and over the devices, on every net: [N] each."""
    bodies = sums.bodies
    cards = card_columns(circuit, reference_m)
    card = np.repeat(bodies.card, bodies.device_pins)
    kind, role = circuit.table.device_type[card], bodies.pin_role
    is_mos, is_pmos = np.isin(kind, _MOS), kind == DeviceType.PMOS
    gate, channel = is_mos & (role == PinRole.GATE), is_mos & (role == PinRole.SOURCE_DRAIN)
    resistor, capacitor = kind == DeviceType.RESISTOR, kind == DeviceType.CAPACITOR
    diode, bipolar = kind == DeviceType.DIODE, np.isin(kind, _BIPOLAR)
    passive = resistor | capacitor | diode
    ones = np.ones(len(card))
    width, length = cards["width"][card], cards["length"][card]
    of_pins = {
        "gate_pins": (gate, ones),
        "source_drain_pins": (channel, ones),
        "bulk_pins": (is_mos & (role == PinRole.BULK), ones),
        "pmos_gates": (gate & is_pmos, ones),
        "pmos_source_drains": (channel & is_pmos, ones),
        "gate_width": (gate, width),
        "source_drain_width": (channel, width),
        "passive_pins": (passive, ones),
        "bipolar_pins": (bipolar, ones),
        "other_pins": (~(is_mos | passive | bipolar), ones),
    }
    of_devices = {
        "mos": (is_mos, ones),
        "mos_width": (is_mos, width),
        "mos_length": (is_mos, length),
        "resistors": (resistor, ones),
        "resistor_width": (resistor, width),
        "resistor_length": (resistor, length),
        "capacitors": (capacitor, ones),
        "capacitor_fingers": (capacitor, (cards["fingers"] * cards["copies"])[card]),
        "capacitor_length": (capacitor, length),
        "capacitor_value": (capacitor, (cards["value"] * cards["copies"])[card] * 1e15),
        "diodes": (diode, ones),
        "diode_area": (diode, cards["area"][card]),
        "diode_perimeter": (diode, cards["perimeter"][card]),
        "device_area": (ones > 0, cards["device_area"][card]),
    }
    switching = 1.0 * (gate | channel)
    return {
        **{name: sums.over_pins(np.where(chosen, values, 0.0)) for name, (chosen, values) in of_pins.items()},
        **{name: sums.over_devices(np.where(rows, of, 0.0)) for name, (rows, of) in of_devices.items()},
        "repeated_pins": sums.over_pins(switching) - sums.over_devices(switching),
    }


def card_features(circuit: FlatCircuit, reference_m: float) -> Float32Array:
    """Feature matrix of the device cards, [K, F] in the order of `DEVICE_FEATURES`."""
    cards, table = card_columns(circuit, reference_m), circuit.table
    kind, copies, fingers = table.device_type, cards["copies"], cards["fingers"]
    width, length = cards["width"], cards["length"]
    resistor, capacitor, diode = (
        1.0 * (kind == of) for of in (DeviceType.RESISTOR, DeviceType.CAPACITOR, DeviceType.DIODE)
    )
    one_width = _share(width, copies)
    known = (one_width > 0) & (length > 0)
    columns = {
        "multiplier": copies,
        "width": width,
        "length": length,
        "area": cards["area"],
        "perimeter": cards["perimeter"],
        "resistors": resistor * copies,
        "resistor_width": resistor * width,
        "resistor_length": resistor * length,
        "capacitors": capacitor * copies,
        "capacitor_fingers": capacitor * fingers * copies,
        "capacitor_length": capacitor * length,
        "diodes": diode * copies,
        "diode_area": diode * cards["area"],
        "diode_perimeter": diode * cards["perimeter"],
        "terminals": table.pins.astype(np.float64),
        **{f"is_{of.name.lower()}": 1.0 * (kind == of) for of in DeviceType},
        "fingers": fingers,
        "finger_width": one_width / np.maximum(fingers, 1.0),
        "aspect": np.log(np.where(known, one_width, 1.0) / np.where(known, length, 1.0)),
        "capacitance": capacitor * cards["value"] * 1e15,
        "resistance": resistor * cards["value"] * 1e-3,
        "device_area": cards["device_area"],
    }
    return _matrix(DEVICE_FEATURES, columns)


def device_features(circuit: FlatCircuit, reference_m: float) -> Float32Array:
    """Feature matrix of the devices, [D, F] in the order of `DEVICE_FEATURES`."""
    return card_features(circuit, reference_m)[circuit.device_card]


def role_features(role: NDArray[np.integer], rail: NDArray[np.integer]) -> Float32Array:
    """Features of pins of given `PinRole` on nets of given `RailKind`, [*, F] as in `PIN_FEATURES`."""
    roles = np.eye(len(PinRole), dtype=np.float32)[role]
    return np.concatenate([roles, np.stack([rail == 1, rail == 2], axis=1).astype(np.float32)], axis=1)


def pin_features(circuit: FlatCircuit, rails: NDArray[np.int8]) -> Float32Array:
    """Feature matrix of the pins, [P, F] in the order of `PIN_FEATURES`."""
    return role_features(pin_role_codes(circuit), rails[circuit.pin_net])


def instance_levels(circuit: FlatCircuit) -> NDArray[np.int64]:
    """Hierarchy level of every instance, [I]; the top is 0."""
    levels = np.zeros(len(circuit.instance_parent), np.int64)
    above = circuit.instance_parent.copy()
    while (inside := above >= 0).any():
        levels += inside
        above = np.where(inside, circuit.instance_parent[above], -1)
    return levels
