"""Devices and the nets on their terminals, as arrays: what two descriptions of one circuit have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitgcl.hashing import mixed
from circuitgcl.netlist.process_kits import undefined_kit_name
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.matching.device_pins import OTHER_TERMINAL, DevicePins
from circuitgcl.parasitics.matching.hashing import sums_by_key
from circuitgcl.parasitics.records import FloatArray, IntArray
from circuitgcl.schema import DeviceType, PinRole, pin_roles

_MOSFET_TERMINALS = ((PinRole.GATE, 1), (PinRole.SOURCE_DRAIN, 2), (PinRole.BULK, 1))
_PASSIVE = (DeviceType.RESISTOR, DeviceType.CAPACITOR, DeviceType.INDUCTOR)


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceGraph:
    """D devices with P terminals on N nets."""

    net_count: int
    kind: NDArray[np.int64]  # [D] equal for devices that may be the same
    pin_device: IntArray  # [P] ascending
    pin_net: IntArray  # [P]
    pin_role: IntArray  # [P] exchangeable terminals have equal roles
    width_m: FloatArray  # [D] of all fingers together; NaN where unknown
    length_m: FloatArray  # [D]
    copies: IntArray  # [D] devices in parallel that this one stands for

    @property
    def device_count(self) -> int:
        """Number of devices D."""
        return len(self.kind)

    def folded(self) -> DeviceGraph:
        """Devices of one kind in parallel become one as wide as all together; devices in series stay."""
        key = mixed(self.kind.astype(np.uint64))
        spoken = mixed(self.pin_role.astype(np.uint64) + mixed(self.pin_net.astype(np.uint64)))
        device, sums = sums_by_key(self.pin_device, spoken)
        key[device] += sums
        _, first, fold = np.unique(key, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))[fold]  # folds in the order of their first device
        first = np.sort(first)
        kept = np.zeros(self.device_count, bool)
        kept[first] = True
        of_kept = kept[self.pin_device]
        return DeviceGraph(
            net_count=self.net_count,
            kind=self.kind[first],
            pin_device=rank[self.pin_device[of_kept]].astype(np.int32),
            pin_net=self.pin_net[of_kept],
            pin_role=self.pin_role[of_kept],
            width_m=np.bincount(rank, weights=self.width_m, minlength=len(first)).astype(np.float64),
            length_m=self.length_m[first],
            copies=np.bincount(rank, weights=self.copies, minlength=len(first)).astype(np.int32),
        )

    def without_bulk(self) -> DeviceGraph:
        """The same without bulk terminals, for layouts whose wells are nets of their own."""
        kept = self.pin_role != PinRole.BULK
        return replace(
            self,
            pin_device=self.pin_device[kept],
            pin_net=self.pin_net[kept],
            pin_role=self.pin_role[kept],
        )

    def bare_nets(self) -> NDArray[np.bool_]:
        """Nets that join a source or drain of two MOSFETs and nothing else, [N]; to be asked when folded.

        A layout draws such a net as shared diffusion, without a wire, so that an extraction without junction
        capacitance may not list it.
        """
        is_channel = self.pin_role == PinRole.SOURCE_DRAIN
        channel = np.bincount(self.pin_net[is_channel], minlength=self.net_count)
        every = np.bincount(self.pin_net, minlength=self.net_count)
        bare: NDArray[np.bool_] = (channel == 2) & (every == 2)
        return bare


Kinds = Callable[[DeviceType, str], int]


def shared_kinds(models: Collection[str], other_models: Collection[str]) -> Kinds:
    """How devices of two descriptions are compared: by model where both use the same ones, else by type."""
    ours, theirs = ({model.casefold() for model in side} for side in (models, other_models))
    if ours != theirs:
        return lambda device_type, _: int(device_type)
    index = {model: len(DeviceType) + i for i, model in enumerate(sorted(ours))}
    return lambda _, model: index[model.casefold()]


def models_of(circuit: FlatCircuit) -> set[str]:
    """Models of the devices that a layout draws."""
    drawn = np.unique(circuit.device_card[_is_drawn(circuit)])
    return {circuit.table.model_names[model] for model in circuit.table.model[drawn].tolist()}


def graph_of_circuit(circuit: FlatCircuit, kinds: Kinds) -> DeviceGraph:
    """Devices of a flat circuit, without sources and without resistors, capacitors and inductors of no model.

    Those are ideal in a schematic and parasitic in an extraction.
    """
    table = circuit.table
    kept = _is_drawn(circuit)
    new_device = np.cumsum(kept) - 1
    card = circuit.device_card[kept]
    kind_of_card = np.full(len(table), -1, np.int64)
    for row in np.unique(card).tolist():
        model = table.model_names[table.model[row]]
        kind_of_card[row] = kinds(DeviceType(int(table.device_type[row])), model)
    of_kept = kept[circuit.pin_device]
    pin_device = circuit.pin_device[of_kept]
    return DeviceGraph(
        net_count=circuit.net_count,
        kind=kind_of_card[card],
        pin_device=new_device[pin_device].astype(np.int32),
        pin_net=circuit.pin_net[of_kept],
        pin_role=roles_of_circuit(circuit)[of_kept],
        width_m=(table.width_m * table.multiplier)[card],
        length_m=table.length_m[card],
        copies=np.ones(len(card), np.int32),
    )


def roles_of_circuit(circuit: FlatCircuit) -> IntArray:
    """Role of every pin, [P]; exchangeable terminals of a device have equal roles."""
    by_card = _roles(circuit.table.device_type, circuit.table.pins)
    roles: IntArray = by_card[circuit.device_card[circuit.pin_device], circuit.pin_position]
    return roles


def _completed(
    device: IntArray, net: IntArray, role: IntArray, devices: int, reference: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Pins, by device, with those that MOSFETs lack on the reference node."""
    counts = {
        wanted: np.bincount(device[role == wanted], minlength=devices) for wanted, _ in _MOSFET_TERMINALS
    }
    is_mosfet = (counts[PinRole.GATE] + counts[PinRole.SOURCE_DRAIN]) > 0
    devices_added, roles_added = [device], [role]
    for wanted, number in _MOSFET_TERMINALS:
        lacking = np.where(is_mosfet, np.maximum(number - counts[wanted], 0), 0)
        devices_added.append(np.repeat(np.arange(devices), lacking).astype(np.int32))
        roles_added.append(np.full(int(lacking.sum()), wanted, np.int32))
    device, role = np.concatenate(devices_added), np.concatenate(roles_added)
    net = np.concatenate([net, np.full(len(device) - len(net), reference, np.int32)])
    order = np.argsort(device, kind="stable")
    return device[order], net[order], role[order]


