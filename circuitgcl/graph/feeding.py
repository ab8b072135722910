"""Which nets feed gates, as rails do, whatever they are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.net_sums import NetSums
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

MIN_FED = 3  # outputs: fewer are the tail of a latch, or the stage of a starved ring


def feeding_nets(circuit: FlatCircuit, sums: NetSums) -> NDArray[np.bool_]:
    """Nets that complementary gates draw their current from, [N].

    A MOSFET whose gate and drain are also gate and drain of one of the other polarity, as in an inverter or a
    NAND, has its source on the net that feeds it. A net that feeds at least `MIN_FED` outputs through one
    polarity, and is no such output itself, is as good as a rail.
    """
    bodies = sums.bodies
    kind = np.repeat(circuit.table.device_type[bodies.card], bodies.device_pins)
    device = np.repeat(np.arange(len(bodies.card)), bodies.device_pins)
    gate = np.full(len(bodies.card), -1)
    is_gate = bodies.pin_role == PinRole.GATE
    gate[device[is_gate]] = sums.slot[is_gate]
    is_mos = np.isin(kind, (DeviceType.NMOS, DeviceType.PMOS)) & (bodies.device_pins[device] > 2)
    ends = np.flatnonzero(is_mos & (bodies.pin_role == PinRole.SOURCE_DRAIN)).reshape(-1, 2)
    ends = ends[sums.slot[ends[:, 0]] != sums.slot[ends[:, 1]]]
    output, source = np.concatenate([ends, ends[:, ::-1]]).T  # either may be the drain
    code = gate[device[output]] * sums.slot_count + sums.slot[output]
    is_pmos = kind[output] == DeviceType.PMOS
    paired = np.where(is_pmos, np.isin(code, code[~is_pmos]), np.isin(code, code[is_pmos]))
    fed = np.zeros((2, sums.slot_count))
    for polarity in (0, 1):
        chosen = paired & (is_pmos == bool(polarity))
        edges = np.unique(sums.slot[source[chosen]] * sums.slot_count + sums.slot[output[chosen]])
        fed[polarity] = np.bincount(edges // sums.slot_count, minlength=sums.slot_count)
    driven = np.bincount(sums.slot[output[paired]], minlength=sums.slot_count).astype(np.float64)
    through = np.stack([sums.over_slots(fed[0]), sums.over_slots(fed[1])])
    feeds = (through.max(axis=0) >= MIN_FED) & (through.min(axis=0) == 0)
    found: NDArray[np.bool_] = feeds & (sums.over_slots(driven) == 0)
    return found
