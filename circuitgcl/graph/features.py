"""Node features: the functions that fill the columns of `circuitgcl.graph.feature_schema`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.graph.segments import offsets, positions
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

Float32Array = NDArray[np.float32]

TYPICAL_CHANNEL_LENGTH_M = 200e-9
DEFAULT_CHANNEL_LENGTH_M = 100e-9  # reference of a circuit without any MOSFET


def channel_length_m(circuit: FlatCircuit) -> float:
    """The technology's length scale: the shortest drawn MOSFET channel, in metres."""
    is_mos = np.isin(circuit.table.device_type, (DeviceType.NMOS, DeviceType.PMOS))
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
    """Feature matrix of the nets, [N, F] in the order of `NET_FEATURES`.

    What hangs on a net is added up over the local nets of definitions first, then over the instances, so the
    cost follows the number of instances that hold devices, not the number of devices.
    """
    bodies = Bodies.of(circuit)
    starts = offsets(np.array([part.net_count for part in circuit.definitions]))
    slot = np.repeat(starts[:-1], np.diff(bodies.pin_offset)) + bodies.pin_net
    leaf = np.flatnonzero(np.diff(bodies.device_offset)[circuit.instance_definition] > 0)
    counts = np.diff(circuit.terminal_offset)[leaf]
    flat = circuit.terminal_net[positions(circuit.terminal_offset[leaf], counts)]
    row = positions(starts[circuit.instance_definition[leaf]], counts)

    def total(pins: NDArray[np.float64]) -> NDArray[np.float64]:
        if not pins.any():
            return np.zeros(circuit.net_count)
        inside = np.bincount(slot, weights=pins, minlength=int(starts[-1]))
        sums = np.bincount(flat, weights=inside[row], minlength=circuit.net_count)
        return sums.astype(np.float64)

    instances = np.bincount(circuit.terminal_net, minlength=circuit.net_count).astype(np.float64)
    counted = [*(total(pins) for pins in _pin_statistics(circuit, bodies, reference_m)), instances]
    top = circuit.definitions[circuit.instance_definition[0]]
    is_port = (circuit.net_instance == 0) & (circuit.net_local < top.port_count)
    plain = [is_port.astype(np.float64), 1.0 / (1.0 + instance_levels(circuit)[circuit.net_instance])]
    return np.stack([*(_log(column) for column in counted), *plain], axis=1).astype(np.float32)


def _pin_statistics(
    circuit: FlatCircuit, bodies: Bodies, reference_m: float
) -> Iterator[NDArray[np.float64]]:
    """What each pin of a definition adds to its net, [p] for every counted column of `NET_FEATURES`."""
    columns = card_columns(circuit, reference_m)
    card = np.repeat(bodies.card, bodies.device_pins)
    kind, role = circuit.table.device_type[card], bodies.pin_role
    is_mos = np.isin(kind, (DeviceType.NMOS, DeviceType.PMOS))
    gate, source_drain = is_mos & (role == PinRole.GATE), is_mos & (role == PinRole.SOURCE_DRAIN)
    resistor, capacitor = kind == DeviceType.RESISTOR, kind == DeviceType.CAPACITOR
    diode = kind == DeviceType.DIODE
    width, length, copies = columns["width"][card], columns["length"][card], columns["copies"][card]
    ones = np.ones(len(card))
    for chosen, values in (
        (is_mos, ones),
        (gate, ones),
        (source_drain, ones),
        (is_mos & (role == PinRole.BULK), ones),
        (is_mos, width),
        (is_mos, length),
        (gate, width),
        (source_drain, width),
        (kind == DeviceType.PMOS, ones),
        (resistor, ones),
        (resistor, width),
        (resistor, length),
        (capacitor, ones),
        (capacitor, columns["fingers"][card] * copies),
        (capacitor, columns["value"][card] * 1e15 * copies),
        (diode, ones),
        (diode, columns["area"][card]),
        (diode, columns["perimeter"][card]),
        (np.isin(kind, (DeviceType.NPN, DeviceType.PNP)), ones),
    ):
        yield np.where(chosen, values, 0.0)


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
    levels = np.zeros(len(circuit.instance_parent), np.int64)
    above = circuit.instance_parent.copy()
    while (inside := above >= 0).any():
        levels += inside
        above = np.where(inside, circuit.instance_parent[above], -1)
    return levels
