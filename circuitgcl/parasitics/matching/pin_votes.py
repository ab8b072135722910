"""Nets told from the devices on them: an extracted net is the schematic net that its device pins are on.

A gate or a bulk says directly which net it is on. Source and drain are exchangeable, since extractors name
them as they please: one of them tells its net when the net of the other is matched already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.matching.device_graph import roles_of_circuit
from circuitgcl.parasitics.matching.device_pins import UNKNOWN_TERMINAL, DevicePins
from circuitgcl.parasitics.matching.name_ladder import Joined
from circuitgcl.parasitics.matching.report import UnmatchedName
from circuitgcl.parasitics.records import IntArray
from circuitgcl.schema import PinRole

BY_PINS = "by device pins"
_ROLES = 1 << 10  # more than there are role codes
_MOST_ROUNDS = 100  # along chains of devices in series
_MOST_WRONG = 0.1  # share of devices on other nets than in the schematic that swapped nets may explain
_NO_NET = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class PinEvidence:
    """R pins of extracted devices that the schematic has too, and where they are on both sides."""

    pin: NDArray[np.int64]  # [R] position among the pins of the extraction
    net: IntArray  # [R] extracted net
    first: IntArray  # [R] schematic net of the terminal of this role
    second: IntArray  # [R] that of the other terminal of this role, or the same again


def pin_evidence(pins: DevicePins, device_partner: IntArray, circuit: FlatCircuit) -> PinEvidence:
    """Terminals of the devices that both sides have.

    Args:
        pins: pins of the extraction.
        device_partner: flat device of every extracted device, -1 where there is none.
        circuit: the schematic.
    """
    device = device_partner[pins.pin_device].astype(np.int64)
    rows = np.flatnonzero((device >= 0) & (pins.pin_role != UNKNOWN_TERMINAL))
    wanted = device[rows] * _ROLES + pins.pin_role[rows]
    offered = circuit.pin_device.astype(np.int64) * _ROLES + roles_of_circuit(circuit)
    order = np.argsort(offered, kind="stable")
    offered, net = offered[order], circuit.pin_net[order]
    begin, end = np.searchsorted(offered, wanted, "left"), np.searchsorted(offered, wanted, "right")
    usable = (end - begin == 1) | (end - begin == 2)
    rows, begin, end = rows[usable], begin[usable], end[usable]
    return PinEvidence(
        pin=rows,
        net=pins.pin_net[rows],
        first=net[begin],
        second=net[end - 1],
    )


def is_trusted(joined: Joined, evidence: PinEvidence, pins: DevicePins) -> bool:
    """Whether device names mean the same devices on both sides.

    Extractors that number devices anew give `M1` to another device than the schematic does. Devices with pins
    on nets that are matched already tell; without any, the gates must agree which net is which.
    """
    wrong = _is_wrong(joined.partner, evidence)
    known = joined.partner[evidence.net] >= 0
    device = pins.pin_device[evidence.pin]
    checked = np.unique(device[known])
    if len(checked):
        return len(np.unique(device[wrong])) <= _MOST_WRONG * len(checked)
    direct = (evidence.first == evidence.second) & (pins.pin_role[evidence.pin] != PinRole.BULK)
    net, said = evidence.net[direct], evidence.first[direct]
    pairs, votes = np.unique(np.stack([net, said], axis=1), axis=0, return_counts=True)
    clear = np.isin(pairs[:, 0], _unanimous(net, said)[0])
    return bool(votes[clear].sum() >= (1.0 - _MOST_WRONG) * votes.sum())


def _is_wrong(partner: IntArray, evidence: PinEvidence) -> NDArray[np.bool_]:
    """Pins whose extracted net is matched to another schematic net than the pin is on, [R]."""
    drawn = partner[evidence.net]
    wrong: NDArray[np.bool_] = (drawn >= 0) & (drawn != evidence.first) & (drawn != evidence.second)
    return wrong


def join_by_pins(joined: Joined, evidence: PinEvidence, schematic_nets: int) -> None:
    """Join nets whose pins all say the same; round by round, since each net joined tells about others."""
    for _ in range(_MOST_ROUNDS):
        taken = np.zeros(schematic_nets, bool)
        taken[joined.partner[joined.partner >= 0]] = True
        said = _said(joined.partner, evidence, taken)
        told = said != _NO_NET
        net, partner = _unanimous(evidence.net[told], said[told])
        new = (joined.partner[net] < 0) & ~taken[partner]
        if not new.any():
            return
        joined.pair(net[new].tolist(), partner[new].tolist(), BY_PINS)


def _said(partner: IntArray, evidence: PinEvidence, taken: NDArray[np.bool_]) -> IntArray:
    """Schematic net that each pin must be on, -1 where both terminals of its role are possible."""
    first, second = evidence.first, evidence.second
    said = np.where(first == second, first, _NO_NET)
    is_open = (partner[evidence.net] < 0) & (first != second) & (taken[first] != taken[second])
    told: IntArray = np.where(is_open, np.where(taken[first], second, first), said)
    return told


def _unanimous(net: IntArray, said: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs of nets that only ever vote for each other."""
    pairs = np.unique(np.stack([net, said], axis=1), axis=0)
    one = np.bincount(pairs[:, 0]) if len(pairs) else np.zeros(0, np.int64)
    other = np.bincount(pairs[:, 1]) if len(pairs) else np.zeros(0, np.int64)
    clear = (one[pairs[:, 0]] == 1) & (other[pairs[:, 1]] == 1)
    return pairs[clear, 0].astype(np.int32), pairs[clear, 1].astype(np.int32)


def contradictions(
    joined: Joined, evidence: PinEvidence, pins: DevicePins, extracted: tuple[str, ...], circuit: FlatCircuit
) -> Iterator[UnmatchedName]:
    """Pins whose extracted net is matched to another schematic net than the pin is on."""
    partner = joined.partner[evidence.net]
    for row in np.flatnonzero(_is_wrong(joined.partner, evidence)).tolist():
        drawn, meant = circuit.net_names([int(partner[row]), int(evidence.first[row])])
        yield UnmatchedName(
            name=pins.pin_names[int(evidence.pin[row])],
            reason=f"on net {extracted[evidence.net[row]]}, matched to {drawn}; in the schematic on {meant}",
        )
