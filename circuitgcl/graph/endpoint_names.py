"""Nets and device pins by their flat names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph.segments import Index
from circuitgcl.netlist.records import FlatCircuit

MAX_COMPARED = 20_000  # names among which a near one is looked for


def net_numbers(circuit: FlatCircuit, names: Sequence[str]) -> Index:
    """Numbers of flat nets, [X]: spelled as in the netlist, or in any case where that is unambiguous.

    Raises:
        DataError: the circuit has no such net.
    """
    known, folded = _numbered(circuit.net_names())
    return np.array([_found(circuit, name, "net", known, folded) for name in names], np.int64)


def endpoint_numbers(circuit: FlatCircuit, names: Sequence[str]) -> Index:
    """Endpoints of pairs, [X]: nets as `net_numbers`, pins as `device:position`, positions from 1.

    Raises:
        DataError: the circuit has no such net, device or position.
    """
    nets, devices = _numbered(circuit.net_names()), _numbered(circuit.device_names())
    found = []
    for name in names:
        device, colon, position = name.rpartition(":")
        if not colon or name in nets[0] or not position.isdecimal():
            found.append(_found(circuit, name, "net", *nets))
            continue
        number = _found(circuit, device, "device", *devices)
        start, stop = circuit.pin_offset[number : number + 2].tolist()
        if not 1 <= int(position) <= stop - start:
            raise DataError(
                f"a pair names pin {name}; device {device} has pins 1 to {stop - start}",
                location=SourceLocation(circuit.path, 0),
            )
        found.append(circuit.net_count + start + int(position) - 1)
    return np.array(found, np.int64)


def _numbered(names: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers by name, and by folded name where one name folds so."""
    known = {name: number for number, name in enumerate(names)}
    folded: dict[str, int] = {}
    for name, number in known.items():
        key = name.casefold()
        folded[key] = -1 if key in folded else number
    return known, folded


def _found(circuit: FlatCircuit, name: str, what: str, known: dict[str, int], folded: dict[str, int]) -> int:
    number = known.get(name, folded.get(name.casefold(), -1))
    if number < 0:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1) if len(known) <= MAX_COMPARED else []
        hint = f"did you mean {near[0]!r}?" if near else f"it has {len(known):,}, named by path: 'xa/x1/n'"
        raise DataError(
            f"a pair names {what} {name!r}, which {circuit.name} does not have; {hint}",
            location=SourceLocation(circuit.path, 0),
        )
    return number
