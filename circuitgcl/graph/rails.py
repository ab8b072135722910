"""Which nets are supply rails.

A rail joins everything to everything in two hops, so no message passes through one; coupling to a rail counts
as load to ground.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import DeviceType, PinRole


class RailKind(IntEnum):
    """Part a net plays in supplying the circuit."""

    SIGNAL = 0
    GROUND = 1
    SUPPLY = 2


# what may follow the stem: a domain (`vdda`, `vdd_io`), a voltage (`vdd_1v8`), a number or a bus index
_DOMAIN = r"(?:_?(?:[adhlpqx]|io|core|dig|ana|rf|pll|esd|pad))?(?:_?\d+[vp]\d*)?(?:[\[<(]?\d*[\]>)]?)!?"
_GROUND = re.compile(rf"0|(?:(?:[adp]?(?:gnd|vss)|vee|[vp]gnd|vnb|vsub|sub|substrate|ground){_DOMAIN})", re.I)
_SUPPLY = re.compile(rf"(?:[adp]?(?:vdd|vcc|vpwr)|vpb|vpp|vbat|power|avdd\w*|dvdd\w*){_DOMAIN}", re.I)
_VOLTAGE_SUPPLY = re.compile(r"v?(?:dd|cc)\d+(?:v|p)\d*!?", re.I)


def rail_kind_of_name(name: str) -> RailKind:
    """What a net's own (unqualified) name says about it."""
    if _GROUND.fullmatch(name):
        return RailKind.GROUND
    if _SUPPLY.fullmatch(name) or _VOLTAGE_SUPPLY.fullmatch(name):
        return RailKind.SUPPLY
    return RailKind.SIGNAL


def recognise_rails(circuit: FlatCircuit, patterns: Sequence[str] = ()) -> NDArray[np.int8]:
    """Rail kind of every flat net, [N] `RailKind`.

    Evidence, strongest first: the user's patterns; the names of top-level and global nets; bulk ties: a
    top-level port that is the bulk of most MOSFETs of one polarity. Nets inside an instance are never rails
    by name alone, since a local `vdd` there is driven by something in the circuit.

    Args:
        circuit: the flat circuit.
        patterns: glob patterns of rail names, any case (`vdd*`); given ones replace recognition by name.
    """
    top = np.flatnonzero(circuit.net_instance == 0)
    definition = circuit.definitions[circuit.instance_definition[0]]
    labels = list(definition.net_labels.take(circuit.net_local[top]))
    bulk = _bulk_counts(circuit)
    kinds = np.zeros(circuit.net_count, np.int8)
    if patterns:
        for net, label in zip(top.tolist(), labels, strict=True):
            if any(fnmatch.fnmatchcase(label.lower(), pattern.lower()) for pattern in patterns):
                by_bulk = RailKind.GROUND if bulk[net, 0] > bulk[net, 1] else RailKind.SUPPLY
                kinds[net] = rail_kind_of_name(label) or by_bulk
        return kinds
    kinds[top] = [rail_kind_of_name(label) for label in labels]
    ports = top[circuit.net_local[top] < definition.port_count]
    for polarity, kind in enumerate((RailKind.GROUND, RailKind.SUPPLY)):
        total = bulk[:, polarity].sum()
        if total and not (kinds == kind).any():
            majority = ports[bulk[ports, polarity] > 0.5 * total]
            kinds[majority[kinds[majority] == RailKind.SIGNAL]] = kind
    return kinds


def _bulk_counts(circuit: FlatCircuit) -> NDArray[np.int64]:
    """Number of NMOS and of PMOS bulk pins on every net, [N, 2], in the order of the rails they tie to."""
    counts = np.zeros((circuit.net_count, 2), np.int64)
    device_type = circuit.table.device_type[circuit.device_card][circuit.pin_device]
    is_bulk = pin_role_codes(circuit) == PinRole.BULK
    for column, polarity in enumerate((DeviceType.NMOS, DeviceType.PMOS)):
        nets = circuit.pin_net[is_bulk & (device_type == polarity)]
        counts[:, column] = np.bincount(nets, minlength=circuit.net_count)
    return counts
