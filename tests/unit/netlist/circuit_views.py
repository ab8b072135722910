"""What tests look at in a flat circuit, in a form that is easily written by hand."""

from __future__ import annotations

import numpy as np

from circuitgcl.netlist import FlatCircuit
from circuitgcl.schema import DeviceType

SIZES = ("width_m", "length_m", "fingers", "multiplier", "area_m2", "perimeter_m", "value")


def topology(circuit: FlatCircuit) -> dict[str, str]:
    """Every device with its type, its model in parentheses, and the nets at its pins in order."""
    nets, table = circuit.net_names(), circuit.table
    found: dict[str, str] = {}
    for device, name in enumerate(circuit.device_names()):
        row = circuit.device_card[device]
        pins = circuit.pin_net[circuit.pin_offset[device] : circuit.pin_offset[device + 1]].tolist()
        kind = DeviceType(table.device_type[row]).name
        model = table.model_names[table.model[row]]
        found[name] = " ".join([kind, *([f"({model})"] if model else []), *(nets[net] for net in pins)])
    return found


def sizes(circuit: FlatCircuit) -> dict[str, dict[str, float]]:
    """Sizes of every device in SI units, to twelve digits; absent ones and single copies left out."""
    found: dict[str, dict[str, float]] = {}
    for name, row in zip(circuit.device_names(), circuit.device_card.tolist(), strict=True):
        given = {size: float(getattr(circuit.table, size)[row]) for size in SIZES}
        found[name] = {
            size: float(f"{value:.12g}")
            for size, value in given.items()
            if not np.isnan(value) and not (size in ("fingers", "multiplier") and value == 1)
        }
    return found


def mos(width_m: float, length_m: float, **others: float) -> dict[str, float]:
    """Sizes of a transistor."""
    return {"width_m": width_m, "length_m": length_m, **others}


def values(circuit: FlatCircuit) -> dict[str, float]:
    """Ohm, farad or henry of every device."""
    return {name: given["value"] for name, given in sizes(circuit).items() if "value" in given}


def skipped(circuit: FlatCircuit) -> list[tuple[str, int]]:
    """Kind and line of every card that was listed instead of used."""
    return [(card.kind, card.location.line) for card in circuit.skipped_cards]
