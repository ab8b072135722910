"""KLayout's SPICE reader as an oracle for topology.

KLayout drops the element letter from device and instance names (`X1/M2` becomes `1.2`), gives lengths in
micrometres and multiplies W by m. Devices of a process kit that are called like subcircuits are empty
circuits to it and vanish when the netlist is flattened.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlist_peers.views import MAX_DEVICES, CircuitView, Device, Question

if TYPE_CHECKING:
    import klayout.db as kdb

_TERMINALS = {  # in SPICE order
    "m": ("D", "G", "S", "B"),
    "q": ("C", "B", "E", "S"),
    "d": ("A", "C"),
    "r": ("A", "B", "W"),
}
_TERMINALS |= {"c": _TERMINALS["r"], "l": _TERMINALS["r"]}
_PARAMETERS = {"m": ("W", "L"), "r": ("R",), "c": ("C",), "l": ("L",)}


def klayout_view(question: Question) -> list[CircuitView]:
    """Circuits of KLayout's reader; runs in a child process."""
    import klayout.db as kdb

    netlist = kdb.Netlist()
    try:
        netlist.read(str(question.path), kdb.NetlistSpiceReader())
        netlist.flatten()
    except RuntimeError as error:
        text = str(error).replace(str(question.path), Path(question.path).name)
        return [CircuitView(top=top or "", error=text) for top in question.tops]
    circuits = {circuit.name.lower(): circuit for circuit in netlist.each_circuit()}
    return [_view(circuits, top or ".top") for top in question.tops]


def _view(circuits: dict[str, kdb.Circuit], top: str) -> CircuitView:
    circuit = circuits.get(top)
    if circuit is None:
        return CircuitView(top=top, error="no such circuit")
    devices = []
    for count, device in enumerate(circuit.each_device()):
        if count == MAX_DEVICES:
            return CircuitView(top=top, error=f"left out: more than {MAX_DEVICES:,} devices")
        devices.append(_device(device))
    return CircuitView(top=top, devices=tuple(devices))


def _device(device: kdb.Device) -> Device:
    kind = device.device_class()
    letter = letter_of_class(kind)
    terminals = {terminal.name: terminal.id() for terminal in kind.terminal_definitions()}
    nets = []
    for name in _TERMINALS.get(letter, ()):
        if name in terminals:
            net = device.net_for_terminal(terminals[name])
            nets.append(net.expanded_name().lower() if net else "")
    sizes = {
        name.lower() if letter == "m" else "value": device.parameter(name)
        for name in _PARAMETERS.get(letter, ())
    }
    return Device(
        name=device.expanded_name().lower(),
        letter=letter,
        model=kind.name.lower(),
        nets=tuple(nets),
        sizes=sizes,
    )


def letter_of_class(kind: kdb.DeviceClass) -> str:
    """Element letter of a device class, told by its terminals and parameters."""
    terminals = {terminal.name for terminal in kind.terminal_definitions()}
    parameters = {parameter.name for parameter in kind.parameter_definitions()}
    if {"G", "D"} <= terminals:
        return "m"
    if {"C", "B", "E"} <= terminals:
        return "q"
    if terminals == {"A", "C"}:
        return "d"
    return next((name.lower() for name in ("R", "C", "L") if name in parameters), "?")
