"""A device as any reader sees it, in a form that can be compared, and our own view of a netlist."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAX_DEVICES = 400_000  # larger circuits are left to the speed benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A flat device; names in lower case, `.` between instances."""

    name: str
    letter: str  # of the card
    model: str
    nets: tuple[str, ...]  # SPICE terminal order
    sizes: dict[str, float] = field(default_factory=dict)  # w and l in m, m, nf, value in ohm, farad or henry
    path: tuple[str, ...] = ()  # instance names and the card's own: names may hold dots themselves

    @property
    def depth(self) -> int:
        """Number of instances around the device."""
        return self.name.count(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitView:
    """A flat circuit, or why there is none."""

    top: str
    devices: tuple[Device, ...] = ()
    globals: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A netlist and the cells to flatten; `None` stands for what the file itself instantiates."""

    path: Path
    tops: tuple[str | None, ...]
    lenient: bool = False  # whether ours skips what it cannot read


def our_view(question: Question) -> list[CircuitView]:
    """Circuits of our reader; runs in a child process."""
    from circuitgcl.errors import CircuitGCLError
    from circuitgcl.netlist import flatten, read_netlist

    try:
        netlist = read_netlist(question.path, on_error="skip" if question.lenient else "raise")
    except CircuitGCLError as error:
        return [CircuitView(top=top or "", error=str(error)) for top in question.tops]
    found = []
    for top in question.tops:
        try:
            found.append(_view(flatten(netlist, top)))
        except CircuitGCLError as error:
            found.append(CircuitView(top=top or "", error=str(error)))
    return found


def _view(circuit: object) -> CircuitView:
    from circuitgcl.netlist import FlatCircuit

    assert isinstance(circuit, FlatCircuit)
    if circuit.device_count > MAX_DEVICES:
        return CircuitView(top=circuit.name, error=f"left out: {circuit.device_count:,} devices")
    table = circuit.table
    columns = {"w": table.width_m, "l": table.length_m, "m": table.multiplier, "nf": table.fingers}
    columns["value"] = table.value
    sizes = [
        {name: float(column[row]) for name, column in columns.items() if not math.isnan(column[row])}
        for row in range(len(table))
    ]
    nets = [name.replace("/", ".").lower() for name in circuit.net_names()]
    names = [name.lower() for name in circuit.device_names()]
    rows, models = circuit.device_card.tolist(), table.model.tolist()
    pin_net, offsets = circuit.pin_net.tolist(), circuit.pin_offset.tolist()
    devices = tuple(
        Device(
            name=names[index].replace("/", "."),
            path=tuple(names[index].split("/")),
            letter=letter_of(names[index].replace("/", ".")),
            model=table.model_names[models[row]].lower(),
            nets=tuple(nets[net] for net in pin_net[offsets[index] : offsets[index + 1]]),
            sizes=sizes[row],
        )
        for index, row in enumerate(rows)
    )
    return CircuitView(
        top=circuit.name, devices=devices, globals=tuple(name.lower() for name in circuit.global_nets)
    )


def letter_of(name: str) -> str:
    """Element letter of a flat device name."""
    return name.rpartition(".")[2][:1]


def by_name(devices: Sequence[Device]) -> dict[str, Device]:
    """Devices under their names; a name that occurs twice keeps its first device."""
    found: dict[str, Device] = {}
    for device in devices:
        found.setdefault(device.name, device)
    return found
