"""Node features: one named, unit-tagged schema, and the functions that fill it.

The net and device columns follow the statistics of the published data (arXiv 2507.06535) and add what lets an
array four times larger, or another technology, stay in range: fan-out over instances and sizes relative to
the technology's shortest drawn channel. Counts and sizes enter as log(1 + x), x in the unit given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

Float32Array = NDArray[np.float32]

SCHEMA_VERSION = 1
DEFAULT_CHANNEL_LENGTH_M = 100e-9  # reference of a circuit without any MOSFET


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature column."""

    name: str
    unit: str


NET_FEATURES = (
    Feature("mos", "count"),
    Feature("gate_pins", "count"),
    Feature("source_drain_pins", "count"),
    Feature("bulk_pins", "count"),
    Feature("mos_width", "channel lengths"),
    Feature("mos_length", "channel lengths"),
    Feature("gate_width", "channel lengths"),
    Feature("source_drain_width", "channel lengths"),
    Feature("pmos_pins", "count"),
    Feature("resistors", "count"),
    Feature("resistor_width", "channel lengths"),
    Feature("resistor_length", "channel lengths"),
    Feature("capacitors", "count"),
    Feature("capacitor_fingers", "count"),
    Feature("capacitor_value", "femtofarad"),
    Feature("diodes", "count"),
    Feature("diode_area", "squared channel lengths"),
    Feature("diode_perimeter", "channel lengths"),
    Feature("bipolar_pins", "count"),
    Feature("instances", "count"),
    Feature("is_port", "0 or 1"),
    Feature("inverse_level", "1"),
)

DEVICE_FEATURES = (
    *(Feature(f"is_{device_type.name.lower()}", "0 or 1") for device_type in DeviceType),
    Feature("multiplier", "count"),
    Feature("fingers", "count"),
    Feature("width", "channel lengths"),
    Feature("length", "channel lengths"),
    Feature("area", "squared channel lengths"),
    Feature("perimeter", "channel lengths"),
    Feature("capacitance", "femtofarad"),
    Feature("resistance", "kiloohm"),
    Feature("terminals", "count"),
)

PIN_FEATURES = (
    *(Feature(f"is_{role.name.lower()}", "0 or 1") for role in PinRole),
    Feature("on_ground", "0 or 1"),
    Feature("on_supply", "0 or 1"),
)


def channel_length_m(circuit: FlatCircuit) -> float:
    """The technology's length scale: the shortest drawn MOSFET channel, in metres."""
    is_mos = np.isin(circuit.table.device_type, (DeviceType.NMOS, DeviceType.PMOS))
    lengths = circuit.table.length_m[is_mos & (circuit.table.length_m > 0)]
    return float(lengths.min()) if len(lengths) else DEFAULT_CHANNEL_LENGTH_M


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log1p(np.maximum(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), 0.0))


def card_columns(circuit: FlatCircuit, reference_m: float) -> dict[str, NDArray[np.float64]]:
    """Evaluated numbers of every device card, [K] each; lengths in channel lengths, absent values 0."""
    table = circuit.table
    copies = np.maximum(np.nan_to_num(table.multiplier, nan=1.0), 0.0)
    fingers = np.where(np.isfinite(table.fingers), table.fingers, 1.0)
    return {
        "copies": copies,
        "fingers": fingers,
        "width": np.nan_to_num(table.width_m) / reference_m * copies,
        "length": np.nan_to_num(table.length_m) / reference_m,
        "area": np.nan_to_num(table.area_m2) / reference_m**2 * copies,
        "perimeter": np.nan_to_num(table.perimeter_m) / reference_m * copies,
        "value": np.nan_to_num(table.value),
    }


def net_features(circuit: FlatCircuit, reference_m: float) -> Float32Array:
    """Feature matrix of the nets, [N, F] in the order of `NET_FEATURES`."""
    columns = card_columns(circuit, reference_m)
    card = circuit.device_card[circuit.pin_device]
    kind, roles, net = circuit.table.device_type[card], pin_role_codes(circuit), circuit.pin_net
    is_mos = np.isin(kind, (DeviceType.NMOS, DeviceType.PMOS))
    gate, source_drain = is_mos & (roles == PinRole.GATE), is_mos & (roles == PinRole.SOURCE_DRAIN)
    resistor, capacitor = kind == DeviceType.RESISTOR, kind == DeviceType.CAPACITOR
    diode = kind == DeviceType.DIODE
    ones = np.ones(len(card))

    def total(mask: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.bincount(
            net[mask], weights=values[mask], minlength=circuit.net_count
        ).astype(np.float64)
        return sums

    width, length, copies = columns["width"][card], columns["length"][card], columns["copies"][card]
    instances = np.bincount(circuit.terminal_net, minlength=circuit.net_count)
    top = circuit.definitions[circuit.instance_definition[0]]
    is_port = (circuit.net_instance == 0) & (circuit.net_local < top.port_count)
    counted = [
        total(is_mos, ones),
        total(gate, ones),
        total(source_drain, ones),
        total(is_mos & (roles == PinRole.BULK), ones),
        total(is_mos, width),
        total(is_mos, length),
        total(gate, width),
        total(source_drain, width),
        total(kind == DeviceType.PMOS, ones),
        total(resistor, ones),
        total(resistor, width),
        total(resistor, length),
        total(capacitor, ones),
        total(capacitor, columns["fingers"][card] * copies),
        total(capacitor, columns["value"][card] * 1e15 * copies),
        total(diode, ones),
        total(diode, columns["area"][card]),
        total(diode, columns["perimeter"][card]),
        total(np.isin(kind, (DeviceType.NPN, DeviceType.PNP)), ones),
        instances.astype(np.float64),
    ]
    plain = [is_port.astype(np.float64), 1.0 / (1.0 + instance_levels(circuit)[circuit.net_instance])]
    return np.stack([*(_log(column) for column in counted), *plain], axis=1).astype(np.float32)


def card_features(circuit: FlatCircuit, reference_m: float) -> Float32Array:
    """Feature matrix of the device cards, [K, F] in the order of `DEVICE_FEATURES`."""
    columns, table = card_columns(circuit, reference_m), circuit.table
    types = np.eye(len(DeviceType))[table.device_type]
    numbers = [
        columns["copies"],
        columns["fingers"],
        columns["width"],
        columns["length"],
        columns["area"],
        columns["perimeter"],
        np.where(table.device_type == DeviceType.CAPACITOR, columns["value"] * 1e15, 0.0),
        np.where(table.device_type == DeviceType.RESISTOR, columns["value"] * 1e-3, 0.0),
        table.pins.astype(np.float64),
    ]
    rows = np.concatenate([types, np.stack([_log(column) for column in numbers], axis=1)], axis=1)
    return rows.astype(np.float32)


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
    levels = [0]
    for parent in circuit.instance_parent[1:].tolist():  # parents come before children
        levels.append(levels[parent] + 1)
    return np.array(levels, np.int64)
