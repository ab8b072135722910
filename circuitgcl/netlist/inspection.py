"""What a netlist contains, without any model."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from circuitgcl.netlist.flattening import flatten
from circuitgcl.netlist.reading import read_netlist
from circuitgcl.netlist.records import FlatCircuit


def read_timed(path: str | Path, top: str | None = None) -> tuple[FlatCircuit, dict[str, Any]]:
    """Read and flatten a netlist, and describe it as `circuitgcl inspect` does, rails left out.

    Raises:
        NetlistError: the netlist cannot be read or flattened.
    """
    start = time.perf_counter()
    netlist = read_netlist(path)
    read = time.perf_counter()
    circuit = flatten(netlist, top)
    done = time.perf_counter()
    models = circuit.table.model[circuit.device_card]
    counts = np.bincount(models, minlength=len(circuit.table.model_names)).tolist()
    return circuit, {
        "top": circuit.name,
        "subcircuits": len(netlist.subcircuits),
        "devices": circuit.device_count,
        "devices_by_model": {
            name or "(no model)": count
            for name, count in zip(circuit.table.model_names, counts, strict=True)
            if count
        },
        "nets": circuit.net_count,
        "pins": circuit.pin_count,
        "skipped_cards": [
            {"kind": card.kind, "location": str(card.location)} for card in circuit.skipped_cards
        ],
        "warnings": list(circuit.warnings),
        "seconds": {"read": round(read - start, 4), "flatten": round(done - read, 4)},
        "peak_mib": round(peak_mib(), 1),
    }


def peak_mib() -> float:
    """Largest resident size of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 2**20
