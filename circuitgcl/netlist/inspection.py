"""What a netlist contains, without any model."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from circuitgcl.errors import OnError
from circuitgcl.netlist.flattening import flatten
from circuitgcl.netlist.reading import read_netlist
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import PortDirection


def read_timed(
    path: str | Path,
    top: str | None = None,
    *,
    dialect: str | None = None,
    on_error: OnError = OnError.RAISE,
) -> tuple[FlatCircuit, dict[str, Any]]:
    """Read and flatten a netlist, and describe it as `circuitgcl inspect` does, rails left out.

    Raises:
        NetlistError: the netlist cannot be read or flattened.
    """
    start = time.perf_counter()
    netlist = read_netlist(path, dialect=dialect, on_error=on_error)
    read = time.perf_counter()
    circuit = flatten(netlist, top)
    done = time.perf_counter()
    models = circuit.table.model[circuit.device_card]
    counts = np.bincount(models, minlength=len(circuit.table.model_names)).tolist()
    definition = circuit.definitions[-1]
    return circuit, {
        "top": circuit.name,
        "dialect": netlist.dialect,
        "subcircuits": len(netlist.subcircuits),
        "devices": circuit.device_count,
        "devices_by_model": {
            name or "(no model)": count
            for name, count in zip(circuit.table.model_names, counts, strict=True)
            if count
        },
        "nets": circuit.net_count,
        "pins": circuit.pin_count,
        "ports": list(definition.net_labels[: definition.port_count]),
        "port_directions": {
            definition.net_labels[port]: PortDirection(definition.port_direction[port]).name.lower()
            for port in np.flatnonzero(definition.port_direction).tolist()
        },
        "cells": cells_below(circuit),
        "skipped_cards": [
            {"kind": card.kind, "location": str(card.location)} for card in circuit.skipped_cards
        ],
        "warnings": list(circuit.warnings),
        "seconds": {"read": round(read - start, 4), "flatten": round(done - read, 4)},
        "peak_mib": round(peak_mib(), 1),
    }


def cells_below(circuit: FlatCircuit) -> list[dict[str, Any]]:
    """The cells of a hierarchy, the top first: name, instances in all, devices of its own, cells it uses.

    Variants of a cell that differ only in parameter values are one cell here; `uses` counts the instances in
    the variant that has most of them.
    """
    instances = np.bincount(circuit.instance_definition, minlength=len(circuit.definitions)).tolist()
    rows: dict[str, dict[str, Any]] = {}
    for number in reversed(range(len(circuit.definitions))):
        definition = circuit.definitions[number]
        children = Counter(circuit.definitions[child].name for child in definition.child_definition.tolist())
        row = rows.setdefault(definition.name, {"cell": definition.name, "instances": 0, "devices": 0})
        row["instances"] += instances[number]
        row["devices"] = max(row["devices"], len(definition.device_card))
        uses = row.setdefault("uses", {})
        for name, count in children.items():
            uses[name] = max(count, uses.get(name, 0))
    return list(rows.values())


def peak_mib() -> float:
    """Largest resident size of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 2**20
