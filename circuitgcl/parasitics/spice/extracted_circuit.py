"""Extractions with levels: what the netlist room reads and flattens, taken for capacitances between nets.

Calibre writes the network of each net into a subcircuit of its own (`PM_TOP%net`) and instantiates it with
the sub-nodes of the devices; Magic writes a subcircuit per cell; both in SPICE's or in Spectre's language.
Includes, hierarchy, parameters and dialects are those of `read_netlist` and `flatten`.

Capacitors without model and drawn size are parasitic. Negative ones, with which Magic takes back what a
subcell counted, are summed like others. A port called `gnd` is a net of its own beside the reference node.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuitgcl.errors import NetlistError, ParasiticsError
from circuitgcl.netlist import FlatCircuit, Netlist, Subcircuit, choose_top, flatten, read_netlist
from circuitgcl.netlist.hierarchy import Masters
from circuitgcl.netlist.records import GROUND_NAMES
from circuitgcl.parasitics.records import GROUND, IntArray, Parasitics, SkippedCards
from circuitgcl.parasitics.spice.repeated import counted_once
from circuitgcl.parasitics.spice.resistive import (
    BIPOLAR_TERMINALS,
    MOS_TERMINALS,
    ResistiveNetwork,
    pin_name,
)
from circuitgcl.parasitics.spice.scopes import PART_NAME
from circuitgcl.schema import DeviceType

_PRIMITIVES = frozenset({"", "capacitor", "resistor"})  # masters that are no model
_NET_SUBCIRCUIT = "PM_"  # how names begin of the subcircuits in which Calibre puts the network of a net
Mask = npt.NDArray[np.bool_]


def read_circuit(path: str | Path, top: str | None = None) -> Parasitics:
    """Read an extraction of any structure, with the files it includes.

    Args:
        path: plain or gzip'd netlist in any dialect of `read_netlist`.
        top: name of the subcircuit to read; the one that no other instantiates when absent.

    Raises:
        ParasiticsError: a file cannot be read, a statement is malformed, part of the extraction is missing,
            several designs stand in the file, or there are no capacitors.
    """
    try:
        netlist = read_netlist(path)
        _check_parts(netlist)
        chosen, _ = choose_top(netlist, top)
        circuit = flatten(_ground_apart(netlist, chosen), chosen.name if chosen is not netlist.main else None)
    except NetlistError as error:
        place = str(error.location) if error.location else ""
        raise ParasiticsError(f"{str(error).removeprefix(f'{place}: ')}", location=error.location) from error
    if top is None:
        _check_single(netlist, chosen)
    return _taken_apart(circuit, netlist, chosen)


def _ground_apart(netlist: Netlist, top: Subcircuit) -> Netlist:
    """The netlist with the ground ports of its top no ports, so that they are not bound to the node `0`."""
    kept = [
        (port, node)
        for port, node in zip(top.ports, top.port_nodes, strict=True)
        if port.casefold() not in GROUND_NAMES
    ]
    if len(kept) == len(top.ports):
        return netlist
    apart = replace(top, ports=tuple(port for port, _ in kept), port_nodes=tuple(node for _, node in kept))
    subcircuits = {
        key: apart if definition is top else definition for key, definition in netlist.subcircuits.items()
    }
    return replace(netlist, subcircuits=subcircuits)


def _check_parts(netlist: Netlist) -> None:
    """Without a part that Calibre's netlist includes, capacitances would be missing silently."""
    for card in netlist.skipped_cards:
        if card.kind.startswith("missing ") and PART_NAME.search(card.kind):
            name = card.kind.removeprefix("missing ").partition(" ")[2]
            raise ParasiticsError(
                f"{name} does not exist and holds part of the extraction; expected it there, or beside this "
                "file.",
                location=card.location,
            )


def _check_single(netlist: Netlist, chosen: Subcircuit) -> None:
    """Capacitors of a subcircuit outside the chosen design would be dropped silently."""
    masters = Masters(netlist)
    seen: set[int] = set()
    pending = [chosen]
    while pending:
        definition = pending.pop()
        if id(definition) not in seen:
            seen.add(id(definition))
            pending += masters.below(definition)
    place = "the top of the file" if chosen is netlist.main else chosen.name
    for other in netlist.subcircuits.values():
        if id(other) in seen or not _has_capacitors(netlist, other):
            continue
        if other.name.upper().startswith(_NET_SUBCIRCUIT) and chosen.name.upper().startswith(_NET_SUBCIRCUIT):
            raise ParasiticsError(
                f"subcircuits such as {other.name} are networks of single nets; expected the netlist that "
                "includes this file.",
                location=other.location,
            )
        raise ParasiticsError(
            f"subcircuit {other.name} has capacitors, but {place} does not "
            f"instantiate it; expected one design in a file. Split it, or choose with top='{other.name}'.",
            location=other.location,
        )


def _has_capacitors(netlist: Netlist, definition: Subcircuit) -> bool:
    specs = (netlist.specs[spec] for spec in definition.cards.used_specs.tolist())
    return any(
        (spec.kind is DeviceType.CAPACITOR and not spec.master) or spec.master == "capacitor"
        for spec in specs
    )