@dataclass(frozen=True, kw_only=True)
class DrawnModel:
    """What an extracted device is."""

    device_type: DeviceType
    model: str


def graph_of_pins(pins: DevicePins, net_count: int, drawn: Sequence[DrawnModel], kinds: Kinds) -> DeviceGraph:
    """Devices known from the pins on each net; what a MOSFET lacks is on net N.

    Readers leave out pins on the reference node.

    Args:
        pins: D devices with their terminals.
        net_count: N; the graph has one net more, the reference node.
        drawn: what they are, [D].
        kinds: how to compare devices.
    """
    kind = np.array([kinds(one.device_type, one.model) for one in drawn], np.int64)
    device, net = pins.pin_device, pins.pin_net
    is_passive = np.array([one.device_type in _PASSIVE for one in drawn], bool)[device]
    role = np.where(is_passive & (pins.pin_role <= OTHER_TERMINAL + 1), PinRole.PLUS, pins.pin_role)
    device, net, role = _completed(device, net, role, len(kind), net_count)
    return DeviceGraph(
        net_count=net_count + 1,
        kind=kind,
        pin_device=device,
        pin_net=net,
        pin_role=role,
        width_m=np.full(len(kind), np.nan),
        length_m=np.full(len(kind), np.nan),
        copies=np.ones(len(kind), np.int32),
    )


def drawn_by_name(model: str) -> DrawnModel:
    """What a model's name says its devices are."""
    told = undefined_kit_name(model)
    return DrawnModel(device_type=told.kind if told else DeviceType.OTHER, model=model)


def drawn_in(circuit: FlatCircuit, devices: IntArray) -> list[DrawnModel]:
    """What devices of a circuit are."""
    table = circuit.table
    by_card = [
        DrawnModel(device_type=DeviceType(kind), model=table.model_names[model])
        for kind, model in zip(table.device_type.tolist(), table.model.tolist(), strict=True)
    ]
    return [by_card[card] for card in circuit.device_card[devices].tolist()]


def _is_drawn(circuit: FlatCircuit) -> NDArray[np.bool_]:
    table = circuit.table
    has_model = np.array([bool(name) for name in table.model_names], bool)[table.model]
    is_ideal = np.isin(table.device_type, _PASSIVE) & ~has_model
    drawn: NDArray[np.bool_] = ~(is_ideal | (table.device_type == DeviceType.SOURCE))[circuit.device_card]
    return drawn


def _roles(device_type: NDArray[np.int8], pins: IntArray) -> IntArray:
    """Role by card and position, [K, most pins]; the two ends of passive devices are exchangeable."""
    most = int(pins.max(initial=1))
    rows = []
    for kind in device_type.tolist():
        roles = np.array(pin_roles(DeviceType(kind), most), np.int32)
        roles[roles == PinRole.MINUS] = PinRole.PLUS
        unknown = np.flatnonzero(roles == PinRole.OTHER)
        roles[unknown] = OTHER_TERMINAL + unknown
        rows.append(roles)
    return np.array(rows, np.int32).reshape(len(rows), most)