def _taken_apart(circuit: FlatCircuit, netlist: Netlist, top: Subcircuit) -> Parasitics:
    """Capacitors, resistors and device pins of a flat circuit, reduced to nets."""
    line = max(top.location.line, 1)
    kind, capacitor, resistor = _passives(circuit)
    skipped = _skipped(circuit, kind, ~capacitor & ~resistor, line)
    if not capacitor.any():
        held = ", ".join(f"{card.count} {card.kind}" for card in skipped) or "no device"
        raise ParasiticsError(
            f"no capacitors found among {held}; expected C cards of an extraction.", location=top.location
        )
    names, node_of = _nodes(circuit, top)
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ParasiticsError(
            f"two nets are called {twice}; expected instances with names of their own.", location=top.location
        )
    first = circuit.pin_offset[:-1]
    farad = (circuit.table.value * circuit.table.multiplier)[circuit.device_card[capacitor]]
    bad = np.flatnonzero(~np.isfinite(farad))
    if len(bad):
        device = circuit.device_names([int(np.flatnonzero(capacitor)[bad[0]])])[0]
        raise ParasiticsError(f"capacitor {device} has no finite value.", location=top.location)
    cap_a, cap_b = (node_of[circuit.pin_net[first[capacitor] + end]] for end in (0, 1))
    kept = counted_once(cap_a, cap_b, farad, line, skipped)
    shorted = int(np.count_nonzero(cap_a == cap_b))
    if shorted:
        skipped.append(SkippedCards(kind="C with both ends on one node", count=shorted, first_line=line))
    negative = int(np.count_nonzero(farad < 0))
    if negative:
        skipped.append(SkippedCards(kind="negative C, summed", count=negative, first_line=line))
    pin_node, pin_names = _pins(circuit, kind, ~capacitor & ~resistor, node_of)
    res_a, res_b = (node_of[circuit.pin_net[first[resistor] + end]] for end in (0, 1))
    network = ResistiveNetwork(
        names=tuple(names),
        ports=frozenset(top.ports),
        cap_a=cap_a[kept],
        cap_b=cap_b[kept],
        cap_farad=farad[kept],
        res_a=res_a,
        res_b=res_b,
        pin_node=pin_node,
        pin_names=pin_names,
        n_devices=int(np.count_nonzero(~capacitor & ~resistor)),
        line=line,
    )
    design = netlist.name if top is netlist.main else top.name
    return network.to_parasitics(design, Path(circuit.path).name, skipped)


def _passives(circuit: FlatCircuit) -> tuple[npt.NDArray[np.int8], Mask, Mask]:
    """Type of each device [D]; which are parasitic capacitors, and which are resistors without a model."""
    table = circuit.table
    plain = np.array([name.casefold() in _PRIMITIVES for name in table.model_names])[table.model]
    plain &= np.isnan(table.width_m) & np.isnan(table.length_m) & np.isnan(table.area_m2) & (table.pins == 2)
    kind = table.device_type[circuit.device_card]
    plain = plain[circuit.device_card]
    return kind, plain & (kind == DeviceType.CAPACITOR), plain & (kind == DeviceType.RESISTOR)


def _nodes(circuit: FlatCircuit, top: Subcircuit) -> tuple[list[str], IntArray]:
    """Names of the nodes, and node of each flat net [N]; `0`, and `gnd` where it is no port, are GROUND."""
    names = circuit.net_names()
    ports = {port.casefold() for port in top.ports}
    ground = {"0"} | {name for name in GROUND_NAMES if name not in ports}
    is_ground = np.array([name.casefold() in ground for name in names], dtype=bool)
    node_of = np.where(is_ground, GROUND, np.cumsum(~is_ground) - 1).astype(np.int32)
    return [name for name, grounded in zip(names, is_ground.tolist(), strict=True) if not grounded], node_of


def _pins(
    circuit: FlatCircuit, kind: npt.NDArray[np.int8], chosen: Mask, node_of: IntArray
) -> tuple[IntArray, tuple[str, ...]]:
    """Node and name of the pins of the chosen devices, without those on ground."""
    devices = np.flatnonzero(chosen)
    names = dict(zip(devices.tolist(), circuit.device_names(devices), strict=True))
    node = node_of[circuit.pin_net]
    pins = np.flatnonzero(chosen[circuit.pin_device] & (node != GROUND))
    owner, position = circuit.pin_device[pins].tolist(), circuit.pin_position[pins].tolist()
    letters = {number: _letters(DeviceType(number)) for number in np.unique(kind).tolist()}
    return node[pins], tuple(
        pin_name(names[device], letters[int(kind[device])], at)
        for device, at in zip(owner, position, strict=True)
    )


def _letters(kind: DeviceType) -> str:
    if kind.is_mos or kind is DeviceType.JFET:
        return MOS_TERMINALS
    return BIPOLAR_TERMINALS if kind.is_bipolar else ""


def _skipped(
    circuit: FlatCircuit, kind: npt.NDArray[np.int8], devices: Mask, line: int
) -> list[SkippedCards]:
    """Devices by type, and what the netlist reader passed over."""
    names = {DeviceType.CAPACITOR: "C with a model", DeviceType.RESISTOR: "R with a model"}
    counts = zip(*np.unique(kind[devices], return_counts=True), strict=True)
    skipped = [
        SkippedCards(
            kind=names.get(DeviceType(number), DeviceType(number).name.lower()),
            count=int(count),
            first_line=line,
        )
        for number, count in counts
    ]
    others: dict[str, tuple[int, int]] = {}
    for card in circuit.skipped_cards:
        count, first = others.get(card.kind, (0, card.location.line))
        others[card.kind] = count + 1, first
    return skipped + [SkippedCards(kind=k, count=n, first_line=first) for k, (n, first) in others.items()]
